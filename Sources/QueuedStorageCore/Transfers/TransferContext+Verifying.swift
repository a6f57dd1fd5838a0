import Synchronization

extension TransferContext {
    /// Compares the remote's copy with the file, as the storage's ``QueuedStorageOptions/verification`` says.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if they differ.
    public func verify() async throws {
        try await verifySize()
        if verification == .readback { try await prove() }
    }

    /// Compares the size of the remote's copy with the file's.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if they differ.
    public func verifySize() async throws {
        // A storage that vouched for all bytes vouched for their number.
        guard stored?.verifiedBy == nil else { return }
        enter(.verify)
        let size = try await remote.size(remoteName)
        guard size == file.size else { throw mismatch("it has \(size) bytes there, and \(file.size) here") }
    }

    /// Proves the remote's copy: by a checksum that the remote vouched for, else by reading every byte back.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if the bytes differ.
    public func prove() async throws {
        guard !progress.withLock({ $0.isProven || $0.stored?.verifiedBy != nil }) else {
            return progress.withLock { $0.isProven = true }
        }
        enter(.verify)
        guard try await remoteIsOurs(remoteName) else {
            throw mismatch("its checksum there is another one than here")
        }
        progress.withLock { $0.isProven = true }
    }

    /// Asks for the deletion of the local copy once the file's switch to the remote is committed.
    ///
    /// Without ``prove()`` it is kept all the same.
    public func deleteLocalCopy() {
        progress.withLock { $0.deletesLocal = true }
    }

    /// What a task that stored the file by itself has to show: the remote has it, whole, under the planned name.
    package func confirm() async throws -> StoredObject {
        if let stored { return stored }
        let size: Int64
        do {
            size = try await remote.size(remoteName)
        } catch let error as StorageError where error.code == .notFound {
            throw StorageError(
                .notFound,
                name: file.name,
                """
                the task "\(file.task)" said that "\(file.name)" is on the remote, but nothing has the name \
                "\(remoteName)" there; a task of your own must store it under `remoteName`
                """
            )
        }
        guard size == file.size else { throw mismatch("it has \(size) bytes there, and \(file.size) here") }
        let stored = StoredObject(name: remoteName, size: size)
        note(stored)
        return stored
    }

    private func mismatch(_ what: String) -> StorageError {
        StorageError(
            .damaged,
            name: file.name,
            "the remote's copy of \"\(file.name)\" is not the file that was sent: \(what)"
        )
    }

    /// Whether the remote's bytes are the local ones: by its word for a checksum, else by every byte read back.
    func remoteIsOurs(_ name: String) async throws -> Bool {
        let theirs: Checksum
        if let storage = remote as? any ChecksumStorage, let known = try await storage.checksum(name) {
            theirs = known
        } else {
            theirs = Checksum(.sha256, try await remote.open(name, range: nil).sha256 { self.report(byteCount: $0) })
        }
        return try await localChecksum(theirs.algorithm) == theirs
    }

    private func localChecksum(_ algorithm: Checksum.Algorithm) async throws -> Checksum? {
        if algorithm == .sha256, let known = stored?.sha256 ?? file.sha256 { return Checksum(.sha256, known) }
        return try await content().reader(range: nil).checksum(algorithm) { self.report(byteCount: $0) }
    }
}
