import TestSupport
import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import Testing

/// The faults that concern the files themselves: deleting, reading, and what they take meanwhile.
extension OriginalFaultTests {
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
