import Synchronization

extension TransferContext {
    /// Sends the file to the remote and publishes it there, durably, under a name of its own.
    ///
    /// An object under the planned name that has our bytes is an earlier attempt's, and adopted. Anything else there
    /// stays as it is, and another name is planned.
    public func send() async throws {
        enter(.send)
        // Strangers that take one name after another can't keep us here for ever.
        for _ in 0..<16 {
            let name = progress.withLock { $0.remoteName }
            do {
                return try await send(as: name)
            } catch let error as StorageError where error.code == .alreadyExists {
                if try await adopt(name) { return }
            }
            try await planAnotherName(than: name)
        }
        throw StorageError(
            .alreadyExists,
            name: file.name,
            "no free name for \"\(file.name)\" was found on the remote; try again later"
        )
    }

    private func send(as name: String) async throws {
        let stored: StoredObject
        if let remote = remote as? any ResumableStorage, file.size >= remote.resumableFrom {
            stored = try await sendInPieces(to: remote, as: name)
        } else {
            stored = try await remote.store(try await content(), as: name, options: storeOptions(after: 0))
            guard stored.size == file.size, file.sha256 == nil || stored.sha256 == nil || stored.sha256 == file.sha256
            else {
                // The name is planned for us alone and was free: what lies there now is what we just wrote.
                try? await remote.delete(stored.name)
                throw localDamage(size: stored.size, sha256: stored.sha256)
            }
        }
        if stored.name != name {
            guard try await catalog.plan(stored.name, for: ticket) else { throw LostJob() }
        }
        note(stored)
    }

    /// How the remote shall store the file, or the rest of it.
    func storeOptions(after offset: Int64) -> StoreOptions {
        StoreOptions(
            contentType: file.contentType,
            computesSHA256: true,
            temporaryTag: "\(file.id)-\(file.generation)-\(ticket.job)-\(ticket.fence)",
            progress: { [weak self] in self?.report(byteCount: offset + $0) }
        )
    }

    /// The local bytes turned out to be other ones than those that were saved.
    func localDamage(size: Int64, sha256: String?) -> StorageError {
        StorageError(
            .damaged,
            name: file.name,
            """
            the local bytes of "\(file.name)" are not those that were saved: \(size) bytes, SHA-256 \
            \(sha256 ?? "unknown"), where the catalog has \(file.size) bytes, SHA-256 \(file.sha256 ?? "unknown")
            """
        )
    }

    /// Takes over what lies under the planned name if it has our bytes.
    private func adopt(_ name: String) async throws -> Bool {
        let size: Int64
        do {
            size = try await remote.size(name)
        } catch let error as StorageError where [.notFound, .isDirectory].contains(error.code) {
            return false
        }
        guard size == file.size, try await remoteIsOurs(name) else { return false }
        note(StoredObject(name: name, size: size, sha256: file.sha256))
        progress.withLock { $0.isProven = true }
        return true
    }

    private func planAnotherName(than name: String) async throws {
        let (directory, base) = FileName.split(name)
        let (root, ext) = FileName.splitExtension(base)
        while true {
            let candidate = FileName.append(remote.alternativeName(root: root, ext: ext), to: directory)
            do {
                guard try await catalog.plan(candidate, for: ticket) else { throw LostJob() }
                progress.withLock { $0.remoteName = candidate }
                // What was sent in pieces already is to be published under the new name.
                return try await journal.keep()
            } catch let error as CatalogError where error.code == .nameTaken {
                continue
            }
        }
    }

    func note(_ stored: StoredObject) {
        progress.withLock { $0.stored = stored }
    }
}
