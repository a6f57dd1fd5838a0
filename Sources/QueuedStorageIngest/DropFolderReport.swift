public import FoundationEssentials
package import QueuedStorageCore

/// What one pass over a drop folder did.
public struct DropFolderSummary: Hashable, Sendable {
    /// How many files were saved.
    public var taken = 0
    /// How many files lie in quarantine now because their name was taken.
    public var skipped = 0
    /// How many files were put into quarantine for other reasons.
    public var quarantined = 0
    /// How many files somebody still writes.
    public var stillOpen = 0
    /// How many files wait for something else: a marker, a sidecar, room on the disk.
    public var waiting = 0
    /// How many files or directories couldn't be read, moved or saved.
    public var failed = 0

    /// Makes the summary of a pass that found nothing.
    public init() {}

    /// Whether nothing that was meant for the folder is left in it.
    public var isComplete: Bool { stillOpen == 0 && waiting == 0 && failed == 0 }
}

/// Something that keeps a file, a directory or a whole drop folder from being taken; it is tried again, slowly.
public struct DropFolderProblem: Hashable, Sendable {
    /// The path below the drop folder; empty for the folder itself.
    ///
    /// Bytes that aren't UTF-8 are written as `\xNN`.
    public var name: String
    /// The sentence: what failed, and why.
    public var reason: String
    /// When it was noticed last.
    public var at: Date
}

/// What a drop folder reports while it works; tests wait for these.
package enum DropFolderEvent: Sendable {
    /// The folder is watched from now on, and was looked through once; the source's name.
    case started(source: String)
    case taken(name: String, stored: StoredFile)
    case quarantined(name: String, reason: String)
    /// The file was looked at, and isn't done yet.
    case waiting(name: String, reason: WaitingReason)
    case problem(DropFolderProblem)
    /// Events don't arrive here; the folder is looked through again and again instead.
    case polling(reason: String)
    case overflowed
    /// The whole folder was looked through.
    case scanned
    /// The folder isn't where it was.
    case gone
    /// The folder is there again.
    case back
    /// Files that a dead process had taken were taken over.
    case recovered(count: Int)
}

/// Why a file isn't taken yet.
package enum WaitingReason: Hashable, Sendable {
    /// Somebody has it open for writing.
    case open
    /// It hasn't stood still for long enough.
    case unsettled
    case marker
    case sidecar
}
