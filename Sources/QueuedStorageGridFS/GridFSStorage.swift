public import FoundationEssentials
public import QueuedStorageCore

/// A storage that keeps its files in GridFS, as MongoDB's drivers and tools know it.
///
/// ```swift
/// let archive = try GridFSStorage(GridFSOptions(hosts: ["db1.example.org", "db2.example.org"], database: "files"))
/// ```
///
/// GridFS keeps revisions: whoever writes a name again adds one, and readers get the newest. This storage makes one
/// revision of a name; replacing a file removes the older ones once the new one is there, and deleting it removes all,
/// with their chunks, whoever made them.
///
/// The chunks of a file come first, and its document in the collection of files last, so that no file is seen before it is
/// whole. A unique index on a field that only such files have decides which of two storages gets a name. Other programs
/// don't know it: what they write under a name that is being stored becomes another revision.
public struct GridFSStorage: Sendable {
    let database: MongoDatabase
    let bucket: Bucket
    let baseURL: String?
    let readings = Readings<BSON>()
    let running = RunningChecksums()
    let hasIndexes = Shared(false)

    /// The size of our chunks: the specification's, so that a document keeps within a power of two.
    static let chunkSize = 255 << 10
    /// How many bytes are sent or asked for at once, in whole chunks.
    static let batchSize = 16 * chunkSize
    /// The longest name, in bytes, that every server's index has room for.
    static let maxNameByteCount = 900

    /// Keeps files in a bucket.
    ///
    /// - Parameters:
    ///   - options: Where the deployment is, and how to speak to it.
    ///   - baseURL: The address under which clients reach the files, if they can.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public init(_ options: GridFSOptions, baseURL: String? = nil) throws {
        try Self.check(options.database, "database", not: "/\\. \"$*<>:|?")
        try Self.check(options.prefix, "prefix", not: "$")
        guard !options.prefix.hasPrefix("system.") else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"prefix\" begins with \"system.\", which is the server's own"
            )
        }
        database = try MongoDatabase(options)
        bucket = Bucket(prefix: options.prefix)
        self.baseURL = baseURL
    }

    private static func check(_ text: String, _ option: String, not characters: String) throws {
        guard !text.isEmpty, text.utf8.count <= 60, !text.utf8.contains(0), !text.contains(where: characters.contains)
        else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"\(option)\" is \(FileName.quoted(text)); it has 1 to 60 bytes, and none of NUL \(characters)"
            )
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage: Storage {
    public var fingerprint: String {
        let options = database.options
        // A set is the same whichever of its members are named.
        let place = options.replicaSet.map { "set=\($0)" } ?? options.hosts.joined(separator: ",")
        return
            "mongodb://\(place)/\(FileName.percentEncoded(options.database))?prefix=\(FileName.percentEncoded(options.prefix))"
    }

    public func exists(_ name: String) async throws -> Bool {
        // A name that is too long is one that nothing has; it may still be cut.
        try FileName.validateComponents(name, limitsLength: false)
        let key = try FileName.relative(name, to: "/files")
        return try await act("looked up", name) { try bucket.newest(key, $0) != nil }
    }

    public func size(_ name: String) async throws -> Int64 { try await revision(name).length }

    public func list(_ directory: String) async throws -> DirectoryListing {
        let key = try directory == "" ? "" : resolve(directory)
        let prefix = key == "" ? "" : key + "/"
        // What begins with "a/" lies between "a/" and "a0", as 0 comes after the slash.
        let end = prefix == "" ? nil : key + "0"
        var (files, directories): ([String], [String]) = ([], [])
        var next = prefix
        while true {
            let first = next
            let page = try await act("listed", directory) { [pageSize = Self.pageSize] in
                try bucket.names(from: first, before: end, limit: pageSize, $0)
            }
            for name in page {
                guard !name.utf8.lexicographicallyPrecedes(next.utf8) else { continue }
                let rest = Substring(name.utf8.dropFirst(prefix.utf8.count))
                if let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) {
                    let component = String(rest[..<slash])
                    // Others may write names that no storage has, such as with two slashes; nobody could ask for them.
                    if component != "" { directories.append(component) }
                    next = prefix + component + "0"
                } else {
                    if !rest.isEmpty { files.append(String(rest)) }
                    // The least text that comes after it.
                    next = name + "\u{0}"
                }
            }
            if page.count < Self.pageSize { break }
        }
        let own = FileName.privateComponent
        return DirectoryListing(directories: directories.filter { $0 != own }, files: files.filter { $0 != own })
    }

    private static var pageSize: Int64 { 1000 }

    public func url(_ name: String) async throws -> String {
        guard let baseURL else {
            throw StorageError(
                .notSupported,
                name: name,
                "GridFS has no addresses of files; give the storage a baseURL."
            )
        }
        return try FileName.url(name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date {
        throw StorageError(.notSupported, name: name, "GridFS doesn't keep when files are read.")
    }

    public func createdAt(_ name: String) async throws -> Date {
        let revision = try await revision(name)
        return Self.date(revision.metadata["createdAt"]?.date ?? revision.uploadedAt)
    }

    public func modifiedAt(_ name: String) async throws -> Date { Self.date(try await revision(name).uploadedAt) }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let key = try resolve(name)
        await removeUnread()
        for revision in try await act("deleted", name, { try bucket.revisions(key, $0) }) {
            try await remove(revision, of: key)
        }
    }
}

// MARK: - What all of them do

extension GridFSStorage {
    static func date(_ milliseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// A name's only spelling, or why nothing can have it.
    func resolve(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        let key = try FileName.relative(name, to: "/files")
        guard key.utf8.count <= Self.maxNameByteCount else {
            throw FileName.refusal(name, "it is longer than \(Self.maxNameByteCount) bytes")
        }
        return key
    }

    /// Runs operations, and says of a failure which file it befell.
    func act<Value: Sendable>(
        _ verb: String,
        _ name: String,
        isCancellable: Bool = true,
        _ body: @escaping @Sendable (MongoSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await database.perform(isCancellable: isCancellable, body)
        } catch let failure as MongoFailure {
            throw StorageError(
                failure.code,
                name: name == "" ? nil : name,
                "\(name == "" ? "What is there" : "The file \(FileName.quoted(name))") couldn't be \(verb) in \(place): "
                    + failure.reason + (failure.detail.map { " (\($0))." } ?? "."),
                retryAfter: failure.retryAfter
            )
        }
    }

    var place: String { "GridFS \(FileName.quoted(fingerprint))" }

    func missing(_ name: String) -> StorageError {
        StorageError(
            .notFound,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be found in \(place): there is no such file."
        )
    }

    func taken(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be stored in \(place): the name is taken."
        )
    }

    private func revision(_ name: String) async throws -> Revision {
        let key = try resolve(name)
        guard let revision = try await act("looked up", name, { try bucket.newest(key, $0) }) else {
            throw missing(name)
        }
        return revision
    }

    /// Removes a revision and then its chunks, unless somebody reads them.
    func remove(_ revision: Revision, of name: String) async throws {
        try await act("deleted", name, isCancellable: false) { try bucket.unpublish(revision.id, $0) }
        if readings.letGo(revision.id, of: name) { try await removeChunks(of: revision.id) }
    }

    /// Removes chunks that no document names, from a number on, some at a time.
    func removeChunks(of id: BSON, from number: Int64 = 0) async throws {
        var number = number
        while true {
            let first = number
            let isMore = try await act("removed", "", isCancellable: false) {
                try bucket.removeChunks(of: id, from: first, $0)
            }
            guard isMore else { return }
            number += Bucket.deletionCount
        }
    }

    /// Removes what was deleted while it was read, and isn't read any more.
    ///
    /// What can't be removed stays a left-over.
    func removeUnread() async {
        for id in readings.unread() { try? await removeChunks(of: id) }
    }
}
