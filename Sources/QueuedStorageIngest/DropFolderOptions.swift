public import QueuedStorageCore

/// What a drop folder takes, when, and what becomes of it.
public struct DropFolderOptions: Hashable, Sendable {
    /// When the taken files are to be transferred.
    public enum Mode: Hashable, Sendable {
        /// As the storage does: at once, or not until asked if it is delayed.
        case automatic
        /// Not until somebody asks.
        case delayed
        /// A while after the take.
        case after(Duration)
        /// Only inside a part of the day; at once if it is that time.
        case window(TimeWindow)
    }

    /// How to know that a file's writer is done.
    public enum Done: Hashable, Sendable {
        /// The kernel says that nobody has it open for writing; where it can't say, as ``still(_:)`` with
        /// ``DropFolderOptions/settleTime``.
        case lease
        /// Size, modification and change time stood still for a while.
        case still(Duration)
        /// Another file appeared beside it: the file's name and this suffix.
        case marker(suffix: String)
    }

    /// Whether a file `NAME.meta.json` beside a file is about that file.
    public enum Sidecar: String, Codable, CaseIterable, Hashable, Sendable {
        /// No: it is a file like others.
        case none
        /// Yes, if it is there when the file is taken.
        case optional
        /// Yes; a file without one waits.
        case required
    }

    /// The end of a sidecar's name.
    public static let sidecarSuffix = ".meta.json"

    /// The patterns of names that belong to files in the making: partial downloads, temporary files, and what editors
    /// leave beside the file that they edit.
    public static let filesInTheMaking = [
        "*.part", "*.tmp", "*.partial", "*.crdownload", "*.filepart", "*~", "*.sw[a-p]", "*.swx", "4913", "#*#",
    ]

    /// Patterns of files to take; all if empty.
    ///
    /// A pattern without `/` is about the last component, and `**` stands for
    /// any number of directories.
    public var include: [String]
    /// Patterns of files and directories to leave alone.
    public var exclude: [String]
    /// Patterns of names that are ignored as files in the making.
    public var ignore: [String]
    /// Whether files and directories whose names begin with a dot are taken as well.
    public var takesHiddenFiles: Bool
    /// What happens when the storage has a file of that name already.
    public var onCollision: DroppedFile.Collision
    /// When the taken files are to be transferred.
    public var mode: Mode
    /// How to know that a file's writer is done.
    public var done: Done
    /// Whether `NAME.meta.json` is metadata of `NAME`.
    public var sidecar: Sidecar
    /// Whether sub-directories are removed when their last file was taken.
    public var prune: Bool
    /// How long a file must stand still where the kernel can't tell whether it is being written.
    public var settleTime: Duration
    /// How often the whole folder is looked through, in case an event got lost.
    public var rescanInterval: Duration
    /// How often the folder is looked through where events don't arrive at all.
    public var pollInterval: Duration
    /// How long to wait before trying again what couldn't be done.
    public var retryInterval: Duration
    /// How many bytes must stay free on the file systems of the folder and of the storage; below it, files wait.
    public var minimumFreeBytes: Int64
    /// How many files are taken at once.
    public var batchSize: Int
    /// How many files are handed to the storage at the same time.
    public var concurrency: Int
    /// From what size on a file counts as large: few of those are saved at a time, so that small ones pass them.
    public var largeFileSize: Int64

    /// Makes options.
    ///
    /// - Parameters:
    ///   - include: Patterns of files to take; all if empty.
    ///   - exclude: Patterns of files and directories to leave alone.
    ///   - ignore: Patterns of names that are ignored as files in the making.
    ///   - takesHiddenFiles: Whether names that begin with a dot are taken as well.
    ///   - onCollision: What happens when the storage has a file of that name already.
    ///   - mode: When the taken files are to be transferred.
    ///   - done: How to know that a file's writer is done.
    ///   - sidecar: Whether `NAME.meta.json` is metadata of `NAME`.
    ///   - prune: Whether emptied sub-directories are removed.
    ///   - settleTime: How long a file must stand still where the kernel can't tell whether it is being written.
    ///   - rescanInterval: How often the whole folder is looked through, in case an event got lost.
    ///   - pollInterval: How often the folder is looked through where events don't arrive at all.
    ///   - retryInterval: How long to wait before trying again what couldn't be done.
    ///   - minimumFreeBytes: How many bytes must stay free.
    ///   - batchSize: How many files are taken at once.
    ///   - concurrency: How many files are handed to the storage at the same time.
    ///   - largeFileSize: From what size on a file counts as large, in bytes.
    public init(
        include: [String] = [],
        exclude: [String] = [],
        ignore: [String] = Self.filesInTheMaking,
        takesHiddenFiles: Bool = false,
        onCollision: DroppedFile.Collision = .rename,
        mode: Mode = .automatic,
        done: Done = .lease,
        sidecar: Sidecar = .none,
        prune: Bool = false,
        settleTime: Duration = .seconds(5),
        rescanInterval: Duration = .seconds(15 * 60),
        pollInterval: Duration = .seconds(10),
        retryInterval: Duration = .seconds(60),
        minimumFreeBytes: Int64 = 64 << 20,
        batchSize: Int = 256,
        concurrency: Int = 64,
        largeFileSize: Int64 = 16 << 20
    ) {
        self.include = include
        self.exclude = exclude
        self.ignore = ignore
        self.takesHiddenFiles = takesHiddenFiles
        self.onCollision = onCollision
        self.mode = mode
        self.done = done
        self.sidecar = sidecar
        self.prune = prune
        self.settleTime = settleTime
        self.rescanInterval = rescanInterval
        self.pollInterval = pollInterval
        self.retryInterval = retryInterval
        self.minimumFreeBytes = minimumFreeBytes
        self.batchSize = batchSize
        self.concurrency = concurrency
        self.largeFileSize = largeFileSize
    }
}

extension DropFolderOptions.Done {
    /// The suffix of marker files, if there are such.
    var markerSuffix: String? {
        if case .marker(let suffix) = self { suffix } else { nil }
    }
}
