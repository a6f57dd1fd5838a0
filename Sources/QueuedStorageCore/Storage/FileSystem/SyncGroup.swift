internal import Dispatch
internal import Synchronization

/// Makes files of a file system durable: each by itself while they are few, those that wait for it with one call.
///
/// A lone file waits for nobody. Those of a group believe it only if nothing failed. The kernel tells a failure to each
/// descriptor that was open then, once: so each file asks for its own, besides the failures of all that `syncfs` tells. After one
/// of these each file is synced by itself, and this process doesn't use `syncfs` there any more.
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
    private let state: Mutex<State>

    /// Makes a group.
    ///
    /// - Parameters:
    ///   - isAble: Whether `syncfs` makes everything durable on the file system.
    ///   - calls: What it does.
    init(isAble: Bool, calls: SyncCalls = .kernel) {
        self.calls = calls
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
    }

    private final class Waiter: Sendable {
        private let turn = Mutex(Turn.alone)
        private let semaphore = DispatchSemaphore(value: 0)

        func wait() -> Turn {
            semaphore.wait()
            return turn.withLock { $0 }
        }

        func go(_ turn: Turn) {
            self.turn.withLock { $0 = turn }
            semaphore.signal()
        }
    }

    /// Makes a file durable; blocks.
    ///
    /// - Parameter file: The file, or directory, opened before what is to be durable was written.
    /// - Throws: ``SystemError``; the file can't be believed any more then.
    func sync(_ file: OpenFile) throws {
        switch enter() {
        case .alone: try syncAlone(file)
        case .forAll(let others): try sync(file, and: others)
        case .synced:
            try calls.awaitWriting(file)
        }
    }

    private func enter() -> Turn {
        let waiter: Waiter? = state.withLock { state in
            guard state.isAble, state.isGrouped || state.alone >= Self.concurrency else {
                state.alone += 1
                return nil
            }
            let waiter = Waiter()
            state.waiting.append(waiter)
            return waiter
        }
        return waiter?.wait() ?? .alone
    }

    private func syncAlone(_ file: OpenFile) throws {
        defer {
            go { $0.alone -= 1 }
        }
        try calls.sync(file)
    }

    /// Syncs all that waited, if that can be done at once.
    private func sync(_ file: OpenFile, and others: [Waiter]) throws {
        let isWorthIt = calls.isGroupWorthIt(file)
        var failure: (any Error)?
        if isWorthIt {
            do {
                try calls.syncFileSystem(file)
            } catch {
                failure = error
            }
        }
        let isSynced = isWorthIt && failure == nil
        go { state in
            if failure != nil { state.isAble = false }
            state.isGrouped = false
            if !isSynced { state.alone += others.count + 1 }
        }
        for other in others { other.go(isSynced ? .synced : .alone) }
        if isSynced { try calls.awaitWriting(file) } else { try syncAlone(file) }
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
