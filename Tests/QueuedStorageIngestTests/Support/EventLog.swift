import QueuedStorageIngest
import Synchronization

/// What a drop folder reported, to be waited for.
final class EventLog: Sendable {
    private struct State {
        var events: [DropFolderEvent] = []
        var waiters: [(isMet: @Sendable ([DropFolderEvent]) -> Bool, continuation: CheckedContinuation<Void, Never>)] =
            []
    }

    private let state = Mutex(State())

    func append(_ event: DropFolderEvent) {
        let met = state.withLock { state in
            state.events.append(event)
            let met = state.waiters.filter { $0.isMet(state.events) }.map(\.continuation)
            state.waiters.removeAll { $0.isMet(state.events) }
            return met
        }
        for continuation in met { continuation.resume() }
    }

    var events: [DropFolderEvent] { state.withLock { $0.events } }

    /// Waits until so many events of a kind were reported.
    func wait(_ count: Int = 1, for matches: @escaping @Sendable (DropFolderEvent) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isMet: @Sendable ([DropFolderEvent]) -> Bool = { $0.count(where: matches) >= count }
                let isOver = state.withLock { state in
                    if isMet(state.events) || Task.isCancelled { return true }
                    state.waiters.append((isMet, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            // The test's time is over: what follows fails, and says what happened so far.
            let waiters = state.withLock { state in
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.continuation.resume() }
        }
    }

    func waitForTaken(_ name: String, count: Int = 1) async { await wait(count) { $0.taken == name } }

    func waitForTaken(count: Int) async { await wait(count) { $0.taken != nil } }
}

extension DropFolderEvent {
    var taken: String? { if case .taken(let name, _) = self { name } else { nil } }
    var quarantined: String? { if case .quarantined(let name, _) = self { name } else { nil } }
    var problem: String? { if case .problem(let problem) = self { problem.name } else { nil } }
    var isStarted: Bool { if case .started = self { true } else { false } }
    var isScanned: Bool { if case .scanned = self { true } else { false } }
    var isOverflow: Bool { if case .overflowed = self { true } else { false } }
    var isGone: Bool { if case .gone = self { true } else { false } }
    var isBack: Bool { if case .back = self { true } else { false } }
    var polling: String? { if case .polling(let reason) = self { reason } else { nil } }
    func isWaiting(_ name: String, _ reason: WaitingReason) -> Bool {
        if case .waiting(name, reason) = self { true } else { false }
    }
}
