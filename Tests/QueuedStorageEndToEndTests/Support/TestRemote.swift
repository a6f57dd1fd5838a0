import FoundationEssentials
import QueuedStorageCore
import Synchronization

/// A remote that records what is stored, and does on the way what a test wants.
final class TestRemote: ExclusiveStorage, DurableStorage, LocalPathStorage {
    let base: FileSystemStorage
    private let stored = Mutex<[String]>([])
    private let beforeStore: @Sendable (String, Int) async throws -> Void
    private let afterStore: @Sendable (StoredObject) async throws -> StoredObject
    private let beforeRead: @Sendable () throws -> Void
    private let beforeDelete: @Sendable () async throws -> Void
    let isDurable: Bool
    private let asked = Mutex<[String]>([])

    /// Makes a remote.
    ///
    /// - Parameters:
    ///   - base: What keeps the files.
    ///   - isDurable: Whether it promises durability.
    ///   - beforeRead: Is called before a file is opened or its size is asked for.
    ///   - beforeDelete: Is called before a file is deleted.
    ///   - beforeStore: Is told the name, and the number of the attempt from 1; an error fails the attempt.
    ///   - afterStore: Is told what was stored, and may say something else.
    init(
        _ base: FileSystemStorage,
        isDurable: Bool = true,
        beforeRead: @escaping @Sendable () throws -> Void = {},
        beforeDelete: @escaping @Sendable () async throws -> Void = {},
        beforeStore: @escaping @Sendable (String, Int) async throws -> Void = { _, _ in },
        afterStore: @escaping @Sendable (StoredObject) async throws -> StoredObject = { $0 }
    ) {
        self.base = base
        self.isDurable = isDurable
        self.beforeRead = beforeRead
        self.beforeDelete = beforeDelete
        self.beforeStore = beforeStore
        self.afterStore = afterStore
    }

    /// The names under which something was stored, in order, with repetitions.
    var storedNames: [String] { stored.withLock { $0 } }
    /// The names of all methods that were called.
    var calls: [String] { asked.withLock { $0 } }
    private let attempts = Mutex(0)

    private func note(_ call: String) { asked.withLock { $0.append(call) } }

    var fingerprint: String { base.fingerprint }
    func path(_ name: String) throws -> String { try base.path(name) }

    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        note("store")
        let attempt = attempts.withLock { count in
            count += 1
            return count
        }
        try await beforeStore(name, attempt)
        let object = try await base.store(content, as: name, options: options)
        stored.withLock { $0.append(object.name) }
        return try await afterStore(object)
    }

    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        note("open")
        try beforeRead()
        return try await base.open(name, range: range)
    }
    func delete(_ name: String) async throws {
        note("delete")
        try await beforeDelete()
        try await base.delete(name)
    }
    func exists(_ name: String) async throws -> Bool {
        note("exists")
        return try await base.exists(name)
    }
    func list(_ directory: String) async throws -> DirectoryListing {
        note("list")
        return try await base.list(directory)
    }
    func size(_ name: String) async throws -> Int64 {
        note("size")
        try beforeRead()
        return try await base.size(name)
    }
    func alternativeName(root: String, ext: String) -> String { base.alternativeName(root: root, ext: ext) }
    func url(_ name: String) async throws -> String { "remote:\(name)" }
    func accessedAt(_ name: String) async throws -> Date { try await base.accessedAt(name) }
    func createdAt(_ name: String) async throws -> Date { try await base.createdAt(name) }
    func modifiedAt(_ name: String) async throws -> Date { try await base.modifiedAt(name) }
}

/// The errors that remotes throw in tests.
extension StorageError {
    static let unreachable = StorageError(.offline, "the remote can't be reached")
    static let flaky = StorageError(.failed, "the connection was reset")
    static let forbidden = StorageError(.denied, "the credentials were refused")
}
