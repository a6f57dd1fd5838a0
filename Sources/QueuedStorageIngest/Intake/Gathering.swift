import QueuedStorageCore

/// The files that are being moved, and the directories that must be synced for them.
struct Gathering {
    let takesLarge: Bool
    var entries: [TakenEntry] = []
    /// Files that were moved, and can neither be saved nor put back now.
    var stuck: [TakenEntry] = []
    var touched: [DropPath: Directory] = [:]
    private var opened: (path: DropPath, directory: Directory)?

    init(takesLarge: Bool) { self.takesLarge = takesLarge }

    /// Opens a directory; the last one stays open, since files come directory by directory.
    mutating func directory(_ path: DropPath, below root: Directory) throws -> Directory {
        if let opened, opened.path == path { return opened.directory }
        let directory = try root.directory(path, crossesMounts: false)
        opened = (path, directory)
        return directory
    }

    /// Makes the moves last; until then nothing may be saved, since after a power failure it may be where it was, and
    /// would be taken again.
    func sync(_ inbox: Inbox) throws {
        guard !entries.isEmpty else { return }
        // First where they are, then where they were: after a power failure they may be in both, never in none.
        try inbox.own.sync()
        for directory in touched.values { try directory.sync() }
    }
}

extension FileStatus {
    /// Whether nothing at all happened to the file.
    func isUnchanged(_ other: Self) -> Bool {
        isSameFile(as: other) && changed == other.changed
    }
}
