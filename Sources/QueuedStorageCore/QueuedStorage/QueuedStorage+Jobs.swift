private import Logging
import Synchronization

extension QueuedStorage {
    /// Removes what lies under a name of the remote, if it is what we put there.
    func removeRemote(_ job: TransferJob) async throws {
        guard let name = job.remoteName else { return }
        let journal = CatalogUploadJournal(job.upload, catalog: catalog, ticket: job.ticket)
        if let remote = remote as? any ResumableStorage, let upload = journal.upload(begunFor: name) {
            try await remote.abandon(upload)
        }
        if let planned = job.plannedObject {
            // We never knew that our bytes arrived under the name; somebody else's may have.
            guard try await remoteSize(name) == planned.size else { return }
            guard let sha256 = try await plannedSHA256(job) else {
                return logger.warning(
                    "what lies where a transfer was planned can't be told from somebody else's file any more, and stays",
                    metadata: ["storage": "\(alias)", "remoteName": "\(name)"]
                )
            }
            guard try await remote.sha256(of: name) == sha256 else { return }
        } else if job.isRepeated, let published = job.publishedObject {
            // An earlier attempt may have removed it, and somebody else's file may lie there since.
            guard try await remoteSize(name) == published.size else { return }
            if let sha256 = published.sha256 {
                guard try await remote.sha256(of: name) == sha256 else { return }
            }
        }
        try await remote.delete(name)
    }

    /// The size of what lies under a name of the remote; nil if there is no file.
    private func remoteSize(_ name: String) async throws -> Int64? {
        do {
            return try await remote.size(name)
        } catch let error as StorageError where [.notFound, .isDirectory].contains(error.code) {
            return nil
        }
    }

    /// Tells listeners of this process how far a transfer is, ten times a second at most.
    func progressObserver(for file: StoredFile, time: any TimeSource) -> @Sendable (Int64) -> Void {
        let toldAt = Mutex<Int64>(0)
        return { [hub] byteCount in
            guard hub.hasListeners else { return }
            let now = time.bootMilliseconds
            let isDue = toldAt.withLock { last in
                guard byteCount >= file.size || now - last >= 100 else { return false }
                last = now
                return true
            }
            guard isDue else { return }
            hub.tell(
                StorageEvent(
                    type: .progress,
                    id: 0,
                    at: time.now,
                    storage: file.storage,
                    name: file.name,
                    generation: file.generation,
                    remoteName: nil,
                    size: file.size,
                    byteCount: byteCount,
                    owner: file.owner
                )
            )
        }
    }

    /// Makes sure that the remote isn't the local side in disguise, such as this machine's directory over the network.
    ///
    /// A remote that is a directory of this machine was compared by ``start()``. Others get a file of a name that nobody
    /// else has, which must not turn up locally; it is removed again.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration``.
    func checkSeparation() async throws {
        guard !(remote is any LocalPathStorage), !isSeparate.withLock({ $0 }) else { return }
        try await separating.pass {
            guard !isSeparate.withLock({ $0 }) else { return }
            guard try await !turnsUpLocally() else {
                throw StorageError(
                    .invalidConfiguration,
                    "the remote of the storage \"\(alias)\" is its local storage: a transfer would lead nowhere"
                )
            }
            isSeparate.withLock { $0 = true }
        }
    }

    /// Whether a file that is stored on the remote turns up on the local side.
    private func turnsUpLocally() async throws -> Bool {
        // The location's own identifier makes the name, so that what a killed process leaves is used, and removed, again.
        let local = local
        let nonce = "qstore-probe-" + (try await blocking { try local.identity() })
        do {
            var round = 1
            while true {
                _ = try await remote.store(.text(nonce), as: nonce, options: StoreOptions(replaces: true))
                let isLocal = try await local.exists(nonce)
                // Another process may have removed its own, which is ours, before we looked.
                if !isLocal, round < 5, try await !remote.exists(nonce) {
                    round += 1
                    continue
                }
                try await removeProbe(nonce)
                return isLocal
            }
        } catch {
            // It may have arrived all the same.
            try? await remote.delete(nonce)
            throw error
        }
    }

    private func removeProbe(_ nonce: String) async throws {
        do {
            try await remote.delete(nonce)
        } catch let error as StorageError where error.code == .denied {
            // A remote that only takes files is a good one, too.
            logger.notice(
                "the remote lets nothing be deleted; a small file stays there",
                metadata: ["name": "\(nonce)"]
            )
        }
    }
}
