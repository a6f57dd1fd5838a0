import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// A local location belongs to one storage of one catalog: another's recovery would take its staged bytes for litter.
@Suite struct LocationOwnerTests {
    private func storage(
        _ alias: String,
        _ catalog: SQLiteCatalog,
        in directory: String,
        acceptingMove: Bool = false
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: FileSystemStorage(location: "\(directory)/remote-\(alias)"),
            catalog: catalog,
            acceptingMove: acceptingMove,
            environment: [:]
        )
    }

    private func code(_ body: () async throws -> Void) async -> StorageError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? StorageError)?.code
        }
    }

    @Test func `another catalog on the same location is refused, and discards nothing`() async throws {
        try await withTemporaryDirectory { directory in
            // It dies between its commit and the renaming.
            _ = try await Agent(directory, step: 3, "save", "f.txt", "content").end()
            let other = try storage("crash", SQLiteCatalog(path: "\(directory)/other.sqlite"), in: directory)

            #expect(await code { try await other.recover() } == .invalidConfiguration)
            #expect(await code { _ = try await other.save("g.txt", .text("x")) } == .invalidConfiguration)

            #expect(try await other.catalog.storages().isEmpty)
            let bench = try Bench(directory, alias: "crash")
            #expect(try await bench.text("f.txt") == "content")
        }
    }

    @Test func `another alias on the same location is refused`() async throws {
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let first = try storage("one", catalog, in: directory)
            _ = try await first.save("f.txt", .text("content"))

            let second = try storage("two", catalog, in: directory)

            #expect(await code { try await second.start() } == .invalidConfiguration)
            #expect(try await catalog.storages().map(\.alias) == ["one"])
        }
    }

    @Test func `the location is handed over when its files are said to have moved`() async throws {
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let old = try storage("one", catalog, in: directory)
            try await old.start()
            let other = try SQLiteCatalog(path: "\(directory)/other.sqlite")

            try await storage("one", other, in: directory, acceptingMove: true).start()

            try await storage("one", other, in: directory).start()
            let late = try storage("one", catalog, in: directory)
            #expect(await code { try await late.start() } == .invalidConfiguration)
        }
    }

    @Test func `a copy of the catalog has the location still`() async throws {
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            try await storage("one", catalog, in: directory).start()
            try await catalog.pool.vacuum(into: "\(directory)/copy.sqlite")

            let copy = try SQLiteCatalog(path: "\(directory)/copy.sqlite")

            try await storage("one", copy, in: directory).start()
        }
    }
}
