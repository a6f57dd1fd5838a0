import FoundationEssentials
import QueuedStorageIngest
import Synchronization

/// A time that advances when a test says so.
final class ManualTime: Sendable {
    private struct State {
        var now: Duration = .zero
        var date: Date
        var sleepers: [(id: Int, until: Duration, continuation: CheckedContinuation<Void, any Error>)] = []
        var nextID = 0
        var watchers: [(least: Duration, continuation: CheckedContinuation<Void, Never>)] = []
    }

    private let state: Mutex<State>

    init(date: Date = Date(timeIntervalSince1970: 1_800_000_000)) { state = Mutex(State(date: date)) }

    var timekeeper: Timekeeper {
        Timekeeper(
            now: { self.state.withLock { $0.now } },
            sleep: { try await self.sleep(until: $0) },
            date: { self.state.withLock { $0.date.addingTimeInterval(Double($0.now.components.seconds)) } }
        )
    }

    func advance(by duration: Duration) {
        let over = state.withLock { state in
            state.now += duration
            let now = state.now
            let over = state.sleepers.filter { $0.until <= now }.map(\.continuation)
            state.sleepers.removeAll { $0.until <= now }
            return over
        }
        for continuation in over { continuation.resume() }
    }

    /// Waits until somebody sleeps until exactly `instant`.
    func waitForSleeper(until instant: Duration) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.sleepers.contains(where: { $0.until == instant }) || Task.isCancelled { return true }
                    state.watchers.append((instant, continuation))
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let watchers = state.withLock { state in
                defer { state.watchers = [] }
                return state.watchers
            }
            for watcher in watchers { watcher.continuation.resume() }
        }
    }

    private func sleep(until instant: Duration) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let (isOver, watchers): (Bool, [CheckedContinuation<Void, Never>]) = state.withLock { state in
                    if state.now >= instant || Task.isCancelled { return (true, []) }
                    state.sleepers.append((id, instant, continuation))
                    let watchers = state.watchers.filter { $0.least == instant }.map(\.continuation)
                    state.watchers.removeAll { $0.least == instant }
                    return (false, watchers)
                }
                if isOver { continuation.resume() }
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            let continuation = state.withLock { state in
                let found = state.sleepers.first { $0.id == id }?.continuation
                state.sleepers.removeAll { $0.id == id }
                return found
            }
            continuation?.resume(throwing: CancellationError())
        }
    }
}
