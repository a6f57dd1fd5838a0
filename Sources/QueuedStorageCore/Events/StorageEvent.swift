public import FoundationEssentials

/// Something that befell a file, as the catalog recorded it in the commit that made it true.
public struct StorageEvent: Codable, Hashable, Sendable {
    /// What befell it.
    public enum Kind: String, Codable, CaseIterable, Hashable, Sendable {
        /// The file was saved, and has no transfer (delayed).
        case saved
        /// A transfer was queued.
        case queued
        /// A worker began to transfer it.
        case started
        /// Bytes were handed to the remote; `byteCount` of `size` so far.
        case progress
        /// An attempt failed, and another will be made.
        case retrying
        /// It is on the remote, verified.
        case transferred
        /// The transfer was given up; `error` says why.
        case failed
        /// The transfer was cancelled.
        case cancelled
        /// It was deleted, and its last copy is gone.
        case deleted
    }

    /// What befell the file.
    public var type: Kind
    /// The event's number in the catalog, rising; 0 for `progress`, which isn't recorded.
    public var id: Int64
    /// When it happened.
    public var at: Date
    /// The alias of the storage.
    public var storage: String
    /// The file's name.
    public var name: String
    /// The file's generation.
    public var generation: Int64
    /// The file's name on the remote, if it has one.
    public var remoteName: String?
    /// The file's size, in bytes.
    public var size: Int64
    /// How many bytes were handed to the remote so far (`progress`).
    public var byteCount: Int64?
    /// Failed attempts so far (`retrying`, `failed`).
    public var attempts: Int?
    /// Why the last attempt failed (`retrying`, `failed`).
    public var error: String?
    /// The model's row and field that the file belongs to.
    public var owner: FileOwner?

    /// Makes an event.
    public init(
        type: Kind,
        id: Int64,
        at: Date,
        storage: String,
        name: String,
        generation: Int64,
        remoteName: String?,
        size: Int64,
        byteCount: Int64? = nil,
        attempts: Int? = nil,
        error: String? = nil,
        owner: FileOwner?
    ) {
        self.type = type
        self.id = id
        self.at = at
        self.storage = storage
        self.name = name
        self.generation = generation
        self.remoteName = remoteName
        self.size = size
        self.byteCount = byteCount
        self.attempts = attempts
        self.error = error
        self.owner = owner
    }
}
