import TestSupport
import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import Testing

/// The thirty numbered faults of django-queued-storage 0.8, each answered.
@Suite struct OriginalFaultTests {
    // MARK: Names

    @Test func `fault 1: the name that the remote really stored is recorded and read`() async throws {
        try await withBench(task: .transferAndDelete) { bench in
            let name = try await bench.storage.save("f.txt", .text("mine"))
            _ = try await bench.remote.base.save("f.txt", .text("someone else's"))

            try await bench.work()

            let file = try #require(try await bench.catalog.file(name, in: "files"))
            #expect(file.state == .remote)
            #expect(file.remoteName != "f.txt")
            #expect(!file.hasLocal)
            #expect(try await bench.text("f.txt") == "mine")
            #expect(bench.bytes("remote/f.txt") == "someone else's")
        }
    }

    @Test func `fault 1: a remote that renames by itself is believed`() async throws {
        try await withBench(remote: { directory in
            let base = FileSystemStorage(location: directory)
            return TestRemote(
                base,
                afterStore: { stored in
                    let name = try await base.save("renamed.txt", .text("mine"))
                    try await base.delete(stored.name)
                    return StoredObject(name: name, size: stored.size, sha256: stored.sha256)
                }
            )
        }) { bench in
            _ = try await bench.storage.save("f.txt", .text("mine"))

            try await bench.work()

            #expect(try await bench.catalog.file("f.txt", in: "files")?.remoteName == "renamed.txt")
            #expect(try await bench.text("f.txt") == "mine")
        }
    }

    @Test func `fault 2: a second upload of one name never replaces the first`() async throws {
        try await withBench(task: .transferAndDelete) { bench in
            let first = try await bench.storage.save("photo.jpg", .text("first"))
            try await bench.work()
            #expect(bench.tree("local").isEmpty)

            let second = try await bench.storage.save("photo.jpg", .text("second"))
            try await bench.work()

            #expect(first != second)
            #expect(try await bench.text(first) == "first")
            #expect(try await bench.text(second) == "second")
        }
    }

    @Test func `fault 4: two storages with one cache prefix and one file name don't disturb each other`() async throws {
        try await withBench { bench in
            let other = try QueuedStorage(
                "others",
                local: FileSystemStorage(location: "\(bench.directory)/local2"),
                remote: FileSystemStorage(location: "\(bench.directory)/remote2"),
                catalog: bench.catalog,
                delayed: true,
                environment: [:]
            )
            _ = try await bench.storage.save("f.txt", .text("one"))
            try await bench.work()

            _ = try await other.save("f.txt", .text("two"))

            #expect(try await bench.storage.isUsingRemote("f.txt"))
            #expect(try await other.isUsingLocal("f.txt"))
            #expect(try await bench.text("f.txt") == "one")
        }
    }

    @Test func `fault 10: a collision leaves the older file readable`() async throws {
        try await withBench(delayed: true) { bench in
            let older = try await bench.storage.save("a.png", .text("older"))
            let newer = try await bench.storage.save("a.png", .text("newer"))

            #expect(older == "a.png")
            #expect(newer != "a.png")
            #expect(try await bench.text(older) == "older")
            #expect(try await bench.text(newer) == "newer")
        }
    }

    @Test func `fault 26: names that no cache would take as a key are names like others`() async throws {
        try await withBench { bench in
            let long = String(repeating: "ü", count: 120) + "/" + String(repeating: "x", count: 250)
            let name = try await bench.storage.save(long, .text("long"))
            try await bench.work()

            #expect(name == long)
            #expect(try await bench.text(long) == "long")
        }
    }

    // MARK: Jobs

    @Test func `fault 3: a transfer outlives whoever queued it`() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await Bench(directory).storage.save("f.txt", .text("x"))

            let successor = try Bench(directory)
            try await successor.work()

            #expect(try await successor.state("f.txt") == .remote)
        }
    }

    @Test func `fault 5: no secret is in the catalog`() async throws {
        try await withBench(remote: { directory in
            TestRemote(FileSystemStorage(location: directory), beforeStore: { _, _ in throw StorageError.flaky })
        }) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()

            // Jobs name the storage by its alias, and hold no option of either side.
            let columns = try await bench.catalog.read { db in
                try db.columns(in: "qstore_job").map(\.name) + db.columns(in: "qstore_file").map(\.name)
            }
            #expect(!columns.contains { $0.lowercased().contains("option") || $0.lowercased().contains("password") })
        }
    }

    @Test func `fault 7: a file deleted while its transfer runs never comes back`() async throws {
        let (started, starting) = AsyncStream<Void>.makeStream()
        let (goOn, goingOn) = AsyncStream<Void>.makeStream()
        try await withBench(remote: { directory in
            TestRemote(
                FileSystemStorage(location: directory),
                beforeStore: { _, _ in
                    starting.yield()
                    for await _ in goOn { break }
                }
            )
        }) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            async let working: Void = bench.work()
            for await _ in started { break }

            try await bench.storage.delete("f.txt")
            #expect(try await !bench.storage.exists("f.txt"))
            goingOn.yield()
            try await working
            try await bench.work()

            #expect(bench.tree("remote").isEmpty)
            #expect(bench.tree("local").isEmpty)
            #expect(try await bench.catalog.files(FileQuery()).isEmpty)
        }
    }

    @Test func `fault 15: six failures are no end: the file is listed as failed, with its reason, and can be retried`()
        async throws
    {
        let isDown = Mutex(true)
        let time = TestTime()
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, _ in
                        if isDown.withLock({ $0 }) { throw StorageError.flaky }
                    }
                )
            },
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            for _ in 0..<6 {
                try await bench.work()
                time.advance(by: .seconds(86_400))
            }
            let failed = try #require(try await bench.catalog.files(FileQuery(state: .failed)).first)
            #expect(failed.attempts == 6)
            #expect(failed.error?.contains("the connection was reset") == true)
            #expect(try await bench.text("f.txt") == "x")

            isDown.withLock { $0 = false }
            try await bench.storage.transfer("f.txt")
            try await bench.work()

            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    @Test func `fault 16: an attempt whose success was not heard of is not sent again under another name`() async throws
    {
        let time = TestTime()
        try await withBench(
            remote: { directory in
                let count = Mutex(0)
                return TestRemote(
                    FileSystemStorage(location: directory),
                    afterStore: { stored in
                        let isFirst = count.withLock { count in
                            count += 1
                            return count == 1
                        }
                        if isFirst { throw StorageError.flaky }
                        return stored
                    }
                )
            },
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(bench.tree("remote") == ["f.txt"])

            time.advance(by: .seconds(120))
            try await bench.work()

            #expect(try await bench.state("f.txt") == .remote)
            #expect(bench.tree("remote") == ["f.txt"])
        }
    }

    @Test func `fault 17: a worker claims only jobs whose local storage it has`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let elsewhere = try QueuedStorage(
                "elsewhere",
                local: FileSystemStorage(location: "\(bench.directory)/other"),
                remote: FileSystemStorage(location: "\(bench.directory)/other-remote"),
                catalog: bench.catalog,
                environment: [:]
            )

            try await TransferWorker(catalog: bench.catalog, storages: [elsewhere]).runUntilIdle()

            #expect(try await bench.state("f.txt") == .queued)
            #expect(bench.remote.storedNames.isEmpty)
        }
    }

    @Test func `fault 18: a listener that fails changes nothing`() async throws {
        try await withBench { bench in
            let events = bench.storage.fileTransferred
            let listening = Task {
                for await event in events { throw StorageError(.failed, "the receiver failed on \(event.name)") }
            }
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()

            await #expect(throws: StorageError.self) { try await listening.value }
            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    @Test func `fault 20: what trying again can't mend fails at once`() async throws {
        try await withBench(remote: { directory in
            TestRemote(FileSystemStorage(location: directory), beforeStore: { _, _ in throw StorageError.forbidden })
        }) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))

            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
            #expect(file.state == .failed)
            #expect(file.attempts == 1)
            #expect(bench.remote.calls.filter { $0 == "store" }.count == 1)
        }
    }

    @Test func `fault 27: each transfer has a handle of its own`() async throws {
        try await withBench(delayed: true) { bench in
            _ = try await bench.storage.save("a.txt", .text("a"))
            _ = try await bench.storage.save("b.txt", .text("b"))
            let first = try await bench.storage.transfer("a.txt")
            let second = try await bench.storage.transfer("b.txt")
            try await bench.work()

            #expect(try await first.value.name == "a.txt")
            #expect(try await second.value.name == "b.txt")
            #expect(first.id != second.id)
        }
    }

    @Test func `fault 28: transfers can be cancelled, paused, limited, and retried each in its own way`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            #expect(try await bench.storage.cancelTransfer("f.txt"))
            try await bench.work()
            #expect(try await bench.state("f.txt") == .local)

            try await bench.storage.transfer("f.txt")
            try await bench.storage.pause()
            try await bench.work()
            #expect(try await bench.state("f.txt") == .queued)

            try await bench.storage.resume()
            try await bench.work()
            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    @Test func `fault 29: a finished transfer says whose file it was`() async throws {
        try await withBench { bench in
            let events = bench.storage.fileTransferred
            var request = SaveRequest(name: "f.txt")
            request.owner = FileOwner(model: "photo", row: "7", field: "image")
            _ = try await bench.storage.save(.text("x"), request)
            try await bench.work()

            var iterator = events.makeAsyncIterator()
            let event = try #require(await iterator.next())
            #expect(event.name == "f.txt")
            #expect(event.owner == FileOwner(model: "photo", row: "7", field: "image"))
        }
    }

    // MARK: Deleting

    @Test func `fault 6: a deleted file is gone on both sides`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(bench.tree("local") == ["f.txt"])

            try await bench.storage.delete("f.txt")
            try await bench.work()

            #expect(bench.tree("local").isEmpty)
            #expect(bench.tree("remote").isEmpty)
            #expect(try await bench.storage.save("f.txt", .text("y")) == "f.txt")
        }
    }

    @Test func `fault 8: the local copy goes after the switch to the remote, not before`() async throws {
        try await withBench(task: .transferAndDelete) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let events = bench.catalog.events(since: 0)
            try await bench.work()

            var types: [StorageEvent.Kind] = []
            for await event in events {
                types.append(event.type)
                if event.type == .transferred { break }
            }
            #expect(types == [.queued, .started, .transferred])
            #expect(bench.tree("local").isEmpty)
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `fault 19: a truncated upload never costs the local copy`() async throws {
        try await withBench(
            remote: { directory in
                let base = FileSystemStorage(location: directory)
                return TestRemote(
                    base,
                    afterStore: { stored in
                        // The remote says that all is well, and has lost a byte.
                        _ = try await base.store(
                            .text("truncate"),
                            as: stored.name,
                            options: StoreOptions(replaces: true)
                        )
                        return stored
                    }
                )
            },
            task: .transferAndDelete
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("truncated"))

            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
            #expect(file.state == .queued)
            #expect(file.attempts == 1)
            #expect(try await bench.text("f.txt") == "truncated")
        }
    }

    @Test func `fault 19: bytes that were changed on the way never cost the local copy`() async throws {
        try await withBench(
            remote: { directory in
                let base = FileSystemStorage(location: directory)
                return TestRemote(
                    base,
                    afterStore: { stored in
                        _ = try await base.store(
                            .text("fl1pped"),
                            as: stored.name,
                            options: StoreOptions(replaces: true)
                        )
                        return stored
                    }
                )
            },
            task: .transferAndDelete
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("flipped"))

            try await bench.work()

            #expect(try await bench.state("f.txt") != .remote)
            #expect(try await bench.text("f.txt") == "flipped")
        }
    }

    // MARK: Reading

    @Test func `fault 9: all processes agree at once on where a file is`() async throws {
        try await withTemporaryDirectory { directory in
            let web = try Bench(directory, task: .transferAndDelete)
            _ = try await web.storage.save("f.txt", .text("x"))
            #expect(try await web.storage.isUsingLocal("f.txt"))

            try await Bench(directory, task: .transferAndDelete).work()

            #expect(try await web.storage.isUsingRemote("f.txt"))
            #expect(try await web.text("f.txt") == "x")
        }
    }

    @Test func `fault 11: a file that vanished on one side is read from the other, and sent again`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            try await bench.remote.base.delete("f.txt")

            #expect(try await bench.text("f.txt") == "x")
            #expect(try await bench.state("f.txt") == .queued)
            try await bench.work()

            #expect(bench.bytes("remote/f.txt") == "x")
        }
    }

    @Test func `fault 11: a file that vanished locally is read from the remote`() async throws {
        try await withBench(options: QueuedStorageOptions(preferredSide: .local)) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            try await bench.local.delete("f.txt")

            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `fault 12: nothing local needs the remote`() async throws {
        try await withBench(remote: { directory in
            TestRemote(FileSystemStorage(location: directory), beforeStore: { _, _ in throw StorageError.unreachable })
        }) { bench in
            let name = try await bench.storage.save("f.txt", .text("x"))
            #expect(try await bench.storage.size(name) == 1)
            #expect(try await bench.storage.url(name) == "/media/f.txt")
            #expect(try await bench.storage.exists(name))
            #expect(try bench.storage.validName("a b.txt") == "a_b.txt")
            #expect(try await bench.text(name) == "x")
            #expect(bench.remote.calls.isEmpty)
        }
    }

    @Test func `fault 13: saving needs no queue besides the catalog`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))

            #expect(try await bench.state("f.txt") == .queued)
            #expect(try await bench.catalog.nextDueAt(storages: ["files"], tasks: ["files": ["Transfer"]]) != nil)
        }
    }

    @Test func `fault 14: a save that is rolled back leaves no file, no job and no bytes`() async throws {
        try await withBench { bench in
            struct Refused: Error {}
            await #expect(throws: Refused.self) {
                _ = try await bench.storage.save(.text("x"), SaveRequest(name: "f.txt")) { _ in throw Refused() }
            }

            try await bench.work()
            #expect(bench.tree("local").isEmpty)
            #expect(bench.tree("remote").isEmpty)
            #expect(try await bench.catalog.files(FileQuery()).isEmpty)
            #expect(bench.litter.isEmpty)
        }
    }

    @Test func `fault 21: a listing has both sides`() async throws {
        try await withBench(delayed: true) { bench in
            _ = try await bench.storage.save("d/waiting.txt", .text("x"))
            _ = try await bench.storage.save("d/there.txt", .text("x"))
            try await bench.storage.transfer("d/there.txt", task: "TransferAndDelete")
            try await bench.work()
            _ = try await bench.remote.base.save("d/foreign.txt", .text("x"))
            _ = try await bench.local.save("d/stray.txt", .text("x"))

            let listing = try await bench.storage.list("d")

            #expect(listing.files == ["foreign.txt", "stray.txt", "there.txt", "waiting.txt"])
            #expect(try await bench.storage.list("").directories == ["d"])
        }
    }

    @Test func `fault 22: asking for a pending file's size and address asks no remote`() async throws {
        try await withBench { bench in
            for number in 0..<50 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            for number in 0..<50 {
                _ = try await bench.storage.size("\(number).txt")
                _ = try await bench.storage.url("\(number).txt")
            }
            #expect(bench.remote.calls.isEmpty)
        }
    }

    @Test func `fault 23: cleaning a client's name asks no remote`() async throws {
        try await withBench { bench in
            let name = try bench.storage.validName("my file's.txt")
            let path = try bench.storage.generateFilename("a/b c.txt")
            #expect(name == "my_files.txt")
            #expect(path == "a/b_c.txt")
            #expect(bench.remote.calls.isEmpty)
        }
    }

    @Test func `fault 25: the content type goes with the file`() async throws {
        let seen = Mutex<String?>(nil)
        struct Peek: TransferTask {
            let see: @Sendable (String?) -> Void
            func transfer(_ file: TransferContext) async throws -> Bool {
                see(try await file.content().contentType)
                return try await Transfer().transfer(file)
            }
        }
        try await withBench(task: Peek { type in seen.withLock { $0 = type } }) { bench in
            _ = try await bench.storage.save("f.bin", .text("x", contentType: "image/x-odd"))
            try await bench.work()

            #expect(seen.withLock { $0 } == "image/x-odd")
            #expect(try await bench.catalog.file("f.bin", in: "files")?.contentType == "image/x-odd")
        }
    }

    // MARK: Resources

    @Test func `fault 24: a large file passes in pieces`() async throws {
        let largest = Mutex(0)
        try await withBench { bench in
            let size: Int64 = 64 << 20
            _ = try await bench.storage.save("large.bin", .stream(Zeros(count: size), size: size))
            try await bench.work()

            for try await buffer in try await bench.storage.open("large.bin") {
                largest.withLock { $0 = max($0, buffer.count) }
            }
            #expect(try await bench.storage.size("large.bin") == size)
            #expect(largest.withLock { $0 } <= FileReader.bufferSize)
        }
    }

    @Test func `fault 30: no descriptor stays open`() async throws {
        try await withBench(task: .transferAndDelete) { bench in
            _ = try await bench.storage.save("first.txt", .text("x"))
            try await bench.work()
            for number in 0..<40 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            try await bench.work()

            let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
            }
            #expect(open.filter { $0.hasPrefix("\(bench.directory)/local/") && $0.contains(".txt") }.isEmpty)
            #expect(open.filter { $0.hasPrefix("\(bench.directory)/remote/") && $0.contains(".txt") }.isEmpty)
        }
    }
}

/// So many zeros, in buffers.
private struct Zeros: AsyncSequence, AsyncIteratorProtocol, Sendable {
    var count: Int64

    func makeAsyncIterator() -> Self { self }

    mutating func next() async -> [UInt8]? {
        guard count > 0 else { return nil }
        let size = Swift.min(count, 100_000)
        count -= size
        return [UInt8](repeating: 0, count: Int(size))
    }
}
