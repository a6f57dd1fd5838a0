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
}
