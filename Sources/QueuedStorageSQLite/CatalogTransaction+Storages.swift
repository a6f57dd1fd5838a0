import GRDB
import QueuedStorageCore

extension CatalogTransaction {
    func register(_ storage: StorageRegistration, acceptingMove: Bool) throws {
        guard let known = try db.first(SQL.storage, [storage.alias], { try StorageRegistration($0) }) else {
            return try refusingTwoInOne(storage) {
                try db.run(
                    SQL.insertStorage,
                    [storage.alias, storage.localID, storage.remoteFingerprint, storage.isPaused, now]
                )
            }
        }
        guard
            known.localID != storage.localID || known.remoteFingerprint != storage.remoteFingerprint
        else { return }
        guard acceptingMove else {
            if known.localID != storage.localID {
                throw CatalogError(
                    .wrongLocation,
                    "the local location of \"\(storage.alias)\" is \"\(storage.localID)\", but the catalog knows it as "
                        + "\"\(known.localID)\"; if the files moved there, accept it with --moved"
                )
            }
            throw CatalogError(
                .wrongRemote,
                "the remote of \"\(storage.alias)\" is \"\(storage.remoteFingerprint)\", but the catalog knows it as "
                    + "\"\(known.remoteFingerprint)\"; if the files moved there, accept it with --moved"
            )
        }
        try refusingTwoInOne(storage) {
            try db.run(SQL.moveStorage, [storage.localID, storage.remoteFingerprint, storage.alias])
        }
    }

    /// Says in words that another storage has the location.
    private func refusingTwoInOne(_ storage: StorageRegistration, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE {
            throw CatalogError(
                .wrongLocation,
                "the local location \"\(storage.localID)\" of \"\(storage.alias)\" is that of another storage of the "
                    + "catalog: each needs a location of its own",
                cause: error
            )
        }
    }

    func setPaused(_ isPaused: Bool, storage: String) throws {
        guard try db.run(SQL.pauseStorage, [isPaused, storage]) > 0 else { throw unknownStorage(storage) }
    }

    func register(_ folder: DropFolderRegistration) throws {
        guard try db.first(SQL.storage, [folder.storage], { _ in true }) != nil else {
            throw unknownStorage(folder.storage)
        }
        // Nothing changes at most starts, and a commit would wake everybody.
        if try db.first(SQL.dropFolder, [folder.id], { try DropFolderRegistration($0) }) == folder { return }
        try db.run(SQL.displaceDropFolder, [folder.path, folder.id])
        try db.run(SQL.putDropFolder, [folder.id, folder.path, folder.storage])
    }

    func forget(takenEntries entries: [String]) throws {
        for entry in entries { try db.run(SQL.deleteTake, [entry]) }
    }

    /// Removes events from the oldest on, up to the first that is young enough.
    func trimEvents(before: Int64) throws {
        while true {
            let oldest = try db.all(SQL.oldestEvents, [1000]) { try (id: $0[0] as Int64, at: $0[1] as Int64) }
            let old = oldest.prefix { $0.at < before }
            guard let last = old.last else { return }
            try db.run(SQL.trimEvents, [last.id])
            if old.count < oldest.count || oldest.count < 1000 { return }
        }
    }
}
