/// A storage that can be the local side of a ``QueuedStorage``: it keeps bytes first, and gives them their name later.
///
/// Placing bytes under a name and committing a row are two acts. The commit comes first and says where the bytes
/// already are, synced: their *place*, a text such as `staging/TOKEN/ID` that only this storage reads. Everything after
/// the commit can be done again by anyone, any number of times.
///
/// A *token* is a random name that a process takes for its life in this storage, and holds a kernel lock for; the lock
/// falls with the process. What lies below a token belongs to that process until it is dead.
///
/// The synchronous methods block; they are called on threads that may, some of them inside a catalog's transaction.
public protocol LocalStorage: Storage {
    /// The random identifier of this location (`.qstore/id`), made at the first use; it moves with the bytes.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if the location isn't there.
    func identity() throws -> String

    /// What ``setOwner(_:replacing:)`` left here: the catalog and the storage that the location belongs to.
    ///
    /// - Returns: The text; nil if the location belongs to nobody yet.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if the location isn't there.
    func owner() throws -> String?

    /// Notes durably whom the location belongs to.
    ///
    /// - Parameters:
    ///   - owner: A line of text.
    ///   - replacing: Whether an owner that is there already gives way.
    /// - Returns: False if there is an owner already, and it is to stay.
    /// - Throws: ``StorageError`` with ``StorageError/Code/denied``, ``StorageError/Code/full`` or
    ///   ``StorageError/Code/failed`` if the location can't keep it.
    func setOwner(_ owner: String, replacing: Bool) throws -> Bool

    /// The token of this process in this location, taken at the first use.
    func token() throws -> String

    /// Keeps content in the staging area, synced: the bytes and their directory entry.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - computesSHA256: Whether to hash bytes even where they could be cloned without reading them.
    /// - Returns: Where the bytes are. Nothing stays behind after an error or a cancellation.
    /// - Throws: ``StorageError`` with ``StorageError/Code/full`` if there is no room, ``StorageError/Code/notFound``
    ///   if the content's own file is gone, and whatever a stream throws.
    func stage(_ content: FileContent, computesSHA256: Bool) async throws -> StagedFile

    /// Keeps a file that was taken from a drop folder: where it lies if the location can place it from there by
    /// renaming and nobody else can still write to it, else as a copy in the staging area. Synced either way.
    ///
    /// A copy is hashed, so that the taken file can be compared with it before it is removed.
    ///
    /// - Parameter taken: The taken file.
    /// - Returns: Where the bytes are; `inbox/…` if they stayed where they were taken.
    /// - Throws: ``StorageError`` with ``StorageError/Code/full`` if there is no room for a copy; the taken file is
    ///   untouched then.
    func stage(_ taken: TakenFile) async throws -> StagedFile

    /// Removes staged bytes that no row names.
    ///
    /// - Parameter place: Where they are.
    /// - Throws: ``StorageError`` with ``StorageError/Code/denied`` or ``StorageError/Code/failed``; bytes that are
    ///   absent are discarded already.
    func discard(_ place: String) throws

    /// Gives staged bytes their name. Idempotent: a place that is gone was placed before.
    ///
    /// - Parameters:
    ///   - place: Where the bytes are.
    ///   - name: The name to give them.
    ///   - replacing: Whether bytes under the name give way. Then the call must be made inside the catalog's
    ///     transaction, after reading the row again there.
    /// - Returns: False if there was nothing at the place.
    /// - Throws: ``StorageError`` with ``StorageError/Code/alreadyExists`` if the name is taken.
    func place(_ place: String, as name: String, replacing: Bool) throws -> Bool

    /// Makes the acts of ``place(_:as:replacing:)`` and ``removeCopy(_:place:)`` durable.
    ///
    /// - Parameters:
    ///   - names: The names whose directories are to be synced.
    ///   - places: The places whose directories are to be synced.
    /// - Throws: ``StorageError`` with ``StorageError/Code/failed`` if the device couldn't write; the acts may be lost
    ///   with the power then, and their places must be kept.
    func sync(names: [String], places: [String]) throws

    /// Removes the local bytes of a file: first at its place, then under its name, so that a late placer finds nothing
    /// to place. Must be called inside the catalog's transaction, after reading the row again there.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - place: The file's place, if its row has one.
    /// - Throws: ``StorageError`` with ``StorageError/Code/denied`` or ``StorageError/Code/failed`` if bytes are left;
    ///   bytes that are absent are removed already.
    func removeCopy(_ name: String, place: String?) throws

    /// Frees what ``removeCopy(_:place:)`` only moved away, because freeing it takes long.
    func emptyTrash() throws

    /// The bytes of a file, at its place if it has one, else under its name.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - place: The file's place, if its row has one.
    /// - Returns: The content, open: what happens to the names meanwhile doesn't change it.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is nothing at either.
    func content(of name: String, place: String?) throws -> FileContent

    /// Tells whether the process that took a token lives.
    ///
    /// - Parameter token: A token of this location.
    /// - Returns: False if no process holds its lock.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if the location isn't there to be asked.
    func isAlive(_ token: String) throws -> Bool

    /// Tells whether the process lives that keeps bytes at a place, and will give them their name itself.
    ///
    /// - Parameter place: A place of this location, or of a drop folder's that it knows.
    /// - Returns: False if the process is dead, and anyone may place what it left.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if the location, or the drop folder, isn't there
    ///   to be asked.
    func isOwnerAlive(ofPlace place: String) throws -> Bool

    /// The tokens of this location whose processes are dead and that left something.
    func deadTokens() throws -> [String]

    /// Takes over what a dead process left, holding its token's lock until the result is let go.
    ///
    /// - Parameter token: The dead process's token.
    /// - Returns: What it left; nil if another process was faster or the owner lives.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if the location isn't there, or
    ///   ``StorageError/Code/denied`` if what was left can't be read.
    func takeOver(_ token: String) throws -> DeadToken?

    /// Makes a drop folder known, so that places in it can be found.
    ///
    /// - Parameter folder: The drop folder.
    /// - Throws: ``StorageError`` with ``StorageError/Code/denied``, ``StorageError/Code/full`` or
    ///   ``StorageError/Code/failed`` if the location can't keep it.
    func register(_ folder: DropFolderRegistration) throws
}

extension LocalStorage {
    /// The bytes of a file whose row was read a while ago: it may have been placed since.
    func contentNow(of name: String, place: String?) throws -> FileContent {
        do {
            return try content(of: name, place: place)
        } catch let error as StorageError where error.code == .notFound && place != nil {
            return try content(of: name, place: nil)
        }
    }
}

/// What a dead process left in a location; nobody else can take it over as long as this value lives.
public final class DeadToken: Sendable {
    /// The dead process's token.
    public let token: String
    /// The places that lie below the token, named by a row or not.
    public let places: [String]
    private let lock: (any Sendable)?
    private let remove: @Sendable () throws -> Void

    /// Takes over a token.
    ///
    /// - Parameters:
    ///   - token: The dead process's token.
    ///   - places: The places that lie below it.
    ///   - lock: What holds the token's lock as long as it lives.
    ///   - remove: Forgets the token.
    public init(token: String, places: [String], lock: (any Sendable)?, remove: @escaping @Sendable () throws -> Void) {
        self.token = token
        self.places = places
        self.lock = lock
        self.remove = remove
    }

    /// Forgets the token, whose places are all placed or discarded.
    public func forget() throws { try remove() }
}

/// Bytes that are kept, synced, and wait for their name.
public struct StagedFile: Hashable, Sendable {
    /// Where the bytes are, in words that only their storage reads.
    public var place: String
    /// The number of bytes.
    public var size: Int64
    /// Their SHA-256 in lower-case hexadecimal digits, if they were read.
    public var sha256: String?
    /// Their media type, if known.
    public var contentType: String?

    /// Makes a description of staged bytes.
    ///
    /// - Parameters:
    ///   - place: Where the bytes are.
    ///   - size: The number of bytes.
    ///   - sha256: Their SHA-256, if they were read.
    ///   - contentType: Their media type, if known.
    public init(place: String, size: Int64, sha256: String? = nil, contentType: String? = nil) {
        self.place = place
        self.size = size
        self.sha256 = sha256
        self.contentType = contentType
    }
}

/// A file that was taken from a drop folder: renamed, durably, into the folder's private part, where one process alone owns it.
public struct TakenFile: Sendable {
    /// The drop folder's absolute path.
    public var inbox: String
    /// The drop folder's random identifier.
    public var inboxID: String
    /// Where the file lies below `INBOX/.qstore/taken`: `TOKEN/ID`.
    public var entry: String
    /// Whether the inode may be kept: its owner is this process's user, it has one link, and the kernel said that nobody
    /// has it open for writing.
    public var isOurs: Bool
    /// The file, open for reading.
    package var file: OpenFile
    /// What the file was before anybody read it.
    package var status: FileStatus

    package init(
        inbox: String,
        inboxID: String,
        entry: String,
        isOurs: Bool,
        file: OpenFile,
        status: FileStatus
    ) {
        self.inbox = inbox
        self.inboxID = inboxID
        self.entry = entry
        self.isOurs = isOurs
        self.file = file
        self.status = status
    }
}
