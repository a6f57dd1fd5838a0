public import FoundationEssentials
import Logging

// MARK: - Which side

extension QueuedStorage {
    /// The side that serves a file now: the remote one once the file is there, the local one before.
    ///
    /// A file that the catalog doesn't know is looked for on both sides, locally first.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: ``local`` or ``remote``; there the file has the name that ``StoredFile`` says.
    /// - Throws: ``CatalogError`` if the catalog can't be asked; for a file that it doesn't know, what the remote
    ///   throws.
    public func storage(for name: String) async throws -> any Storage {
        try await isUsingRemote(name) ? remote : local
    }

    /// Whether a file is read from the local side now.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: True from the save until the transfer is done.
    /// - Throws: ``CatalogError`` if the catalog can't be asked; for a file that it doesn't know, what the remote
    ///   throws.
    public func isUsingLocal(_ name: String) async throws -> Bool { try await !isUsingRemote(name) }

    /// Whether a file is read from the remote side now.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: True once the transfer is done, unless the local copy is preferred and there.
    /// - Throws: ``CatalogError`` if the catalog can't be asked; for a file that it doesn't know, what the remote
    ///   throws.
    public func isUsingRemote(_ name: String) async throws -> Bool {
        try await start()
        if let file = try await catalog.file(name, in: alias) { return servesRemotely(file) }
        if try await isBeingDeleted(name) { return false }
        if try await local.exists(name) { return false }
        return try await isOurs(name) ? false : try await remote.exists(name)
    }

    /// The key under which a cache may keep something about a file, as in django-queued-storage.
    ///
    /// Give storages that share a cache prefixes of their own; nothing here relies on the key.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The prefix, `_`, and the percent-encoded name.
    public func cacheKey(for name: String) -> String { "\(cachePrefix)_\(FileName.cacheKey(name))" }

    func servesRemotely(_ file: StoredFile) -> Bool {
        file.state == .remote && !(file.hasLocal && options.preferredSide == .local)
    }

    /// The file's row, or an error that says that there is none.
    package func known(_ name: String) async throws -> StoredFile {
        try await start()
        guard let file = try await catalog.file(name, in: alias) else { throw missing(name) }
        return file
    }

    func missing(_ name: String) -> StorageError {
        StorageError(.notFound, name: name, "the storage \"\(alias)\" has no file \"\(name)\"")
    }
}

// MARK: - Reading

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension QueuedStorage {
    public var fingerprint: String { "queued:\(alias)" }

    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await start()
        // Each round sees a newer row; a file that is replaced faster than it can be opened is an error in the end.
        for _ in 0..<100 {
            guard let file = try await catalog.file(name, in: alias) else {
                return try await unknown(name) { try await $0.open(name, range: range) }
            }
            let reader = try await open(file, range)
            // Between reading the row and opening the bytes the name may have been given to others.
            let after = try await catalog.file(id: file.id)
            if let reader, after == nil || after?.generation == file.generation || after?.state == .deleting {
                return reader
            }
            if reader == nil, let after, after.generation == file.generation, after.place == file.place,
                after.hasLocal == file.hasLocal, after.state == file.state
            {
                throw StorageError(
                    .damaged,
                    name: name,
                    "the catalog knows \"\(name)\" of the storage \"\(alias)\", but neither side has its bytes"
                )
            }
        }
        throw StorageError(.timedOut, name: name, "\"\(name)\" changes faster than it can be opened")
    }

    /// Opens the bytes of a row; nil if they aren't where the row says.
    private func open(_ file: StoredFile, _ range: Range<Int64>?) async throws -> FileReader? {
        if servesRemotely(file), let remoteName = file.remoteName {
            do {
                return try await remote.open(remoteName, range: range)
            } catch let error as StorageError where file.hasLocal && error.code != .invalidName {
                // The local copy is as good. If the remote has lost its copy, it gets another.
                let reader = try await openLocal(file, range)
                if reader != nil, error.code == .notFound { try await repair(file) }
                return reader
            } catch let error as StorageError where error.code == .notFound {
                return nil
            }
        }
        if let reader = try await openLocal(file, range) { return reader }
        guard file.state == .remote, let remoteName = file.remoteName else { return nil }
        do {
            return try await remote.open(remoteName, range: range)
        } catch let error as StorageError where error.code == .notFound {
            return nil
        }
    }

    private func openLocal(_ file: StoredFile, _ range: Range<Int64>?) async throws -> FileReader? {
        let local = local
        do {
            return try await blocking { try local.contentNow(of: file.name, place: file.place).reader(range: range) }
        } catch let error as StorageError where error.code == .notFound {
            return nil
        }
    }

    /// Queues another transfer of a file whose remote copy is gone.
    private func repair(_ file: StoredFile) async throws {
        if try await catalog.requeueLost(file, dueAt: time.now) {
            logger.warning(
                "the remote has lost a file; it is transferred again",
                metadata: ["storage": "\(alias)", "name": "\(file.name)"]
            )
        }
    }

    public func exists(_ name: String) async throws -> Bool {
        try await start()
        if try await catalog.file(name, in: alias) != nil { return true }
        if try await isBeingDeleted(name) { return false }
        if try await local.exists(name) { return true }
        return try await isOurs(name) ? false : try await remote.exists(name)
    }

    /// Whether what lies on the remote under a name came from here, under another name or by a file that was deleted.
    private func isOurs(_ name: String) async throws -> Bool {
        try await !catalog.remoteNames([name], in: alias).isEmpty
    }

    /// Whether the local bytes under a name are only what is left of a deleted file.
    func isBeingDeleted(_ name: String) async throws -> Bool {
        try await catalog.deletedFile(name, in: alias) != nil
    }

    public func size(_ name: String) async throws -> Int64 {
        try await start()
        if let file = try await catalog.file(name, in: alias) { return file.size }
        return try await unknown(name) { try await $0.size(name) }
    }

    public func url(_ name: String) async throws -> String {
        try await start()
        guard let file = try await catalog.file(name, in: alias) else {
            return try await unknown(name) { try await $0.url(name) }
        }
        if servesRemotely(file), let remoteName = file.remoteName { return try await remote.url(remoteName) }
        return try await local.url(name)
    }

    public func accessedAt(_ name: String) async throws -> Date {
        try await time(of: name) { try await $0.accessedAt($1) }
    }

    public func createdAt(_ name: String) async throws -> Date {
        try await time(of: name) { try await $0.createdAt($1) }
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        try await time(of: name) { try await $0.modifiedAt($1) }
    }

    /// Asks the side that serves a file for a time; bytes that aren't under their name yet have the time of their row.
    private func time(
        of name: String,
        _ ask: @Sendable (any Storage, String) async throws -> Date
    ) async throws -> Date {
        try await start()
        guard let file = try await catalog.file(name, in: alias) else {
            return try await unknown(name) { try await ask($0, name) }
        }
        if servesRemotely(file), let remoteName = file.remoteName { return try await ask(remote, remoteName) }
        do {
            return try await ask(local, name)
        } catch let error as StorageError where error.code == .notFound && file.place != nil {
            return file.modifiedAt
        }
    }

    /// Asks the side that has a file which the catalog doesn't know.
    private func unknown<Answer: Sendable>(
        _ name: String,
        _ ask: @Sendable (any Storage) async throws -> Answer
    ) async throws -> Answer {
        try FileName.validate(name)
        if try await isBeingDeleted(name) { throw missing(name) }
        do {
            return try await ask(local)
        } catch let error as StorageError where error.code == .notFound {
            guard try await !isOurs(name) else { throw missing(name) }
            return try await ask(remote)
        }
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        try await start()
        let known = try await knownEntries(below: directory)
        var directories = known.directories
        var files = known.files
        var isFound = directory.isEmpty || !directories.isEmpty || !files.isEmpty
        let prefix = directory.isEmpty ? "" : directory + "/"
        func merge(_ side: any Storage, without hide: ([String]) async throws -> [String]) async throws {
            do {
                let listing = try await side.list(directory)
                isFound = true
                directories.formUnion(listing.directories.map { NameKey($0) })
                let hidden = Set(try await hide(listing.files.map { prefix + $0 }).map { NameKey($0) })
                files.formUnion(
                    listing.files.lazy.filter { !hidden.contains(NameKey(prefix + $0)) }.map { NameKey($0) }
                )
            } catch let error as StorageError where error.code == .notFound {
                return
            }
        }
        // What is left of deleted files, and what our own files are called over there, isn't listed.
        try await merge(local) { try await catalog.deletedNames($0, in: alias) }
        try await merge(remote) { try await catalog.remoteNames($0, in: alias) }
        guard isFound else {
            throw StorageError(.notFound, name: directory, "the storage \"\(alias)\" has no directory \"\(directory)\"")
        }
        return DirectoryListing(directories: directories.map(\.name), files: files.map(\.name))
    }

    private func knownEntries(
        below directory: String
    ) async throws -> (directories: Set<NameKey>, files: Set<NameKey>) {
        var directories: Set<NameKey> = []
        var files: Set<NameKey> = []
        let prefix = directory.isEmpty ? 0 : directory.utf8.count + 1
        var after: String?
        repeat {
            let names = try await catalog.names(in: alias, below: directory, after: after, limit: 1000)
            for name in names {
                let rest = name.utf8.dropFirst(prefix)
                if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                    directories.insert(NameKey(String(decoding: rest[..<slash], as: UTF8.self)))
                } else {
                    files.insert(NameKey(String(decoding: rest, as: UTF8.self)))
                }
            }
            after = names.last
        } while after != nil
        return (directories, files)
    }

    /// The absolute path of a file's local copy.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The absolute path; by ``StoredFile/remoteName`` if the remote serves the file.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notSupported`` if the side that serves the file has no paths.
    public func path(_ name: String) async throws -> String {
        guard let side = try await storage(for: name) as? any LocalPathStorage else {
            throw StorageError(
                .notSupported,
                name: name,
                "\"\(name)\" has no path: the storage that serves it is not local"
            )
        }
        if let remoteName = try await catalog.file(name, in: alias)?.remoteName, try await isUsingRemote(name) {
            return try side.path(remoteName)
        }
        return try side.path(name)
    }

    // MARK: Names

    public func validName(_ name: String) throws -> String { try local.validName(name) }

    public func alternativeName(root: String, ext: String) -> String { local.alternativeName(root: root, ext: ext) }

    public func generateFilename(_ filename: String) throws -> String { try local.generateFilename(filename) }

    /// Whether a name is free in the catalog and locally; the remote isn't asked, as saving must not need it.
    public func isNameAvailable(_ name: String, maxLength: Int?) async throws -> Bool {
        try await start()
        if let maxLength, maxLength > 0, name.unicodeScalars.count > maxLength { return false }
        if try await catalog.file(name, in: alias) != nil { return false }
        if try await local.exists(name) { return try await isBeingDeleted(name) }
        return true
    }
}
