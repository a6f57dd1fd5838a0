import Synchronization

/// A job that runs: what it is at, and a way to stop it.
final class RunningJob: Sendable {
    /// Why a job is stopped from outside.
    enum StopReason: Sendable {
        /// It was cancelled, replaced, deleted, or rescued.
        case lost
        /// It stood still for too long.
        case stalled(TransferContext.Phase, Duration)
        /// It took too long in all.
        case overdue(Duration)
        /// The worker ends.
        case shutdown
    }

    let job: TransferJob
    private let context = Mutex<TransferContext?>(nil)
    private let stops: AsyncStream<StopReason>
    private let stopping: AsyncStream<StopReason>.Continuation

    init(_ job: TransferJob) {
        self.job = job
        (stops, stopping) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// The attempt that runs; jobs that aren't transfers have none.
    var attempt: TransferContext? { context.withLock { $0 } }

    func note(_ attempt: TransferContext) { context.withLock { $0 = attempt } }

    func stop(_ reason: StopReason) { stopping.yield(reason) }

    /// Runs a task until it ends or is stopped; one that is stopped is cancelled, and waited for.
    func run(_ body: @escaping @Sendable () async throws -> Bool) async -> Ending {
        let stops = stops
        return await withTaskGroup(of: Ending?.self) { group in
            group.addTask {
                do {
                    return .returned(try await body())
                } catch {
                    return .threw(error)
                }
            }
            group.addTask {
                for await reason in stops { return .stopped(reason) }
                return nil
            }
            var ending: Ending?
            while let next = await group.next() {
                // A task that came through although it was to be stopped did its work.
                if case .returned(true) = next { ending = next } else if ending == nil { ending = next }
                group.cancelAll()
            }
            return ending ?? .stopped(.shutdown)
        }
    }

    /// How a run ended.
    enum Ending: Sendable {
        case returned(Bool)
        case threw(any Error)
        case stopped(StopReason)
    }
}
