package import FoundationEssentials
import Synchronization

/// The times that a drop folder goes by: one that only advances, and the date.
package struct Timekeeper: Sendable {
    /// The time since some instant.
    package let now: @Sendable () -> Duration
    /// Waits until ``now`` is so late.
    package let sleep: @Sendable (_ until: Duration) async throws -> Void
    /// The date.
    package let date: @Sendable () -> Date

    package init(
        now: @escaping @Sendable () -> Duration,
        sleep: @escaping @Sendable (_ until: Duration) async throws -> Void,
        date: @escaping @Sendable () -> Date
    ) {
        self.now = now
        self.sleep = sleep
        self.date = date
    }

    /// This machine's.
    package static let system: Self = {
        let clock = ContinuousClock()
        let start = clock.now
        return Self(
            now: { start.duration(to: clock.now) },
            sleep: { try await clock.sleep(until: start.advanced(by: $0)) },
            date: { Date() }
        )
    }()
}

/// Wakes one waiter; a call while nobody waits counts for the next one who does.
final class WakeSignal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func raise() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            if state.waiter == nil { state.isRaised = true }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Waits until it is raised, a time comes, or the task is cancelled.
    func wait(until deadline: Duration?, _ time: Timekeeper) async {
        await withTaskGroup(of: Void.self) { group in
            if let deadline { group.addTask { try? await time.sleep(deadline) } }
            group.addTask { await self.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.isRaised || Task.isCancelled {
                        state.isRaised = false
                        return true
                    }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { state in
                defer { state.waiter = nil }
                return state.waiter
            }?.resume()
        }
    }
}
