import FoundationEssentials
import QueuedStorageCore
import Synchronization

/// A time that stands still until it is moved.
final class TestTime: TimeSource {
    private struct State {
        var now: Date
        var boot: Int64
        var nextID = 0
        var sleepers: [Int: (until: Int64, continuation: CheckedContinuation<Void, any Error>)] = [:]
    }
    private let state: Mutex<State>

    init(now: Date = Date(timeIntervalSince1970: 1_800_000_000)) {
        state = Mutex(State(now: now, boot: 1_000_000))
    }

    var now: Date { state.withLock { $0.now } }
    var bootMilliseconds: Int64 { state.withLock { $0.boot } }

    /// Moves both clocks on, and wakes who has slept long enough.
    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now += duration.seconds
            state.boot += duration.milliseconds
            let due = state.sleepers.filter { $0.value.until <= state.boot }
            for id in due.keys { state.sleepers[id] = nil }
            return due.values.map(\.continuation)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Whether somebody waits for the time to move.
    var isAwaited: Bool { state.withLock { !$0.sleepers.isEmpty } }

    /// Sets the wall clock, as an administrator may; the time since the start goes on as it was.
    func setWallClock(_ now: Date) { state.withLock { $0.now = now } }

    func sleep(for duration: Duration) async throws {
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let mayRest = state.withLock { state in
                    guard !Task.isCancelled, duration > .zero else { return false }
                    state.sleepers[id] = (state.boot + max(1, duration.milliseconds), continuation)
                    return true
                }
                if !mayRest {
                    continuation.resume(with: Task.isCancelled ? .failure(CancellationError()) : .success(()))
                }
            }
        } onCancel: {
            let sleeper = state.withLock { $0.sleepers.removeValue(forKey: id) }
            sleeper?.continuation.resume(throwing: CancellationError())
        }
    }
}

/// A time that moves on whenever somebody looks at it, and that nobody waits for.
final class TickingTime: TimeSource {
    private let passed = Mutex<Int64>(0)
    private let tick: Int64

    init(tick: Duration) { self.tick = tick.milliseconds }

    var now: Date { Date(timeIntervalSince1970: 1_800_000_000 + Double(passed.withLock { $0 }) / 1000) }

    var bootMilliseconds: Int64 {
        passed.withLock { passed in
            passed += tick
            return 1_000_000 + passed
        }
    }

    /// Returns at once, as much later; from a minute on, only by cancellation.
    func sleep(for duration: Duration) async throws {
        if duration >= .seconds(60) { for await _ in AsyncStream<Void>.makeStream().stream {} }
        try Task.checkCancellation()
        passed.withLock { $0 += duration.milliseconds }
        await Task.yield()
    }
}
