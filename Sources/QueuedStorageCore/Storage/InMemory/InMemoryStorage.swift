public import FoundationEssentials
internal import Synchronization

/// A storage that keeps its files in memory, for tests and for what may be lost.
///
/// It behaves like ``FileSystemStorage``, directories included; copies of the value share the files.
public struct InMemoryStorage: Sendable {
    /// What a file is.
    struct Entry: Sendable {
        var bytes: [UInt8]
        var createdAt = Date()
        var modifiedAt = Date()
        var accessedAt = Date()
    }

    struct State: Sendable {
        var files: [NameKey: Entry] = [:]
        var directories: Set<NameKey> = [NameKey("")]
        /// Staged bytes by their place.
        var staged: [NameKey: [UInt8]] = [:]
        var owner: String?
        var token = FileName.randomIdentifier()
        var deadTokens: Set<String> = []
    }

    final class Box: Sendable {
        let identity = FileName.randomIdentifier()
        let state = Mutex(State())
    }

    let box = Box()
    private let baseURL: String?
    private let makeSuffix: @Sendable () -> String

    /// Makes an empty storage.
    ///
    /// - Parameter baseURL: The address under which clients reach the files, if they can.
    public init(baseURL: String? = nil) { self.init(baseURL: baseURL, makeSuffix: FileName.randomSuffix) }

    /// Makes an empty storage whose suffixes for taken names are given.
    package init(baseURL: String? = nil, makeSuffix: @escaping @Sendable () -> String) {
        self.baseURL = baseURL
        self.makeSuffix = makeSuffix
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension InMemoryStorage: Storage, ExclusiveStorage, RetryingStorage {
    public var fingerprint: String { "memory:" + box.identity }

    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let bytes = try change(name) { entry in
            entry.accessedAt = Date()
            return entry.bytes
        }
        guard let range else { return FileReader(bytes) }
        let wanted = range.clamped(to: 0..<Int64(bytes.count))
        return FileReader(Array(bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)]))
    }

    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try FileName.validate(name)
        let key = try resolve(name)
        // Asked first, so that a stream isn't read in vain.
        if !options.replaces { try box.state.withLock { try $0.checkFree(key) } }
        let bytes = try await Self.bytes(of: content, options)
        try box.state.withLock { try $0.put(Entry(bytes: bytes), key, replacing: options.replaces) }
        return stored(key, bytes, options)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        let bytes = try await Self.bytes(of: content, options)
        var name = name
        while true {
            let key = try resolve(name)
            do {
                try box.state.withLock { try $0.put(Entry(bytes: bytes), key, replacing: options.replaces) }
                return stored(key, bytes, options)
            } catch let error as StorageError where error.code == .alreadyExists {
                name = try await next(name)
            }
        }
    }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let key = try resolve(name)
        guard key.name != "" else { throw FileName.refusal(name, "the location itself isn't deleted") }
        try box.state.withLock { state in
            if state.directories.contains(key) {
                guard state.children(of: key).isEmpty else {
                    throw Self.couldNot("deleted", name, .isDirectory, "it is a directory and not empty")
                }
                state.directories.remove(key)
            }
            state.files[key] = nil
        }
    }

    public func exists(_ name: String) async throws -> Bool {
        // A name that is too long is one that nothing has; it may still be cut.
        try FileName.validateComponents(name, limitsLength: false)
        let key = NameKey(try FileName.relative(name, to: "/memory"))
        return box.state.withLock { $0.files[key] != nil || $0.directories.contains(key) }
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        let key = try resolve(directory)
        return try box.state.withLock { state in
            guard state.directories.contains(key) else {
                if state.files[key] == nil { throw state.missing(key) }
                throw Self.couldNot("listed", directory, .notADirectory, "it is a file")
            }
            let (directories, files) = (state.directories, state.files.keys)
            let isChild = { (child: NameKey) in
                child.name != "" && NameKey(FileName.split(child.name).directory) == key
            }
            return DirectoryListing(
                directories: directories.filter(isChild).map { FileName.split($0.name).base },
                files: files.filter(isChild).map { FileName.split($0.name).base }
            )
        }
    }

    public func size(_ name: String) async throws -> Int64 { try change(name) { Int64($0.bytes.count) } }

    public func url(_ name: String) async throws -> String {
        guard let baseURL else {
            throw StorageError(.notSupported, name: name, "The storage has no addresses; give it a base URL.")
        }
        return try FileName.url(name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date { try change(name) { $0.accessedAt } }

    public func createdAt(_ name: String) async throws -> Date { try change(name) { $0.createdAt } }

    public func modifiedAt(_ name: String) async throws -> Date { try change(name) { $0.modifiedAt } }

    public func alternativeName(root: String, ext: String) -> String { "\(root)_\(makeSuffix())\(ext)" }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension InMemoryStorage: CopyingStorage {
    public func copy(_ source: String, to destination: String) async throws {
        let bytes = try change(source) { $0.bytes }
        _ = try await store(.bytes(bytes), as: destination, options: StoreOptions())
    }
}

extension Storage where Self == InMemoryStorage {
    /// A new storage that keeps its files in memory.
    public static var inMemory: Self { InMemoryStorage() }
}

extension InMemoryStorage {
    func resolve(_ name: String) throws -> NameKey {
        try FileName.validateComponents(name)
        return NameKey(try FileName.relative(name, to: "/memory"))
    }

    /// Hands over the file of a name.
    private func change<Value>(_ name: String, _ body: (inout Entry) -> Value) throws -> Value {
        let key = try resolve(name)
        return try box.state.withLock { state in
            guard var entry = state.files[key] else {
                throw state.missing(key)
            }
            defer { state.files[key] = entry }
            return body(&entry)
        }
    }

    private func stored(_ key: NameKey, _ bytes: [UInt8], _ options: StoreOptions) -> StoredObject {
        StoredObject(
            name: key.name,
            size: Int64(bytes.count),
            sha256: options.computesSHA256 ? Self.sha256(bytes) : nil
        )
    }

    static func sha256(_ bytes: [UInt8]) -> String {
        var hash = FileHash()
        hash.update(bytes)
        return hash.value
    }

    static func bytes(of content: FileContent, _ options: StoreOptions) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        let reader = try content.reader()
        for try await buffer in reader {
            try Task.checkCancellation()
            bytes += buffer
            options.progress?(Int64(bytes.count))
        }
        if let size = reader.size, size != bytes.count {
            throw StorageError(.damaged, "The content was said to have \(size) bytes, and had \(bytes.count).")
        }
        try Task.checkCancellation()
        return bytes
    }

    static func couldNot(_ verb: String, _ name: String, _ code: StorageError.Code, _ reason: String) -> StorageError {
        StorageError(code, name: name, "The file \(FileName.quoted(name)) couldn't be \(verb): \(reason).")
    }
}

extension InMemoryStorage.State {
    func children(of directory: NameKey) -> [NameKey] {
        (Array(files.keys) + directories).filter {
            $0.name != "" && NameKey(FileName.split($0.name).directory) == directory
        }
    }

    func checkFree(_ key: NameKey) throws {
        if files[key] != nil || directories.contains(key) {
            throw InMemoryStorage.couldNot("stored", key.name, .alreadyExists, "the name is taken")
        }
    }

    /// Gives bytes a name, making the directories on the way.
    mutating func put(_ entry: InMemoryStorage.Entry, _ key: NameKey, replacing: Bool) throws {
        let parents = Self.parents(of: key)
        if parents.contains(where: { files[$0] != nil }) {
            throw InMemoryStorage.couldNot(
                "stored",
                key.name,
                .notADirectory,
                "a file stands where its directory should be"
            )
        }
        if replacing, directories.contains(key) {
            throw InMemoryStorage.couldNot("stored", key.name, .isDirectory, "it is a directory")
        }
        if !replacing { try checkFree(key) }
        directories.formUnion(parents)
        var entry = entry
        if let old = files[key] { entry.createdAt = old.createdAt }
        files[key] = entry
    }

    /// The directories that a name is below, but for the root.
    private static func parents(of key: NameKey) -> [NameKey] {
        let parents = sequence(first: FileName.split(key.name).directory) { FileName.split($0).directory }
        return parents.prefix { $0 != "" }.map { NameKey($0) }
    }

    /// Why there is no file of a name.
    func missing(_ key: NameKey) -> StorageError {
        if directories.contains(key) {
            return InMemoryStorage.couldNot("opened", key.name, .isDirectory, "it is a directory")
        }
        if Self.parents(of: key).contains(where: { files[$0] != nil }) {
            return InMemoryStorage.couldNot(
                "opened",
                key.name,
                .notADirectory,
                "a file stands where its directory should be"
            )
        }
        return InMemoryStorage.couldNot("opened", key.name, .notFound, "there is no such file")
    }
}
