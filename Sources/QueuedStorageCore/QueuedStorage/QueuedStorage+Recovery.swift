import Logging

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
    private func placeUnsettled() async throws {
        let local = local
        let files = try await catalog.unsettled(in: alias)
        guard !files.isEmpty else { return }
        let orphans = try await blocking {
            try files.filter { file in try file.place.map { try !local.isOwnerAlive(ofPlace: $0) } ?? false }
        }
        var placed: [StoredFile] = []
        for file in orphans {
            guard let place = file.place else { continue }
            do {
                try await noteFormerSHA256(file)
                let isOurs = try await catalog.place(file) {
                    _ = try local.place(place, as: file.name, replacing: file.replaces)
                }
                if isOurs { placed.append(file) }
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
}
