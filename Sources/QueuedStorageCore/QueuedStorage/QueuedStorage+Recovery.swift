import Logging
import Synchronization

extension QueuedStorage {
    /// Ends what dead processes began: files that were committed get their names, bytes that no row names go.
    ///
    /// Only what belonged to the dead is touched; each dead token's lock is held meanwhile. Runs any number of times.
    package func recover() async throws {
        try await start()
        try await placeUnsettled()
        let local = local
        for token in try await blocking({ try local.deadTokens() }) {
            guard let dead = try await blocking({ try local.takeOver(token) }) else { continue }
            let named = try await catalog.named(places: dead.places, in: alias)
            let litter = dead.places.filter { !named.contains($0) }
            try await blocking {
                for place in litter { try local.discard(place) }
            }
            // A row that still names a place here couldn't be settled; the token stays until it is.
            if named.isEmpty { try await blocking { try dead.forget() } }
            logger.debug(
                "recovered what a dead process left",
                metadata: ["storage": "\(alias)", "discarded": "\(litter.count)", "kept": "\(named.count)"]
            )
        }
        try await blocking { try local.emptyTrash() }
    }

    /// Gives names to files whose processes died before they could.
    ///
    /// - Parameter ownPlaces: Places that the caller has taken over from the dead: their locks are held, and by it.
    /// - Throws: What the catalog or the local storage throws; what has got its name by then keeps it.
    func placeUnsettled(ownPlaces: Set<String> = []) async throws {
        let local = local
        let files = try await catalog.unsettled(in: alias)
        guard !files.isEmpty else { return }
        let orphans = try await blocking {
            try files.filter { file in
                try file.place.map { try ownPlaces.contains($0) || !local.isOwnerAlive(ofPlace: $0) } ?? false
            }
        }
        var placed: [StoredFile] = []
        for file in orphans {
            guard let place = file.place else { continue }
            do {
                try await noteFormerSHA256(file)
                let hadBytes = Flag()
                let isOurs = try await catalog.place(file) {
                    hadBytes.value = try local.place(place, as: file.name, replacing: file.replaces)
                }
                guard isOurs else { continue }
                // Where nothing is left at the place, the bytes must be under the name already.
                let isPlaced = if hadBytes.value { true } else { try await isUnderItsName(file) }
                guard isPlaced else {
                    logger.error(
                        "the bytes of a saved file are neither where they were kept nor under its name",
                        metadata: ["storage": "\(alias)", "name": "\(file.name)", "place": "\(place)"]
                    )
                    continue
                }
                placed.append(file)
            } catch let error as StorageError where [.alreadyExists, .notADirectory].contains(error.code) {
                // Something foreign took the name, or a directory of it: the file gets another, as its saver would have
                // given it.
                _ = try await finish(file, SaveRequest(name: file.name))
            } catch {
                logger.warning(
                    "a saved file could not be given its name yet",
                    metadata: ["storage": "\(alias)", "name": "\(file.name)", "error": "\(error)"]
                )
            }
        }
        guard !placed.isEmpty else { return }
        let done = placed
        try await blocking { try local.sync(names: done.map(\.name), places: done.compactMap(\.place)) }
        try await catalog.settle(done)
    }

    /// Whether what lies under a file's name has its size, and its checksum if that is known.
    private func isUnderItsName(_ file: StoredFile) async throws -> Bool {
        do {
            guard try await local.size(file.name) == file.size else { return false }
        } catch let error as StorageError where [.notFound, .isDirectory, .notADirectory].contains(error.code) {
            return false
        }
        guard let sha256 = file.sha256 else { return true }
        return try await localSHA256(file.name, place: nil)?.sha256 == sha256
    }
}

/// What an act inside a transaction found out; of several runs, the last one's word.
private final class Flag: Sendable {
    private let state = Mutex(false)
    var value: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
