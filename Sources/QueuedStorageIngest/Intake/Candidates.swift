import QueuedStorageCore

/// The files that were looked at and weren't ready, each with the time to look again.
///
/// Their number is bounded: what
/// doesn't fit is found by looking through the folder once there is room again.
struct Candidates {
    static let capacity = 20_000

    enum Reason: Hashable {
        /// It appeared, and its writer may not have begun.
        case new
        case open
        case unsettled
        /// It can't be taken as things are.
        case problem
        /// It was taken and put back, or there is no room: not before its time, whatever happens to it.
        case held
    }

    struct Candidate {
        var reason: Reason
        var lookAt: Duration
        /// What it was, and since when.
        var seen: FileStatus?
        var since: Duration
        /// How long to wait the next time it is still open.
        var delay: Duration = .milliseconds(100)

        /// Whether it will be decided soon, so that a single pass waits for it.
        var isPending: Bool { reason == .unsettled || reason == .new }
    }

    private(set) var all: [DropPath: Candidate] = [:]
    /// Whether something didn't fit, and there is room again.
    private(set) var hasLost = false
    private(set) var earliest: Duration?

    subscript(path: DropPath) -> Candidate? { all[path] }

    mutating func set(_ path: DropPath, _ candidate: Candidate) {
        guard all.count < Self.capacity || all[path] != nil else {
            hasLost = true
            return
        }
        all[path] = candidate
        earliest = min(earliest ?? candidate.lookAt, candidate.lookAt)
    }

    mutating func remove(_ path: DropPath) { all[path] = nil }

    mutating func remove(within directory: DropPath) {
        if !all.isEmpty { all = all.filter { !$0.key.isWithin(directory) } }
    }

    /// Forgets that something didn't fit, if there is room by now.
    mutating func recoverLost() -> Bool {
        guard hasLost, all.count < Self.capacity / 2 else { return false }
        hasLost = false
        return true
    }

    /// The files whose time has come.
    mutating func due(_ now: Duration) -> [DropPath] {
        guard let earliest, earliest <= now else { return [] }
        self.earliest = all.values.lazy.map(\.lookAt).filter { $0 > now }.min()
        return all.filter { $0.value.lookAt <= now }.map(\.key)
    }
}
