public import FoundationEssentials

/// What a job does.
public enum JobKind: String, Codable, Hashable, Sendable {
    /// Copies a file's present generation to the remote.
    case transfer
    /// Removes a file's local bytes: it is on the remote and proven, or it was deleted.
    case deleteLocal
    /// Removes what lies, or might lie, under one name of the remote.
    case deleteRemote
}

/// Who holds a job, and until when.
public struct Lease: Hashable, Sendable {
    /// The worker's token, taken in the local storage of the job.
    public var token: String
    /// The machine's boot (`/proc/sys/kernel/random/boot_id`); a lease of another boot has lapsed.
    public var bootID: String
    /// When the lease lapses, in milliseconds of `CLOCK_BOOTTIME`.
    public var until: Int64

    /// Makes a lease.
    ///
    /// - Parameters:
    ///   - token: The worker's token.
    ///   - bootID: The machine's boot.
    ///   - until: When it lapses, in milliseconds of `CLOCK_BOOTTIME`.
    public init(token: String, bootID: String, until: Int64) {
        self.token = token
        self.bootID = bootID
        self.until = until
    }
}

/// A job that a worker claimed, with the file as it was in that commit.
public struct TransferJob: Hashable, Sendable, Identifiable {
    /// The job's identifier; never used again.
    public var id: Int64
    /// What it does.
    public var kind: JobKind
    /// Counts claims, cancellations and retries, and only ever rises: an act under an older fence changes nothing.
    public var fence: Int64
    /// Attempts that failed before this one.
    public var tries: Int
    /// When the job was last due.
    public var dueAt: Date
    /// The alias of the storage.
    public var storage: String
    /// The file; nil for a `deleteRemote` whose file's row is gone.
    public var file: StoredFile?
    /// The generation of the content that it is about, which may be an older one than that of ``file``.
    public var generation: Int64
    /// The name planned on the remote (`transfer`), or to be removed there (`deleteRemote`).
    public var remoteName: String?
    /// The name of the task (`transfer`).
    public var task: String
    /// What was to get the remote name, if nobody ever said that it arrived there (`deleteRemote`).
    public var plannedObject: StoredObject?
    /// What the remote name has, or had until an earlier attempt removed it and couldn't say so (`deleteRemote`).
    public var publishedObject: StoredObject?
    /// What an earlier attempt kept of its upload in pieces.
    public var upload: String?

    /// Makes a job.
    public init(
        id: Int64,
        kind: JobKind,
        fence: Int64,
        tries: Int,
        dueAt: Date,
        storage: String,
        file: StoredFile?,
        generation: Int64,
        remoteName: String?,
        task: String,
        plannedObject: StoredObject? = nil,
        publishedObject: StoredObject? = nil,
        upload: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.fence = fence
        self.tries = tries
        self.dueAt = dueAt
        self.storage = storage
        self.file = file
        self.generation = generation
        self.remoteName = remoteName
        self.task = task
        self.plannedObject = plannedObject
        self.publishedObject = publishedObject
        self.upload = upload
    }

    /// Whether it was claimed before, by somebody who may have done it, and died before they could say so.
    var isRepeated: Bool { fence > 1 }

    /// What every act on a claimed job must show.
    public var ticket: JobTicket { JobTicket(job: id, fence: fence) }
}

/// Proves that a worker still holds a job: the job's fence hasn't risen since.
public struct JobTicket: Hashable, Sendable {
    /// The job's identifier.
    public var job: Int64
    /// The fence under which it was claimed.
    public var fence: Int64

    /// Makes a ticket.
    ///
    /// - Parameters:
    ///   - job: The job's identifier.
    ///   - fence: The fence under which it was claimed.
    public init(job: Int64, fence: Int64) {
        self.job = job
        self.fence = fence
    }
}

/// What a failed attempt means.
public enum FailureClass: String, Codable, Hashable, Sendable {
    /// Trying again doesn't help: the job fails at once, visibly.
    case permanent
    /// Trying again may help: a try is spent.
    case transient
    /// The remote can't be reached: no try is spent.
    case offline
}

/// How an attempt of a job ended badly.
public struct JobFailure: Sendable {
    /// The job, and the fence of the attempt.
    public var ticket: JobTicket
    /// What it means.
    public var failureClass: FailureClass
    /// The sentence, without secrets.
    public var message: String
    /// When to try again; nil to give up, and list the job as failed.
    public var retryAt: Date?

    /// Describes a failure.
    ///
    /// - Parameters:
    ///   - ticket: The job, and the fence of the attempt.
    ///   - failureClass: What it means.
    ///   - message: The sentence, without secrets.
    ///   - retryAt: When to try again; nil to give up.
    public init(ticket: JobTicket, failureClass: FailureClass, message: String, retryAt: Date?) {
        self.ticket = ticket
        self.failureClass = failureClass
        self.message = message
        self.retryAt = retryAt
    }
}

/// How a transfer ended well.
public struct TransferCompletion: Sendable {
    /// The job, and the fence of the attempt.
    public var ticket: JobTicket
    /// The name that the remote really stored.
    public var remoteName: String
    /// The SHA-256 of the bytes in lower-case hexadecimal digits, if they were read.
    public var sha256: String?
    /// When the local copy may be deleted; nil to keep it.
    public var deleteLocalAt: Date?

    /// Describes a completed transfer.
    ///
    /// - Parameters:
    ///   - ticket: The job, and the fence of the attempt.
    ///   - remoteName: The name that the remote really stored.
    ///   - sha256: The SHA-256 of the bytes, if they were read.
    ///   - deleteLocalAt: When the local copy may be deleted; nil to keep it.
    public init(ticket: JobTicket, remoteName: String, sha256: String?, deleteLocalAt: Date?) {
        self.ticket = ticket
        self.remoteName = remoteName
        self.sha256 = sha256
        self.deleteLocalAt = deleteLocalAt
    }
}

/// Which jobs a worker asks for.
public struct ClaimRequest: Sendable {
    /// The aliases whose local storage this worker has.
    public var storages: [String]
    /// The names of the transfer tasks that this worker knows, per alias.
    public var tasks: [String: Set<String>]
    /// The most jobs to claim.
    public var limit: Int
    /// The lease to put on them, per alias, as a token belongs to a location.
    public var leases: [String: Lease]
    /// Now, by the wall clock that due times are in.
    public var now: Date

    /// Describes a claim.
    ///
    /// - Parameters:
    ///   - storages: The aliases whose local storage this worker has.
    ///   - tasks: The names of the transfer tasks that this worker knows, per alias.
    ///   - limit: The most jobs to claim.
    ///   - leases: The lease to put on them, per alias.
    ///   - now: Now, by the wall clock.
    public init(storages: [String], tasks: [String: Set<String>], limit: Int, leases: [String: Lease], now: Date) {
        self.storages = storages
        self.tasks = tasks
        self.limit = limit
        self.leases = leases
        self.now = now
    }
}
