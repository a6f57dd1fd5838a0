import GRDB
import Logging
public import QueuedStorageCore
import QueuedStorageSQLite

extension QueuedFieldFile {
    /// The size, in bytes; of new content too, if it is known before reading.
    ///
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile``; what the storage throws.
    public var size: Int64 {
        get async throws {
            switch content {
            case .unsaved(let file):
                if let size = file.content.size { return size }
                let content = file.content
                return try await blocking { try content.reader(range: nil).size } ?? 0
            case .staged(let staged): return staged.file.size
            case .stored, .empty: return try await Field.storage.size(requireName())
            }
        }
    }

    /// The address under which clients reach the file.
    ///
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile``; what the storage throws.
    public var url: String {
        get async throws { try await Field.storage.url(requireName()) }
    }

    /// The absolute path of the local copy, whether or not there is one still.
    ///
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile`` or ``ModelError/Code/noPath``.
    public var path: String {
        get throws {
            let name = try requireName()
            guard let local = Field.storage.local as? any LocalPathStorage else {
                throw ModelError(.noPath, "the local storage of \"\(Field.storage.alias)\" has no paths")
            }
            return try local.path(name)
        }
    }

    /// Opens the file for reading, whole or a range of its bytes; also one that isn't saved yet.
    ///
    /// - Parameter range: The bytes wanted; the whole file if nil.
    /// - Returns: The bytes, in buffers, to be iterated once.
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile``; what the storage throws.
    public func open(range: Range<Int64>? = nil) async throws -> FileReader {
        switch content {
        case .unsaved(let file):
            let content = file.content
            return try await blocking { try content.reader(range: range) }
        case .staged(let staged) where !staged.isCommitted:
            let (local, place, name) = (staged.storage.local, staged.file.place, staged.name)
            return try await blocking { try local.content(of: name, place: place).reader(range: range) }
        case .staged, .stored, .empty:
            return try await Field.storage.open(requireName(), range: range)
        }
    }

    /// Queues the file's transfer: of a delayed file, one that was cancelled, or one that failed.
    ///
    /// - Returns: A handle that can be awaited.
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile``, or with ``ModelError/Code/notStaged`` if the content isn't
    ///   saved; `StorageError` with `notFound` if the catalog has no such file.
    @discardableResult
    public func transfer() async throws -> TransferHandle { try await Field.storage.transfer(requireSavedName()) }

    /// Waits until the file is durable on a side.
    ///
    /// - Parameters:
    ///   - side: The side; a saved file is durable locally at once.
    ///   - limit: The longest wait; for ever if nil.
    /// - Throws: ``ModelError`` as ``transfer()``; `TransferError` if it won't get there by itself, or not in time.
    public func durable(on side: QueuedStorageOptions.Side, within limit: Duration? = nil) async throws {
        try await Field.storage.durable(requireSavedName(), on: side, within: limit)
    }

    /// Where the file stands; nil if there is none, or it isn't saved, or the catalog doesn't know it.
    public var state: FileState? {
        get async throws {
            guard isSaved, let name else { return nil }
            try await Field.storage.start()
            return try await Field.storage.catalog.file(name, in: Field.storage.alias)?.state
        }
    }

    /// Whether the file is read from the local side now.
    ///
    /// - Throws: ``ModelError`` with ``ModelError/Code/noFile``.
    public var isUsingLocal: Bool {
        get async throws {
            let name = try requireName()
            return try await isSaved ? Field.storage.isUsingLocal(name) : true
        }
    }
}

// MARK: - Without the model

extension QueuedFieldFile {
    /// Saves content in the storage at once, in a commit of its own, and names it here; the row is yet to be saved.
    ///
    /// Until then the file belongs to nobody. ``Model/save(in:)`` does both in one commit, and is to be preferred.
    ///
    /// - Parameters:
    ///   - filename: What to make the name of, together with ``QueuedFileField/uploadTo``.
    ///   - content: The bytes.
    /// - Throws: What the storage throws.
    public mutating func save(_ filename: String, _ content: FileContent) async throws {
        let name = try FieldSettings(Field.self).name(for: nil, filename: filename)
        let saved = try await Field.storage.save(name, content, maxLength: Field.maxLength)
        self.content = .stored(saved)
    }

    /// Deletes the file at once, with its name in every row that has it, in one commit; nothing happens if there is none.
    ///
    /// - Throws: `DatabaseError` if a row's column may not be NULL: then nothing is deleted.
    public mutating func delete() async throws {
        switch content {
        case .empty, .unsaved: break
        case .staged(let staged) where !staged.isCommitted: await staged.discard()
        case .staged, .stored:
            let (storage, name) = (Field.storage, try requireName())
            try await storage.start()
            guard let catalog = storage.catalog as? SQLiteCatalog else {
                try await storage.delete(name)
                break
            }
            let alias = storage.alias
            try await catalog.write { db in
                if let owner = try SQLiteCatalog.file(name, in: alias, db)?.owner, try db.tableExists(owner.model) {
                    let column = owner.field.quotedIdentifier
                    try db.execute(
                        sql: "UPDATE \(owner.model.quotedIdentifier) SET \(column) = NULL WHERE \(column) = ?",
                        arguments: [name]
                    )
                }
                try SQLiteCatalog.delete(name, in: alias, db)
            }
            await storage.removeCopies(ofDeleted: [name])
        }
        content = .empty
    }
}

extension QueuedFieldFile {
    /// The name, or Django's error.
    private func requireName() throws -> String {
        guard let name else {
            throw ModelError(.noFile, "The '\(Field.attribute)' attribute has no file associated with it.")
        }
        return name
    }

    private func requireSavedName() throws -> String {
        let name = try requireName()
        guard isSaved else {
            throw ModelError(
                .notStaged,
                "the content \"\(name)\" of '\(Field.attribute)' isn't saved yet; save the model first"
            )
        }
        return name
    }
}

extension QueuedStorage {
    /// Removes what lies locally under the names of files that were deleted, so that the names are free again at once.
    ///
    /// What can't be removed now is removed by a worker: the deletion is committed.
    func removeCopies(ofDeleted names: [String]) async {
        for name in names {
            do {
                guard let deleted = try await catalog.deletedFile(name, in: alias) else { continue }
                try await removeLocal(deleted)
            } catch {
                logger.debug(
                    "the local copy of a deleted file could not be removed yet",
                    metadata: ["storage": "\(alias)", "name": "\(name)", "error": "\(error)"]
                )
            }
        }
    }
}
