import CScheduler
import QueuedStorageCore
import Synchronization
import TestSupport

/// Runs all tasks of this process on one thread, one after another, in an order that a seed decides; and moves the time on
/// when none can run.
///
/// What is ready is a job of Swift's runtime, or work that would have had a thread of its own (a catalog's writer, its
/// readers). Nothing else wakes a task: time is simulated, and storages and catalogs call back on this thread.
final class Simulator: @unchecked Sendable /* its thread alone touches it */ {
    /// Something that runs next, or soon.
    private enum Ready {
        case job(UnsafeMutableRawPointer)
        case work(@Sendable () -> Void)
    }

    private struct Timer {
        var at: Int64
        var number: Int
        var fire: @Sendable () -> Void
    }

    /// The order, and every other choice of the history.
    var random: SeededGenerator
    /// Microseconds since the machine started.
    private(set) var now: Int64 = 1_000_000_000
    /// How many jobs have run.
    private(set) var steps = 0
    private var ready: [Ready] = []
    private var timers: [Timer] = []
    private var nextTimer = 0
    private var isStopped = false

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        qstore_seed_random(random.next())
    }

    /// Takes all jobs of this process from Swift's own threads, for good.
    ///
    /// What a history leaves behind isn't run in another one.
    static func takeOver() {
        BlockingCalls.stay { try await SimulatedProcess.current?.point("a blocking call") }
        qstore_take_jobs { job in
            guard let job else { return }
            Simulator.current.withLock { $0 }?.ready.append(.job(job))
        }
    }

    // MARK: Choices

    /// Whether something happens that happens so often.
    func happens(_ probability: Double) -> Bool {
        probability > 0 && Double(random.next() >> 11) * 0x1p-53 < probability
    }

    /// One of some numbers.
    func pick(_ range: ClosedRange<Int64>) -> Int64 { .random(in: range, using: &random) }

    /// One of some things.
    func pick<Choices: RandomAccessCollection>(_ choices: Choices) -> Choices.Element {
        choices[choices.index(choices.startIndex, offsetBy: Int(pick(0...Int64(choices.count - 1))))]
    }

    // MARK: What runs

    /// Has work run soon.
    func perform(_ work: @escaping @Sendable () -> Void) { ready.append(.work(work)) }

    /// Has something done after a while.
    ///
    /// - Returns: What cancels it.
    @discardableResult
    func after(_ microseconds: Int64, _ fire: @escaping @Sendable () -> Void) -> Int {
        nextTimer += 1
        timers.append(Timer(at: now + max(0, microseconds), number: nextTimer, fire: fire))
        return nextTimer
    }

    /// Cancels what was to be done later.
    func cancel(_ timer: Int) { timers.removeAll { $0.number == timer } }

    /// Waits; whoever is cancelled waits all the same.
    func wait(_ microseconds: Int64) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            after(microseconds) { continuation.resume() }
        }
    }

    /// Lets others run first, perhaps.
    func yield() async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            perform { continuation.resume() }
        }
    }

    /// Waits until it is over, or the task is cancelled.
    ///
    /// - Throws: `CancellationError`.
    func sleep(_ microseconds: Int64) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
                guard !Task.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                sleeper.continuation.withLock { $0 = continuation }
                sleeper.timer = after(microseconds) { sleeper.take()?.resume() }
            }
        } onCancel: {
            guard let continuation = sleeper.take() else { return }
            cancel(sleeper.timer)
            continuation.resume(throwing: CancellationError())
        }
    }

    // MARK: The loop

    /// Leaves everything where it is.
    func stop() { isStopped = true }

    /// Runs a body, and all that it starts, until nothing is left to be run.
    ///
    /// - Returns: False if so many steps weren't enough.
    func run(steps limit: Int, _ body: @escaping @Sendable () async -> Void) -> Bool {
        Self.current.withLock { $0 = self }
        defer { Self.current.withLock { $0 = nil } }
        Task { await body() }
        while steps < limit {
            if isStopped { return true }
            guard !ready.isEmpty else {
                guard passTime() else { return true }
                continue
            }
            steps += 1
            // What comes is mostly what waited longest, as on a machine; any other may come instead.
            let index = ready.count == 1 || happens(0.5) ? 0 : Int(pick(0...Int64(ready.count - 1)))
            switch ready.remove(at: index) {
            case .job(let job): qstore_run_job(job)
            case .work(let work): work()
            }
        }
        return false
    }

    private func passTime() -> Bool {
        guard
            let first = timers.indices.min(by: {
                (timers[$0].at, timers[$0].number) < (timers[$1].at, timers[$1].number)
            })
        else { return false }
        let timer = timers.remove(at: first)
        now = max(now, timer.at)
        timer.fire()
        return true
    }

    private static let current = Mutex<Simulator?>(nil)
}

/// A task that sleeps, and is woken once.
private final class Sleeper: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let continuation = Mutex<UnsafeContinuation<Void, any Error>?>(nil)
    var timer = 0

    func take() -> UnsafeContinuation<Void, any Error>? {
        continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
    }
}
