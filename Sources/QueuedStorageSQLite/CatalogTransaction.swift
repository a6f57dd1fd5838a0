import FoundationEssentials
import GRDB
import QueuedStorageCore

/// What the catalog does inside one write transaction.
///
/// The methods check first and write after: one that throws a `CatalogError` has changed nothing, so that others can
/// share its transaction.
struct CatalogTransaction {
    let db: Database
    /// Now, by the wall clock, in milliseconds since 1970.
    let now: Int64
    /// `PRAGMA synchronous`, if whoever began the transaction asked already; it can't change inside one.
    var synchronous: Int?
}

// MARK: - Files

extension CatalogTransaction {
    func record(_ file: NewFile) throws -> StoredFile {
        try requireDurability()
        let existing =
            try file.replaces ? db.first(SQL.fileByName, [file.storage, file.name]) { try StoredFile($0) } : nil
        let state = file.dueAt == nil ? FileState.local : .queued
        let id: Int64
        let generation: Int64
        do {
            if let existing {
                guard existing.place == nil else {
                    throw CatalogError(
                        .unsettled,
                        "\"\(file.name)\" of \"\(file.storage)\" can't be replaced yet: its bytes wait for their name"
                    )
                }
                let owner = file.owner ?? existing.owner
                try db.run(
                    SQL.replaceFile,
                    [
                        file.staged.place, file.staged.size, file.staged.sha256, file.staged.contentType,
                        state.rawValue, file.task, owner?.model, owner?.rowColumn, owner?.field, now, existing.id,
                    ]
                )
                (id, generation) = (existing.id, existing.generation + 1)
            } else {
                try db.run(
                    SQL.insertFile,
                    [
                        file.storage, file.name, file.staged.place, file.staged.size, file.staged.sha256,
                        file.staged.contentType, state.rawValue, file.task, file.owner?.model, file.owner?.rowColumn,
                        file.owner?.field, now, now,
                    ]
                )
                (id, generation) = (db.lastInsertedRowID, 1)
            }
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            throw CatalogError(.nameTaken, "\"\(file.name)\" is taken in \"\(file.storage)\"", cause: error)
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY {
            throw unknownStorage(file.storage, cause: error)
        }
        if let dueAt = file.dueAt {
            try insertTransfer(file.storage, id, generation, file.task, dueAt: dueAt.milliseconds)
        }
        if let copied = file.copiedEntry {
            try db.run(
                SQL.insertTake,
                [copied.entry, copied.size, copied.modifiedAt, copied.changedAt, copied.sha256]
            )
        }
        guard existing == nil else { return try row(id) }
        // What was written just now need not be read again.
        let date = Date(milliseconds: now)
        return StoredFile(
            id: id,
            storage: file.storage,
            name: file.name,
            generation: generation,
            place: file.staged.place,
            replaces: false,
            hasLocal: true,
            remoteName: nil,
            size: file.staged.size,
            sha256: file.staged.sha256,
            contentType: file.staged.contentType,
            state: state,
            task: file.task,
            owner: file.owner,
            createdAt: date,
            modifiedAt: date,
            transferredAt: nil,
            attempts: 0,
            error: nil,
            dueAt: (file.dueAt?.milliseconds).map(Date.init(milliseconds:))
        )
    }

    func file(_ name: String, in storage: String) throws -> StoredFile? {
        try db.first(SQL.fileByName, [storage, name]) { try StoredFile($0) }
    }

    func file(id: Int64) throws -> StoredFile? { try db.first(SQL.fileByID, [id]) { try StoredFile($0) } }

    func rename(_ file: StoredFile, to name: String) throws -> StoredFile? {
        guard try hasPlace(file) else { return nil }
        do {
            try db.run(SQL.renameFile, [name, file.id])
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            throw CatalogError(.nameTaken, "\"\(name)\" is taken in \"\(file.storage)\"", cause: error)
        }
        return try self.file(id: file.id)
    }

    func place(_ file: StoredFile, _ act: () throws -> Void) throws -> Bool {
        guard try hasPlace(file) else { return false }
        try act()
        return true
    }

    func settle(_ files: [StoredFile]) throws {
        for file in files {
            guard let place = file.place else { continue }
            try db.run(SQL.settleFile, [file.id, file.generation, place, file.name])
        }
    }

    func delete(_ name: String, in storage: String) throws -> StoredFile? {
        guard var file = try self.file(name, in: storage) else { return nil }
        try db.run(SQL.deleteFile, [file.id])
        if let tombstone = try self.file(id: file.id) { return tombstone }
        // It had no copies at all, so that its row went at once.
        file.state = .deleting
        file.generation += 1
        return file
    }

    func removeLocal(_ file: StoredFile, _ act: (StoredFile) throws -> Void) throws -> Bool {
        guard let row = try self.file(id: file.id) else { return true }
        guard row.state == .deleting || (row.state == .remote && row.generation == file.generation) else {
            return false
        }
        guard row.hasLocal else { return true }
        try act(row)
        try db.run(SQL.localIsGone, [file.id])
        return true
    }

    func deleteForeign(
        _ name: String,
        in storage: String,
        lease: Lease,
        _ act: () throws -> Void
    ) throws -> TransferJob? {
        let isOurs =
            try file(name, in: storage) != nil
            || db.first(SQL.deletedFile, [storage, name]) { _ in true } ?? false
        guard !isOurs else { return nil }
        try act()
        return try claimForeignDeletion(of: name, in: storage, under: lease)
    }

    /// Whether a file has the name, the generation and the place still that it was recorded with.
    private func hasPlace(_ file: StoredFile) throws -> Bool {
        guard let row = try self.file(id: file.id), row.place != nil else { return false }
        return row.generation == file.generation && row.place == file.place
            && row.name.utf8.elementsEqual(file.name.utf8)
    }

    private func row(_ id: Int64) throws -> StoredFile {
        guard let file = try file(id: id) else {
            throw CatalogError(.unavailable, "the catalog lost row \(id) inside a transaction")
        }
        return file
    }

    /// Refuses to record a save that the commit would not make durable.
    private func requireDurability() throws {
        let level = try synchronous ?? Int.fetchOne(db, sql: "PRAGMA synchronous") ?? 0
        guard level >= 2 else {
            throw CatalogError(
                .notDurable,
                "the connection has PRAGMA synchronous = \(level), under which a save could be lost; make the catalog "
                    + "with the pool, and don't lower synchronous below FULL afterwards"
            )
        }
    }

    func unknownStorage(_ alias: String, cause: (any Error)? = nil) -> CatalogError {
        CatalogError(.unknownStorage, "the catalog knows no storage \"\(alias)\"", cause: cause)
    }
}

extension FileOwner {
    /// The column's value: a row that has no key yet has none.
    fileprivate var rowColumn: String? { row.isEmpty ? nil : row }
}

// MARK: - Transfers that are wanted, and not

extension CatalogTransaction {
    func queueTransfer(_ name: String, in storage: String, task: String?, dueAt: Date) throws -> StoredFile? {
        guard let file = try self.file(name, in: storage) else { return nil }
        let dueAt = dueAt.milliseconds
        let job = try db.first(SQL.transferOfFile, [file.id]) { try (id: $0[0] as Int64, dueAt: $0[1] as Int64) }
        switch (file.state, job) {
        case (.transferring, _), (.remote, _), (.deleting, _):
            return file
        case (.queued, let job?):
            if let task { try db.run(SQL.retaskTransfer, [task, job.id]) }
            if dueAt < job.dueAt { try db.run(SQL.hastenTransfer, [dueAt, now, job.id]) }
        case (.failed, let job?):
            try db.run(SQL.retryTransfer, [task ?? file.task, dueAt, now, job.id])
            try setState(.queued, of: file.id, generation: file.generation)
        case (.local, _), (.queued, nil), (.failed, nil):
            try insertTransfer(storage, file.id, file.generation, task ?? file.task, dueAt: dueAt)
            try setState(.queued, of: file.id, generation: file.generation)
        }
        return try row(file.id)
    }

    func requeueLost(_ file: StoredFile, dueAt: Date) throws -> Bool {
        guard file.state == .remote, let row = try self.file(id: file.id), row.state == .remote, row.hasLocal,
            row.generation == file.generation
        else { return false }
        try db.run(SQL.deleteLocalDeletion, [row.id])
        try db.run(
            SQL.insertRepeatedTransfer,
            [row.storage, row.id, row.generation, row.task, row.remoteName, dueAt.milliseconds, now, now]
        )
        return try db.run(SQL.remoteIsLost, [row.id]) > 0
    }

    func cancelTransfer(_ name: String, in storage: String) throws -> Bool {
        guard let file = try self.file(name, in: storage), [.queued, .transferring, .failed].contains(file.state) else {
            return false
        }
        return try setState(.local, of: file.id, generation: file.generation)
    }

    func retryDeletions(in storage: String) throws -> Int { try db.run(SQL.retryDeletions, [now, now, storage]) }

    func insertTransfer(
        _ storage: String,
        _ file: Int64,
        _ generation: Int64,
        _ task: String,
        dueAt: Int64
    ) throws {
        try db.run(SQL.insertTransfer, [storage, file, generation, task, dueAt, now, now])
    }

    @discardableResult
    func setState(_ state: FileState, of file: Int64, generation: Int64) throws -> Bool {
        try db.run(SQL.setFileState, [state.rawValue, file, generation]) > 0
    }
}
