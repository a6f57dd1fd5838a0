public import FoundationEssentials

/// Where a drop folder's files go: a storage, or a model's field.
///
/// A sink is handed files that are taken already; when ``take(_:)`` returns `saved`, the file is saved as
/// ``QueuedStorage`` saves it. When it throws, the taken entry is untouched, and the drop folder decides whether to try
/// again or to quarantine it.
///
/// An *entry* is `INBOXID/TOKEN/ID`: the drop folder's identifier, and the path below its `.qstore/taken`.
public protocol DropSink: Sendable {
    /// The alias of the storage that the files end up in.
    var alias: String { get }

    /// The directories and files that must neither hold the drop folder nor lie in it, as absolute paths: the local and
    /// remote locations and the database, as far as they are on this machine.
    var occupiedPaths: [String] { get }

    /// The directories, as absolute paths, whose disks a save fills: of those that are short, files wait in the inbox.
    var savingPaths: [String] { get }

    /// Makes the drop folder known to the catalog and to the local storage, before anything is taken from it.
    ///
    /// - Parameter folder: The drop folder.
    /// - Throws: ``CatalogError`` if it can't be recorded, or ``StorageError`` if the local location isn't there.
    func begin(_ folder: DropFolderRegistration) async throws

    /// Saves a file that was taken from a drop folder.
    ///
    /// - Parameter drop: The file.
    /// - Returns: The file's row, or that it was left out because its name is taken.
    /// - Throws: ``StorageError`` or ``CatalogError``; the taken entry is untouched then. After
    ///   ``CatalogError/Code/outcomeUnknown`` ask ``recorded(takenEntries:)`` before trying again.
    func take(_ drop: DroppedFile) async throws -> DropOutcome

    /// The subset of entries whose bytes are committed already, or still serve as the bytes of a committed file: nobody
    /// may take or remove those in the second case; ``forget(takenEntries:)`` follows the removal of those in the first.
    ///
    /// - Parameter entries: The entries.
    /// - Returns: What is known of each entry; an entry that is missing in it is known to nobody.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState]

    /// Forgets entries that were copied and recorded: they are removed from the drop folder, durably.
    ///
    /// - Parameter entries: The entries.
    /// - Throws: ``CatalogError``; forgetting them again is harmless.
    func forget(takenEntries entries: [String]) async throws
}

extension DropSink {
    /// All occupied paths, as a sink may save to any of them.
    public var savingPaths: [String] { occupiedPaths }
}

/// What the catalog knows of a drop folder's taken entry.
public enum TakenEntryState: Hashable, Sendable {
    /// The entry is where a committed file's bytes are; the local storage will rename it away.
    case placed
    /// The bytes were copied and committed; the entry is to be removed if it is still what it was, and then forgotten.
    case copied(CopiedEntry)
}

/// A file that was taken from a drop folder, and what is to be done with it.
public struct DroppedFile: Sendable {
    /// What happens when the storage has a file of that name already.
    public enum Collision: String, Codable, CaseIterable, Hashable, Sendable {
        /// The new file gets another name.
        case rename
        /// The new file replaces the old one.
        case replace
        /// The new file isn't saved.
        case skip
    }

    /// When the file is to be transferred.
    public enum Schedule: Hashable, Sendable {
        /// As the storage does: at once, or not until asked if it is delayed.
        case automatic
        /// Not until asked.
        case delayed
        /// Not before an instant.
        case at(Date)
    }

    /// The wanted name: the path below the drop folder.
    public var name: String
    /// The file itself.
    public var taken: TakenFile
    /// The sidecar's JSON object, as it was written; nil if there was none.
    public var metadata: String?
    /// The absolute path under which the file was dropped.
    public var originalPath: String
    /// What happens when the name is taken.
    public var onCollision: Collision
    /// When to transfer.
    public var schedule: Schedule

    /// Describes a taken file.
    ///
    /// - Parameters:
    ///   - name: The wanted name: the path below the drop folder.
    ///   - taken: The file itself.
    ///   - metadata: The sidecar's JSON object.
    ///   - originalPath: The absolute path under which the file was dropped.
    ///   - onCollision: What happens when the name is taken.
    ///   - schedule: When to transfer.
    public init(
        name: String,
        taken: TakenFile,
        metadata: String? = nil,
        originalPath: String,
        onCollision: Collision = .rename,
        schedule: Schedule = .automatic
    ) {
        self.name = name
        self.taken = taken
        self.metadata = metadata
        self.originalPath = originalPath
        self.onCollision = onCollision
        self.schedule = schedule
    }
}

/// What became of a dropped file.
public enum DropOutcome: Sendable {
    /// It was saved; of the taken entry, the second value says whether it is to be removed (its bytes were copied) or
    /// belongs to the local storage now.
    case saved(StoredFile, TakenEntryState)
    /// Its name was taken, and the collision rule says to leave it out; the caller keeps its bytes.
    case skipped
}
