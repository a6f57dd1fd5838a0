private import DequeModule
import Dispatch
private import Synchronization

/// Threads for calls that wait: one for each call at the time, up to a limit.
///
/// A concurrent queue of Dispatch has as many threads as there are processors, and gets one more in a second while all
/// wait. But calls that wait for the disk are done sooner the more of them wait at the same time, as file systems and disks
/// make many durable at once. A serial queue has its thread at once.
final class BlockingThreads: Sendable {
    private struct State {
        /// Queues that have nothing to do; the last one was busy last.
        var idle: [DispatchQueue] = []
        var count = 0
        var waiting: Deque<@Sendable () -> Void> = []
    }

    private static let key = DispatchSpecificKey<Void>()
    /// Whether the caller is on such a thread.
    static var isCurrent: Bool { DispatchQueue.getSpecific(key: key) != nil }

    private let limit: Int
    private let state = Mutex(State())

    /// Makes threads, when they are needed.
    ///
    /// - Parameter limit: How many calls run at a time; the others wait for their turn.
    init(limit: Int) { self.limit = limit }

    /// Runs a call, on a thread of its own.
    func run(_ call: @escaping @Sendable () -> Void) {
        let queue: DispatchQueue? = state.withLock { state in
            if let queue = state.idle.popLast() { return queue }
            guard state.count < limit else {
                state.waiting.append(call)
                return nil
            }
            state.count += 1
            let queue = DispatchQueue(label: "queued-storage.blocking")
            queue.setSpecific(key: Self.key, value: ())
            return queue
        }
        guard let queue else { return }
        queue.async {
            call()
            while let next = self.next(queue) { next() }
        }
    }

    /// The call that waits for the longest; if none does, the queue is idle.
    private func next(_ queue: DispatchQueue) -> (@Sendable () -> Void)? {
        state.withLock { state in
            if let next = state.waiting.popFirst() { return next }
            state.idle.append(queue)
            return nil
        }
    }
}

extension BlockingThreads: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        run { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
