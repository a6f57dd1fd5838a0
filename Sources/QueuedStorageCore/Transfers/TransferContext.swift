import Crypto
import FoundationEssentials
import Synchronization

/// One attempt to transfer a file: what is known of it, and what a ``TransferTask`` can do.
public final class TransferContext: Sendable {
    /// Where an attempt stands; each phase has its own limit for standing still.
    public enum Phase: String, Hashable, Sendable {
        /// Bytes are read and handed to the remote.
        case send
        /// The remote's copy is compared, or read back.
        case verify
    }

    /// What is known of the attempt so far.
    private struct Progress {
        var phase = Phase.send
        var byteCount: Int64 = 0
        var movedAt: Int64
        var remoteName: String
        var stored: StoredObject?
        var isProven = false
        var deletesLocal = false
    }

    /// The file as it was when the attempt began.
    public let file: StoredFile
    /// The alias of the storage.
    public var storage: String { file.storage }
    /// The file's name.
    public var name: String { file.name }
    /// The attempt's number, from 1; attempts that found the remote unreachable don't count.
    public let attempt: Int
    /// The local side.
    public let local: any LocalStorage
    /// The remote side.
    public let remote: any Storage

    private let catalog: any Catalog
    package let ticket: JobTicket
    private let time: any TimeSource
    private let observe: @Sendable (Int64) -> Void
    private let progress: Mutex<Progress>

    package init(
        job: TransferJob,
        file: StoredFile,
        local: any LocalStorage,
        remote: any Storage,
        catalog: any Catalog,
        time: any TimeSource,
        observe: @escaping @Sendable (Int64) -> Void
    ) {
        self.file = file
        self.attempt = job.tries + 1
        self.local = local
        self.remote = remote
        self.catalog = catalog
        self.ticket = job.ticket
        self.time = time
        self.observe = observe
        self.progress = Mutex(
            Progress(movedAt: time.bootMilliseconds, remoteName: job.remoteName ?? file.name)
        )
    }

    /// The name planned on the remote; it changes when something foreign turns out to lie there.
    public var remoteName: String { progress.withLock { $0.stored?.name ?? $0.remoteName } }

    /// What the remote stored, once it did.
    public var stored: StoredObject? { progress.withLock { $0.stored } }

    /// How many bytes were handed over, or read back, in the present phase.
    public var byteCount: Int64 { progress.withLock { $0.byteCount } }

    /// The local bytes, open: what happens to their name meanwhile doesn't change them.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if the local copy is gone.
    public func content() async throws -> FileContent {
        let (local, file) = (local, file)
        var content = try await blocking {
            do {
                return try local.content(of: file.name, place: file.place)
            } catch let error as StorageError where error.code == .notFound && file.place != nil {
                // It was placed since the row was read.
                return try local.content(of: file.name, place: nil)
            }
        }
        content.contentType = file.contentType
        return content
    }

    /// Notes that the attempt moves on; attempts that stand still for too long are given up.
    ///
    /// - Parameter byteCount: How many bytes of the present phase are done.
    public func report(byteCount: Int64) {
        progress.withLock {
            $0.byteCount = byteCount
            $0.movedAt = time.bootMilliseconds
        }
        observe(byteCount)
    }

    /// How long the attempt has stood still, and in which phase.
    package var stillness: (phase: Phase, milliseconds: Int64) {
        progress.withLock { ($0.phase, time.bootMilliseconds - $0.movedAt) }
    }

    /// What the engine needs to know when the task has returned true.
    package var outcome: (stored: StoredObject?, deletesLocal: Bool) {
        progress.withLock { ($0.stored, $0.deletesLocal && $0.isProven) }
    }

    private func enter(_ phase: Phase) {
        progress.withLock {
            $0.phase = phase
            $0.byteCount = 0
            $0.movedAt = time.bootMilliseconds
        }
    }
}

// MARK: - Sending

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
            if !(remote is any ExclusiveStorage), try await remote.exists(name) {
                if try await adopt(name) { return }
            } else {
                do {
                    return try await send(as: name)
                } catch let error as StorageError where error.code == .alreadyExists {
                    if try await adopt(name) { return }
                }
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
        let content = try await content()
        let options = StoreOptions(
            contentType: file.contentType,
            computesSHA256: true,
            temporaryTag: "\(file.id)-\(file.generation)-\(ticket.job)-\(ticket.fence)",
            progress: { [weak self] in self?.report(byteCount: $0) }
        )
        let stored = try await remote.store(content, as: name, options: options)
        guard stored.size == file.size, file.sha256 == nil || stored.sha256 == nil || stored.sha256 == file.sha256
        else {
            // The name is planned for us alone and was free: what lies there now is what we just wrote.
            try? await remote.delete(stored.name)
            throw StorageError(
                .damaged,
                name: file.name,
                """
                the local bytes of "\(file.name)" are not those that were saved: \(stored.size) bytes, SHA-256 \
                \(stored.sha256 ?? "unknown"), where the catalog has \(file.size) bytes, SHA-256 \(file.sha256 ?? "unknown")
                """
            )
        }
        if stored.name != name {
            guard try await catalog.plan(stored.name, for: ticket) else { throw LostJob() }
        }
        note(stored)
    }

    /// Takes over what lies under the planned name if it has our bytes.
    private func adopt(_ name: String) async throws -> Bool {
        let size: Int64
        do {
            size = try await remote.size(name)
        } catch let error as StorageError where [.notFound, .isDirectory].contains(error.code) {
            return false
        }
        guard size == file.size else { return false }
        let ours = try await localSHA256()
        guard try await remoteSHA256(name) == ours else { return false }
        note(StoredObject(name: name, size: size, sha256: ours))
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
                return progress.withLock { $0.remoteName = candidate }
            } catch let error as CatalogError where error.code == .nameTaken {
                continue
            }
        }
    }

    private func note(_ stored: StoredObject) {
        progress.withLock { $0.stored = stored }
    }
}

// MARK: - Verifying

extension TransferContext {
    /// Compares the size of the remote's copy with the file's.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if they differ.
    public func verifySize() async throws {
        enter(.verify)
        let size = try await remote.size(remoteName)
        guard size == file.size else { throw mismatch("it has \(size) bytes there, and \(file.size) here") }
    }

    /// Proves the remote's copy: by a checksum that the remote vouches for, else by reading every byte back.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/damaged`` if the bytes differ.
    public func prove() async throws {
        guard !progress.withLock({ $0.isProven }) else { return }
        enter(.verify)
        let ours: String
        if let known = stored?.sha256 ?? file.sha256 { ours = known } else { ours = try await localSHA256() }
        let theirs = try await remoteSHA256(remoteName)
        guard ours == theirs else { throw mismatch("its SHA-256 is \(theirs) there, and \(ours) here") }
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

    private func localSHA256() async throws -> String {
        if let known = file.sha256 { return known }
        return try await content().reader(range: nil).sha256 { self.report(byteCount: $0) }
    }

    private func remoteSHA256(_ name: String) async throws -> String {
        try await remote.sha256(of: name) { self.report(byteCount: $0) }
    }
}

extension Storage {
    /// The SHA-256 of a stored file: the storage's word for it, else of every byte read back.
    package func sha256(of name: String, progress: @Sendable (Int64) -> Void = { _ in }) async throws -> String {
        if let storage = self as? any ChecksumStorage, let checksum = try await storage.checksum(name),
            checksum.algorithm == .sha256
        {
            return checksum.value
        }
        return try await open(name, range: nil).sha256(progress: progress)
    }
}

extension FileReader {
    /// Reads everything, and returns its SHA-256 in lower-case hexadecimal digits.
    package func sha256(progress: @Sendable (Int64) -> Void = { _ in }) async throws -> String {
        var hash = SHA256()
        var byteCount: Int64 = 0
        for try await buffer in self {
            hash.update(data: buffer)
            byteCount += Int64(buffer.count)
            progress(byteCount)
        }
        return hash.finalize().hexadecimal
    }
}

/// The attempt's job was taken away: cancelled, replaced, deleted, or rescued after its lease lapsed.
package struct LostJob: Error {
    package init() {}
}
