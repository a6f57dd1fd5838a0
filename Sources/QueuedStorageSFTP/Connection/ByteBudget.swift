import Synchronization

/// How many bytes may be on their way at once; who wants more waits for its turn.
final class ByteBudget: Sendable {
    private struct Waiter {
        var id: UInt64
        var byteCount: Int
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var available: Int
        var waiters: [Waiter] = []
        var nextID: UInt64 = 0
        var cancelled: Set<UInt64> = []
        var failure: (any Error)?
    }

    private let capacity: Int
    private let state: Mutex<State>

    init(_ capacity: Int) {
        self.capacity = capacity
        state = Mutex(State(available: capacity))
    }

    /// Takes bytes, waiting until they are there.
    func take(_ byteCount: Int) async throws {
        let wanted = min(byteCount, capacity)
        let id = state.withLock { state -> UInt64? in
            if state.failure == nil, state.waiters.isEmpty, state.available >= wanted {
                state.available -= wanted
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enqueue(Waiter(id: id, byteCount: wanted, continuation: continuation))
            }
        } onCancel: {
            cancel(id)
        }
    }

    private func enqueue(_ waiter: Waiter) {
        let result = state.withLock { state -> Result<Void, any Error>? in
            if state.cancelled.remove(waiter.id) != nil { return .failure(CancellationError()) }
            if let failure = state.failure { return .failure(failure) }
            if state.waiters.isEmpty, state.available >= waiter.byteCount {
                state.available -= waiter.byteCount
                return .success(())
            }
            state.waiters.append(waiter)
            return nil
        }
        if let result { waiter.continuation.resume(with: result) }
    }

    private func cancel(_ id: UInt64) {
        let waiter = state.withLock { state -> Waiter? in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                // It may have been served already; a number is never used again.
                state.cancelled.insert(id)
                return nil
            }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(throwing: CancellationError())
    }

    /// Gives bytes back.
    func give(_ byteCount: Int) {
        let served = state.withLock { state -> [Waiter] in
            state.available += min(byteCount, capacity)
            var served: [Waiter] = []
            while let first = state.waiters.first, first.byteCount <= state.available {
                state.available -= first.byteCount
                served.append(state.waiters.removeFirst())
            }
            return served
        }
        for waiter in served { waiter.continuation.resume() }
    }

    /// Lets everybody know that nothing comes any more.
    func fail(_ error: any Error) {
        let waiters = state.withLock { state in
            state.failure = error
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.continuation.resume(throwing: error) }
    }
}
