internal import Dispatch
internal import Glibc
internal import Synchronization

/// Makes files of a file system durable: each by itself while they are few, those that wait for it with one call.
///
/// A lone file waits for nobody, and none for long. Those of a group believe it only if nothing failed. The kernel tells a failure
/// to each descriptor that was open then, once, and one that nobody has heard of to the next that is opened: so each file asks for
/// its own, on its own descriptor, besides the failures of all that `syncfs` tells on the first one's. After one of these each file
/// is synced by itself, and this process doesn't use `syncfs` there any more.
final class SyncGroup: Sendable {
    /// How many are synced at the same time each by itself, before others wait for them.
    static let concurrency = 4
    /// How many must wait so that one call for all is worth it.
    static let fewest = 4

    private static let groups = Mutex<[UInt64: SyncGroup]>([:])

    /// The group of the file system that a file is on.
    static func of(_ file: OpenFile) throws -> SyncGroup {
        let device = try file.status().device
        return groups.withLock { groups in
            if let group = groups[device] { return group }
            let group = SyncGroup(isAble: SyncCalls.haveSyncfs(file))
            groups[device] = group
            return group
        }
    }

    private struct State {
        /// Whether `syncfs` may be used; false for ever once it failed.
        var isAble: Bool
        var alone = 0
        var isGrouped = false
        var waiting: [Waiter] = []
    }

    private let calls: SyncCalls
    private let patience: DispatchTimeInterval
    private let state: Mutex<State>

    /// Makes a group.
    ///
    /// - Parameters:
    ///   - isAble: Whether `syncfs` makes everything durable on the file system.
    ///   - calls: What it does.
    ///   - patience: How long a file waits for others.
    init(isAble: Bool, calls: SyncCalls = .kernel, patience: DispatchTimeInterval = .milliseconds(250)) {
        self.calls = calls
        self.patience = patience
        state = Mutex(State(isAble: isAble))
    }

    /// How many files wait for others.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// What a file that waited is to do.
    private enum Turn {
        /// Sync itself.
        case alone
        /// Sync all that waited.
        case forAll([Waiter])
        /// Look whether something failed: it is synced.
        case synced
        /// It isn't synced, and nothing can be believed.
        case failed(SystemError)
    }

    private final class Waiter: Sendable {
        private let turn = Mutex(Turn.alone)
        private let semaphore = DispatchSemaphore(value: 0)

        /// Waits for its turn; nil if that takes too long.
        func wait(_ patience: DispatchTime) -> Turn? {
            semaphore.wait(timeout: patience) == .success ? turn.withLock { $0 } : nil
        }

        func go(_ turn: Turn) {
            self.turn.withLock { $0 = turn }
            semaphore.signal()
        }
    }

    /// Makes a file durable; blocks.
    ///
    /// - Parameter file: The file, or directory.
    /// - Throws: ``SystemError``; the file can't be believed any more then.
    func sync(_ file: OpenFile) throws {
        switch enter() {
        case .alone: try syncAlone(file)
        case .forAll(let others): try sync(file, and: others)
        case .synced: try calls.awaitWriting(file)
        case .failed(let error): throw error
        }
    }

    private func enter() -> Turn {
        let waiter = Waiter()
        let turn: Turn? = state.withLock { state in
            guard state.isAble, state.isGrouped || state.alone >= Self.concurrency else {
                state.alone += 1
                return .alone
            }
            if !state.isGrouped, state.waiting.count + 1 >= Self.fewest {
                defer { state.waiting = [] }
                state.isGrouped = true
                return .forAll(state.waiting)
            }
            state.waiting.append(waiter)
            return nil
        }
        if let turn { return turn }
        if let turn = waiter.wait(.now() + patience) { return turn }
        // What the others sync may be large. Who has a turn by now doesn't wait for long any more.
        let isLeft = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0 === waiter }) else { return false }
            state.waiting.remove(at: index)
            state.alone += 1
            return true
        }
        return isLeft ? .alone : waiter.wait(.distantFuture) ?? .alone
    }

    private func syncAlone(_ file: OpenFile) throws {
        defer {
            go { $0.alone -= 1 }
        }
        try calls.sync(file)
    }

    /// Syncs all that waited, if that can be done at once.
    private func sync(_ file: OpenFile, and others: [Waiter]) throws {
        guard calls.isGroupWorthIt(file) else { return try syncEach(file, and: others) }
        do {
            try calls.syncFileSystem(file)
        } catch {
            return try syncEach(file, and: others, afterFailure: true)
        }
        do {
            try calls.sync(file)
        } catch {
            // The disk itself didn't do it.
            end(others, .failed(error as? SystemError ?? SystemError(EIO, "fsync"))) { $0.isAble = false }
            throw error
        }
        end(others, .synced)
    }

    /// Has each of a group sync itself.
    private func syncEach(_ file: OpenFile, and others: [Waiter], afterFailure: Bool = false) throws {
        end(others, .alone) { state in
            if afterFailure { state.isAble = false }
            state.alone += others.count + 1
        }
        try syncAlone(file)
    }

    private func end(_ others: [Waiter], _ turn: Turn, _ note: (inout State) -> Void = { _ in }) {
        go { state in
            state.isGrouped = false
            note(&state)
        }
        for other in others { other.go(turn) }
    }

    /// Notes what ended, and lets those go on that wait and may.
    private func go(_ note: (inout State) -> Void) {
        let turns: [(Waiter, Turn)] = state.withLock { state in
            note(&state)
            guard state.isAble else {
                defer { state.waiting = [] }
                state.alone += state.waiting.count
                return state.waiting.map { ($0, .alone) }
            }
            guard !state.isGrouped, !state.waiting.isEmpty else { return [] }
            if state.waiting.count >= Self.fewest {
                defer { state.waiting = [] }
                state.isGrouped = true
                return [(state.waiting[0], .forAll(Array(state.waiting.dropFirst())))]
            }
            let count = min(max(0, Self.concurrency - state.alone), state.waiting.count)
            defer { state.waiting.removeFirst(count) }
            state.alone += count
            return state.waiting.prefix(count).map { ($0, .alone) }
        }
        for (waiter, turn) in turns { waiter.go(turn) }
    }
}
