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
    struct Progress {
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

    let verification: QueuedStorageOptions.Verification
    let catalog: any Catalog
    package let ticket: JobTicket
    private let time: any TimeSource
    private let startedAt: Int64
    private let observe: @Sendable (Int64) -> Void
    /// The job's upload in pieces, as it was kept last.
    let journal: CatalogUploadJournal
    let progress: Mutex<Progress>

    package init(
        job: TransferJob,
        file: StoredFile,
        local: any LocalStorage,
        remote: any Storage,
        verification: QueuedStorageOptions.Verification,
        catalog: any Catalog,
        time: any TimeSource,
        observe: @escaping @Sendable (Int64) -> Void
    ) {
        self.file = file
        self.attempt = job.tries + 1
        self.local = local
        self.remote = remote
        self.verification = verification
        self.catalog = catalog
        self.ticket = job.ticket
        self.time = time
        startedAt = time.bootMilliseconds
        self.observe = observe
        self.journal = CatalogUploadJournal(job.upload, catalog: catalog, ticket: job.ticket)
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
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if the local copy is gone; another error if the file was
    ///   replaced or deleted since the attempt began.
    public func content() async throws -> FileContent {
        let (local, file) = (local, file)
        var content = try await blocking { try local.contentNow(of: file.name, place: file.place) }
        // What has the name may be another content by now, or another file's. If the row is the same after the opening, what was
        // opened is its own: bytes give way only after the commit that says so.
        guard let now = try await catalog.file(id: file.id), now.generation == file.generation else { throw LostJob() }
        guard now.name == file.name else {
            throw StorageError(
                .failed,
                name: file.name,
                "\"\(file.name)\" is called \"\(now.name)\" now; it is tried again"
            )
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

    /// How long the attempt has run.
    package var age: Duration { .milliseconds(time.bootMilliseconds - startedAt) }

    /// How long the attempt has stood still, and in which phase.
    package var stillness: (phase: Phase, milliseconds: Int64) {
        progress.withLock { ($0.phase, time.bootMilliseconds - $0.movedAt) }
    }

    /// What the engine needs to know when the task has returned true.
    package var outcome: (stored: StoredObject?, deletesLocal: Bool) {
        progress.withLock { ($0.stored, $0.deletesLocal && $0.isProven) }
    }

    func enter(_ phase: Phase) {
        progress.withLock {
            $0.phase = phase
            $0.byteCount = 0
            $0.movedAt = time.bootMilliseconds
        }
    }
}

/// The attempt's job was taken away: cancelled, replaced, deleted, or rescued after its lease lapsed.
package struct LostJob: Error {
    package init() {}
}
