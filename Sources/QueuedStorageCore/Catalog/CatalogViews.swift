/// How many files, and how many bytes, a storage has in each state.
public struct StorageCounts: Hashable, Sendable {
    /// The storage's alias.
    public var alias: String
    /// The number of files, by state; a state without files is left out.
    public var counts: [FileState: Int]
    /// The number of bytes, by state.
    public var bytes: [FileState: Int64]

    /// Makes counts.
    ///
    /// - Parameters:
    ///   - alias: The storage's alias.
    ///   - counts: The number of files, by state.
    ///   - bytes: The number of bytes, by state.
    public init(alias: String, counts: [FileState: Int], bytes: [FileState: Int64]) {
        self.alias = alias
        self.counts = counts
        self.bytes = bytes
    }
}

/// Which files a listing shows.
public struct FileQuery: Hashable, Sendable {
    /// The storage's alias; all if nil.
    public var storage: String?
    /// The state; all if nil.
    public var state: FileState?
    /// The identifier of the last file of the page before.
    public var after: Int64
    /// The most files.
    public var limit: Int

    /// Describes a listing.
    ///
    /// - Parameters:
    ///   - storage: The storage's alias; all if nil.
    ///   - state: The state; all if nil.
    ///   - after: The identifier of the last file of the page before.
    ///   - limit: The most files.
    public init(storage: String? = nil, state: FileState? = nil, after: Int64 = 0, limit: Int = 500) {
        self.storage = storage
        self.state = state
        self.after = after
        self.limit = limit
    }
}

/// Jobs that wait for a task or storage that a worker doesn't know.
public struct UnclaimableJobs: Hashable, Sendable {
    /// The storage's alias.
    public var storage: String
    /// The task's name.
    public var task: String
    /// How many jobs wait.
    public var count: Int

    /// Makes a count.
    ///
    /// - Parameters:
    ///   - storage: The storage's alias.
    ///   - task: The task's name.
    ///   - count: How many jobs wait.
    public init(storage: String, task: String, count: Int) {
        self.storage = storage
        self.task = task
        self.count = count
    }
}
