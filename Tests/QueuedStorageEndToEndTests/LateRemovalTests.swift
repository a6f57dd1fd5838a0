import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import Testing

/// A deletion that is done again, when the name it was told has become something else.
@Suite struct LateRemovalTests {
    @Test func `a deleted file whose name has become a directory is gone in the end`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("d", .text("old"))
            let deleted = try #require(try await bench.catalog.delete("d", in: bench.storage.alias))
            // Its bytes went, but not the commit that says so; then somebody saved below the name.
            try await bench.local.delete("d")
            _ = try await bench.storage.save("d/e.txt", .text("new"))

            try await bench.work()

            #expect(try await bench.catalog.file(id: deleted.id) == nil)
            #expect(try await bench.text("d/e.txt") == "new")
        }
    }

    @Test func `nobody gets a name on the remote as long as it is being freed there`() async throws {
        let (started, starting) = AsyncStream<Void>.makeStream()
        let (goOn, goingOn) = AsyncStream<Void>.makeStream()
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeDelete: {
                        starting.yield()
                        for await _ in goOn { break }
                    }
                )
            },
            task: .transferAndDelete
        ) { bench in
            async let deleting: Void = bench.storage.delete("f.txt")
            for await _ in started { break }
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(bench.tree("remote").isEmpty)

            goingOn.finish()
            try await deleting
            try await bench.work()

            #expect(bench.tree("remote") == ["f.txt"])
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test(arguments: [nil, "them", "somebody else's"])
    func `a removal that is done again leaves what somebody else put there`(_ foreign: String?) async throws {
        let isAgain = Mutex(false)
        let time = TestTime()
        try await withBench(
            remote: { directory in
                let base = FileSystemStorage(location: directory)
                return TestRemote(
                    base,
                    beforeDelete: {
                        let wasThere = isAgain.withLock { isAgain in
                            defer { isAgain = true }
                            return isAgain
                        }
                        if wasThere { return }
                        // It is removed, but nobody hears of it.
                        if let foreign {
                            try await base.delete("f.txt")
                            _ = try await base.store(.text(foreign), as: "f.txt", options: StoreOptions())
                        }
                        throw StorageError.unreachable
                    }
                )
            },
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("ours"))
            try await bench.work()
            try await bench.storage.delete("f.txt")
            try await bench.work()
            time.advance(by: .seconds(3600))
            try await bench.work()

            #expect(bench.tree("remote") == (foreign == nil ? [] : ["f.txt"]))
            if let foreign { #expect(bench.bytes("remote/f.txt") == foreign) }
            #expect(try await bench.catalog.files(FileQuery()).isEmpty)
        }
    }

    @Test func `what couldn't be freed on the remote is said, and left`() async throws {
        try await withBench(
            remote: { directory in
                TestRemote(FileSystemStorage(location: directory), beforeDelete: { throw StorageError.unreachable })
            }
        ) { bench in
            _ = try await bench.remote.base.store(.text("foreign"), as: "f.txt", options: StoreOptions())

            await #expect(throws: StorageError.self) { try await bench.storage.delete("f.txt") }
            try await bench.work()

            #expect(bench.tree("remote") == ["f.txt"])
            #expect(try await bench.catalog.remoteNames(["f.txt"], in: "files").isEmpty)
        }
    }
}
