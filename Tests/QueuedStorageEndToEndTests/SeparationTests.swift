import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// How a remote is told from the local directory in disguise.
@Suite struct SeparationTests {
    private func transfer(_ remote: FarRemote, in directory: String, count: Int = 1) async throws -> [StoredFile] {
        let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        let storage = try QueuedStorage(
            "files",
            local: FileSystemStorage(location: "\(directory)/local"),
            remote: remote,
            catalog: catalog,
            task: .transferAndDelete,
            environment: [:]
        )
        for number in 0..<count { _ = try await storage.save("f\(number)", .text("content")) }
        try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()
        var files: [StoredFile] = []
        for number in 0..<count { files.append(try #require(try await catalog.file("f\(number)", in: "files"))) }
        return files
    }

    @Test(arguments: [false, true])
    func `a remote that leads to the local directory loses nothing`(_ othersRemove: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let remote = FarRemote("\(directory)/local", othersRemove: othersRemove)

            let file = try await transfer(remote, in: directory)[0]

            #expect(file.state == .failed)
            #expect(file.error?.contains("is its local storage") == true, "\(file.error ?? "")")
            #expect(try String(contentsOfFile: "\(directory)/local/f0", encoding: .utf8) == "content")
            #expect(try await !remote.exists(remote.probes[0]))
        }
    }

    @Test func `many transfers look once`() async throws {
        try await withTemporaryDirectory { directory in
            let remote = FarRemote("\(directory)/remote")

            let files = try await transfer(remote, in: directory, count: 8)

            #expect(files.allSatisfy { $0.state == .remote && !$0.hasLocal })
            #expect(remote.probes.count == 1)
            #expect(try await remote.list("").files.count == 8)
        }
    }

    @Test func `who removes another's probe makes nobody believe anything`() async throws {
        try await withTemporaryDirectory { directory in
            let remote = FarRemote("\(directory)/remote", othersRemove: true)

            let files = try await transfer(remote, in: directory, count: 8)

            #expect(files.allSatisfy { $0.state == .remote && !$0.hasLocal })
            #expect(remote.probes.count == 2)
            #expect(try await remote.list("").files.count == 8)
        }
    }

    @Test func `a remote that lets nothing be deleted takes files all the same`() async throws {
        try await withTemporaryDirectory { directory in
            let remote = FarRemote("\(directory)/remote", deniesDeletes: true)

            let files = try await transfer(remote, in: directory, count: 3)

            #expect(files.allSatisfy { $0.state == .remote && !$0.hasLocal }, "\(files.compactMap(\.error))")
        }
    }
}

/// A directory that can't be told to be one of this machine.
private final class FarRemote: ExclusiveStorage, DurableStorage {
    private let base: FileSystemStorage
    /// Whether the first probe vanishes as soon as it is there, as another process removes it.
    private let othersRemove: Bool
    private let deniesDeletes: Bool
    private let probed = Mutex<[String]>([])

    init(_ location: String, othersRemove: Bool = false, deniesDeletes: Bool = false) {
        base = FileSystemStorage(location: location)
        self.othersRemove = othersRemove
        self.deniesDeletes = deniesDeletes
    }

    /// The probes that were stored, with repetitions.
    var probes: [String] { probed.withLock { $0 } }
    let fingerprint = "far"

    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        let stored = try await base.store(content, as: name, options: options)
        guard name.hasPrefix("qstore-probe-") else { return stored }
        let isFirst = probed.withLock { probed in
            probed.append(name)
            return probed.count == 1
        }
        if othersRemove, isFirst { try await base.delete(name) }
        return stored
    }

    func delete(_ name: String) async throws {
        if deniesDeletes { throw StorageError.forbidden }
        try await base.delete(name)
    }

    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await base.open(name, range: range)
    }
    func exists(_ name: String) async throws -> Bool { try await base.exists(name) }
    func list(_ directory: String) async throws -> DirectoryListing { try await base.list(directory) }
    func size(_ name: String) async throws -> Int64 { try await base.size(name) }
    func url(_ name: String) async throws -> String { "far:\(name)" }
    func accessedAt(_ name: String) async throws -> Date { try await base.accessedAt(name) }
    func createdAt(_ name: String) async throws -> Date { try await base.createdAt(name) }
    func modifiedAt(_ name: String) async throws -> Date { try await base.modifiedAt(name) }
}
