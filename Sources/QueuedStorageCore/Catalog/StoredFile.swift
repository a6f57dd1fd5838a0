public import FoundationEssentials

/// Where a file stands on its way from local to remote.
///
/// `local` (no transfer wanted: delayed, or cancelled) → `queued` (also while it waits for its time) → `transferring` →
/// `remote` (the local copy is kept or deleted) or `failed`; `deleting` lasts until the last copy is gone.
public enum FileState: String, Codable, CaseIterable, Hashable, Sendable {
    /// Saved locally; no transfer is queued.
    case local
    /// A transfer waits for a worker, or for its time.
    case queued
    /// A worker transfers it.
    case transferring
    /// On the remote, verified.
    case remote
    /// The transfer was given up; the local copy serves, and the transfer can be retried.
    case failed
    /// Deleted; its copies are being removed.
    case deleting
}

/// Which model's row and field a file belongs to.
public struct FileOwner: Codable, Hashable, Sendable {
    /// The model's table name.
    public var model: String
    /// The row's primary key, as text.
    public var row: String
    /// The field's column name.
    public var field: String

    /// Names an owner.
    ///
    /// - Parameters:
    ///   - model: The model's table name.
    ///   - row: The row's primary key, as text.
    ///   - field: The field's column name.
    public init(model: String, row: String, field: String) {
        self.model = model
        self.row = row
        self.field = field
    }
}

/// A file's row in the catalog.
public struct StoredFile: Hashable, Sendable, Identifiable {
    /// The row's identifier; never used again after the row is gone.
    public var id: Int64
    /// The alias of the storage.
    public var storage: String
    /// The file's name in its storage.
    public var name: String
    /// Counts the contents that the file had, from 1; a replacement and a deletion raise it.
    public var generation: Int64
    /// Where the bytes are as long as they aren't known to be durable under their name; see ``LocalStorage``.
    public var place: String?
    /// Whether placing replaces the bytes of an earlier generation.
    public var replaces: Bool
    /// Whether there is a local copy.
    public var hasLocal: Bool
    /// The name that the remote really stored it under, once it is there.
    public var remoteName: String?
    /// The number of bytes.
    public var size: Int64
    /// The SHA-256 of the bytes in lower-case hexadecimal digits, once somebody had to read them.
    public var sha256: String?
    /// The media type, if known.
    public var contentType: String?
    /// Where the file stands.
    public var state: FileState
    /// The name of the task that transfers it.
    public var task: String
    /// The model's row and field that it belongs to, if any.
    public var owner: FileOwner?
    /// When the file was first saved.
    public var createdAt: Date
    /// When its present content was saved.
    public var modifiedAt: Date
    /// When its present content was known to be on the remote.
    public var transferredAt: Date?
    /// Failed attempts of the present job; 0 if there is none.
    public var attempts: Int
    /// Why the last attempt of the present job failed.
    public var error: String?
    /// When the present job is due; nil if there is none.
    public var dueAt: Date?

    /// Makes a row.
    public init(
        id: Int64,
        storage: String,
        name: String,
        generation: Int64,
        place: String?,
        replaces: Bool,
        hasLocal: Bool,
        remoteName: String?,
        size: Int64,
        sha256: String?,
        contentType: String?,
        state: FileState,
        task: String,
        owner: FileOwner?,
        createdAt: Date,
        modifiedAt: Date,
        transferredAt: Date?,
        attempts: Int,
        error: String?,
        dueAt: Date?
    ) {
        self.id = id
        self.storage = storage
        self.name = name
        self.generation = generation
        self.place = place
        self.replaces = replaces
        self.hasLocal = hasLocal
        self.remoteName = remoteName
        self.size = size
        self.sha256 = sha256
        self.contentType = contentType
        self.state = state
        self.task = task
        self.owner = owner
        self.createdAt = createdAt
        self.modifiedAt = modifiedAt
        self.transferredAt = transferredAt
        self.attempts = attempts
        self.error = error
        self.dueAt = dueAt
    }
}

/// A file that is to be recorded: its bytes are staged and synced.
public struct NewFile: Sendable {
    /// The alias of the storage.
    public var storage: String
    /// The name that it shall have.
    public var name: String
    /// Its bytes.
    public var staged: StagedFile
    /// Whether a file that has the name already gets a new generation; ``CatalogError/Code/nameTaken`` otherwise.
    public var replaces: Bool
    /// The name of the task that shall transfer it.
    public var task: String
    /// When its transfer is due; nil for none (delayed).
    public var dueAt: Date?
    /// The model's row and field that it belongs to, if any.
    public var owner: FileOwner?
    /// The drop folder's entry that the bytes were copied from, noted in the same commit, so that nobody takes it again
    /// before it is removed, and whoever removes it sees whether it was written since.
    public var copiedEntry: CopiedEntry?

    /// Describes a file that is to be recorded.
    ///
    /// - Parameters:
    ///   - storage: The alias of the storage.
    ///   - name: The name that it shall have.
    ///   - staged: Its bytes.
    ///   - replaces: Whether a file that has the name already gets a new generation.
    ///   - task: The name of the task that shall transfer it.
    ///   - dueAt: When its transfer is due; nil for none.
    ///   - owner: The model's row and field that it belongs to.
    ///   - copiedEntry: The drop folder's entry that the bytes were copied from.
    public init(
        storage: String,
        name: String,
        staged: StagedFile,
        replaces: Bool = false,
        task: String = "Transfer",
        dueAt: Date?,
        owner: FileOwner? = nil,
        copiedEntry: CopiedEntry? = nil
    ) {
        self.storage = storage
        self.name = name
        self.staged = staged
        self.replaces = replaces
        self.task = task
        self.dueAt = dueAt
        self.owner = owner
        self.copiedEntry = copiedEntry
    }
}
