import Logging

/// The end of a local copy once the remote has the file, and of files that nobody knows.
extension QueuedStorage {
    /// How long the local copy stays after a transfer that deletes it.
    var graceBeforeDeletion: Duration {
        get async { await trustsRemote ? options.localGrace : max(options.localGrace, options.durabilityGrace) }
    }

    /// Whether what the remote confirmed is there to stay, by its word or by the application's.
    private var trustsRemote: Bool {
        get async {
            if options.durabilityGrace == .zero { return true }
            // A server that can't be asked promises nothing now.
            return (try? await (remote as? any DurableStorage)?.isDurable) ?? false
        }
    }

    /// Removes the local copy of a file that is deleted, or of one that the remote has, still.
    ///
    /// Where the remote can't promise that what it confirmed survives a loss of power, its copy is compared once more:
    /// a file that it has lost since, or holds damaged, is transferred again instead.
    func removeSpareLocal(_ file: StoredFile) async throws {
        // Who died after removing the bytes, and before saying so, left nothing that could be sent again.
        guard file.state == .remote, await !trustsRemote, try await hasLocalBytes(file),
            try await !remoteStillHas(file)
        else { return try await removeLocal(file) }
        guard try await catalog.requeueLost(file, dueAt: time.now) else { return }
        logger.error(
            "the remote has lost a file, or damaged it, after it had confirmed it; it is transferred again",
            metadata: ["storage": "\(alias)", "name": "\(file.name)", "remoteName": "\(file.remoteName ?? file.name)"]
        )
    }

    private func hasLocalBytes(_ file: StoredFile) async throws -> Bool {
        let local = local
        return try await blocking {
            do {
                _ = try local.contentNow(of: file.name, place: file.place)
                return true
            } catch let error as StorageError where error.code == .notFound {
                return false
            }
        }
    }

    private func remoteStillHas(_ file: StoredFile) async throws -> Bool {
        let name = file.remoteName ?? file.name
        do {
            guard try await remote.size(name) == file.size else { return false }
            var expected = file.sha256
            if expected == nil { expected = try await localSHA256(file.name, place: file.place)?.sha256 }
            return try await remote.sha256(of: name) == expected
        } catch let error as StorageError where [.notFound, .isDirectory].contains(error.code) {
            return false
        }
    }

    /// Deletes what lies under a name that no file has, on both sides.
    func deleteForeign(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let (local, until) = (local, time.bootMilliseconds + 60_000)
        let lease = try await blocking { Lease(token: try local.token(), bootID: Boot.id, until: until) }
        var job: TransferJob?
        do {
            // Under the catalog's lock, as a file may be saved under the name at this very moment.
            job = try await catalog.deleteForeign(name, in: alias, lease: lease) {
                try local.removeCopy(name, place: nil)
                try local.sync(names: [name], places: [])
            }
        } catch let error as StorageError where error.code == .isDirectory || error.code == .invalidName {
            try await local.delete(name)
            job = try await catalog.deleteForeign(name, in: alias, lease: lease) {}
        }
        guard let job else { return }
        do {
            try await removeRemote(job)
        } catch {
            // Whoever asked is told, and asks again: nothing is deleted behind his back.
            try await end(job)
            throw error
        }
        try await end(job)
    }

    private func end(_ job: TransferJob) async throws {
        guard try await !catalog.completeDeletion(job.ticket) else { return }
        try await catalog.acknowledgeLoss(of: job.ticket)
    }
}
