import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// Large files go in pieces where the remote takes them so.
@Suite struct PiecesTests {
    /// A storage whose line is cut, and what lies at its remote.
    private struct Setup {
        let directory: String
        let remote: PiecewiseRemote
        let storage: QueuedStorage
        let time = TestTime()

        init(_ directory: String, cuts: [Int], task: any TransferTask = .transfer) throws {
            self.directory = directory
            remote = PiecewiseRemote(FileSystemStorage(location: "\(directory)/remote"), cuts: cuts)
            storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: remote,
                catalog: try SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
                task: task,
                options: QueuedStorageOptions(hashesOnSave: true),
                environment: [:],
                time: time
            )
        }

        func attempt() async throws {
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            time.advance(by: .seconds(100_000))
        }

        /// What lies in the remote's private folder of uploads.
        var uploads: [String] {
            (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/remote/.qstore/uploads")) ?? []
        }
    }

    private static let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }

    @Test func `a transfer that is cut goes on where it was cut, and is proven as a whole`() async throws {
        try await withTemporaryDirectory { directory in
            let setup = try Setup(directory, cuts: [4000, 3000], task: .transferAndDelete)
            _ = try await setup.storage.save("a.bin", .bytes(Self.bytes))

            for _ in 0..<3 { try await setup.attempt() }

            #expect(setup.remote.ranges == [0..<4000, 4000..<7000, 7000..<10_000])
            #expect(setup.remote.journals == [nil, "from 0", "from 4000"])
            let file = try #require(try await setup.storage.catalog.file("a.bin", in: "files"))
            #expect(file.state == .remote)
            #expect(!file.hasLocal)
            #expect(try await setup.storage.open("a.bin").collect() == Self.bytes)
            #expect(setup.uploads.isEmpty)
        }
    }

    @Test func `a file that was replaced or deleted leaves no pieces behind`() async throws {
        try await withTemporaryDirectory { directory in
            let setup = try Setup(directory, cuts: [4000, 5000])
            _ = try await setup.storage.save("a.bin", .bytes(Self.bytes))
            _ = try await setup.storage.save("b.bin", .bytes(Self.bytes))
            try await setup.attempt()
            #expect(setup.uploads.count == 2)

            try await setup.storage.delete("a.bin")
            _ = try await setup.storage.save("b.bin", .bytes(Self.bytes + [1]), options: StoreOptions(replaces: true))
            for _ in 0..<3 { try await setup.attempt() }

            #expect(setup.uploads.isEmpty)
            #expect(try await setup.remote.list("").files == ["b.bin"])
            #expect(try await setup.remote.size("b.bin") == 10_001)
        }
    }

    @Test func `what was sent is published under another name where a stranger took the first one`() async throws {
        try await withTemporaryDirectory { directory in
            let setup = try Setup(directory, cuts: [9000])
            _ = try await setup.storage.save("a.bin", .bytes(Self.bytes))
            try await setup.attempt()
            let stranger = FileSystemStorage(location: "\(directory)/remote")
            _ = try await stranger.store(.text("not ours"), as: "a.bin", options: StoreOptions())

            try await setup.attempt()

            #expect(setup.remote.ranges == [0..<9000, 9000..<10_000])
            #expect(try await stranger.open("a.bin").collect() == Array("not ours".utf8))
            #expect(try await setup.storage.open("a.bin").collect() == Self.bytes)
            let name = try await setup.storage.catalog.file("a.bin", in: "files")?.remoteName
            #expect(name != nil && name != "a.bin")
        }
    }

    @Test func `local bytes that changed behind our back are not published`() async throws {
        try await withTemporaryDirectory { directory in
            let setup = try Setup(directory, cuts: [])
            _ = try await setup.storage.save("a.bin", .bytes(Self.bytes))
            try await setup.storage.settle()
            var changed = Self.bytes
            changed[5000] ^= 1
            try Data(changed).write(to: URL(fileURLWithPath: "\(directory)/local/a.bin"))

            try await setup.attempt()

            #expect(try await setup.remote.list("").files.isEmpty)
            let error = try await setup.storage.catalog.file("a.bin", in: "files")?.error
            #expect(error?.contains("are not those that were saved") == true)
        }
    }
}
