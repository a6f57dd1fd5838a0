import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import Testing

/// What lies under a name of the remote that was planned for a file, when the file doesn't want it any more.
@Suite struct PlannedNameTests {
    enum End: CaseIterable { case deleted, cancelled, replaced }

    /// Saves a file whose checksum nobody knows, and lets its first attempt fail.
    private func fail(_ bench: Bench) async throws {
        let source = URL(fileURLWithPath: "\(bench.directory)/source")
        try Data("our text".utf8).write(to: source)
        _ = try await bench.storage.save("f.txt", .file(source.path))
        try await bench.work()
        let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
        #expect(file.state == .queued)
        #expect(file.sha256 == nil)
    }

    private func end(_ end: End, _ bench: Bench) async throws {
        switch end {
        case .deleted: try await bench.storage.delete("f.txt")
        case .cancelled: try await bench.storage.cancelTransfer("f.txt")
        case .replaced:
            _ = try await bench.storage.save("f.txt", .text("new text"), options: StoreOptions(replaces: true))
        }
        try await bench.work()
        try await bench.work()
    }

    @Test(arguments: End.allCases)
    func `somebody else's file of the same size stays where a transfer was planned`(_ how: End) async throws {
        try await withBench(
            remote: { location in
                TestRemote(
                    FileSystemStorage(location: location),
                    beforeStore: { _, attempt in if attempt == 1 { throw StorageError.unreachable } }
                )
            }
        ) { bench in
            try await fail(bench)
            _ = try await bench.remote.base.store(.text("foreign!"), as: "f.txt", options: StoreOptions())

            try await end(how, bench)

            #expect(bench.bytes("remote/f.txt") == "foreign!")
            #expect(bench.tree("remote").count == (how == .replaced ? 2 : 1))
        }
    }

    @Test(arguments: End.allCases)
    func `what an attempt published without saying so is removed`(_ how: End) async throws {
        let cut = Cut()
        try await withBench(
            remote: { location in
                TestRemote(
                    FileSystemStorage(location: location),
                    afterStore: { object in
                        try cut.happenOnce()
                        return object
                    }
                )
            }
        ) { bench in
            try await fail(bench)
            #expect(bench.bytes("remote/f.txt") == "our text")

            try await end(how, bench)

            guard how == .replaced else { return #expect(bench.tree("remote").isEmpty) }
            #expect(bench.tree("remote") == ["f.txt"])
            #expect(bench.bytes("remote/f.txt") == "new text")
        }
    }

    @Test func `what can't be compared any more stays`() async throws {
        try await withBench(
            remote: { location in
                TestRemote(
                    FileSystemStorage(location: location),
                    beforeStore: { _, _ in throw StorageError.unreachable }
                )
            }
        ) { bench in
            try await fail(bench)
            _ = try await bench.remote.base.store(.text("foreign!"), as: "f.txt", options: StoreOptions())
            try await bench.storage.settle()
            try FileManager.default.removeItem(atPath: "\(bench.directory)/local/f.txt")

            try await end(.deleted, bench)

            #expect(bench.bytes("remote/f.txt") == "foreign!")
            #expect(try await bench.catalog.files(FileQuery()).isEmpty)
        }
    }
}

/// The loss of one answer.
private final class Cut: Sendable {
    private let isOver = Mutex(false)

    func happenOnce() throws {
        let isFirst = isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
        if isFirst { throw StorageError.unreachable }
    }
}
