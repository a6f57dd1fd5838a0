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

    private struct State {
        var attempt: TransferContext?
        var stopReason: StopReason?
        var task: Task<Bool, any Error>?
    }

    let job: TransferJob
    private let state = Mutex(State())

    init(_ job: TransferJob) { self.job = job }

    /// The attempt that runs; jobs that aren't transfers have none.
    var attempt: TransferContext? { state.withLock { $0.attempt } }

    func note(_ attempt: TransferContext) { state.withLock { $0.attempt = attempt } }

    func stop(_ reason: StopReason) {
        let task = state.withLock { state in
            if state.stopReason == nil { state.stopReason = reason }
            return state.task
        }
        task?.cancel()
    }

    /// Runs a task until it ends or is stopped; one that is stopped is cancelled, and waited for.
    func run(
        on executor: (any TaskExecutor)?,
        _ body: @escaping @Sendable () async throws -> Bool
    ) async -> Ending {
        // Not structured, so that it can be cancelled alone; it is waited for.
        let task = Task(executorPreference: executor) { try await body() }
        let isStopped = state.withLock { state in
            state.task = task
            return state.stopReason != nil
        }
        if isStopped { task.cancel() }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        let stopReason = state.withLock { state in
            state.task = nil
            return state.stopReason
        }
        switch result {
        // A task that came through although it was to be stopped did its work.
        case .success(true): return .returned(true)
        case .success(let answer): return stopReason.map { .stopped($0) } ?? .returned(answer)
        case .failure(let error): return stopReason.map { .stopped($0) } ?? .threw(error)
        }
    }

    /// How a run ended.
    enum Ending: Sendable {
        case returned(Bool)
        case threw(any Error)
        case stopped(StopReason)
    }
}
