/// A storage as the catalog knows it.
public struct StorageRegistration: Hashable, Sendable {
    /// The alias.
    public var alias: String
    /// The local location's random identifier (``LocalStorage/identity()``).
    public var localID: String
    /// The remote's fingerprint (``Storage/fingerprint``).
    public var remoteFingerprint: String
    /// Whether its jobs aren't claimed for now.
    public var isPaused: Bool

    /// Describes a storage.
    ///
    /// - Parameters:
    ///   - alias: The alias.
    ///   - localID: The local location's random identifier.
    ///   - remoteFingerprint: The remote's fingerprint.
    ///   - isPaused: Whether its jobs aren't claimed for now.
    public init(alias: String, localID: String, remoteFingerprint: String, isPaused: Bool = false) {
        self.alias = alias
        self.localID = localID
        self.remoteFingerprint = remoteFingerprint
        self.isPaused = isPaused
    }
}

/// A drop folder as the catalog knows it.
public struct DropFolderRegistration: Hashable, Sendable {
    /// The folder's random identifier (`INBOX/.qstore/id`).
    public var id: String
    /// The folder's absolute path.
    public var path: String
    /// The alias of the storage that its files go to.
    public var storage: String

    /// Describes a drop folder.
    ///
    /// - Parameters:
    ///   - id: The folder's random identifier.
    ///   - path: The folder's absolute path.
    ///   - storage: The alias of the storage that its files go to.
    public init(id: String, path: String, storage: String) {
        self.id = id
        self.path = path
        self.storage = storage
    }
}
