import Synchronization

/// The answer to a request that was sent, whenever it comes.
///
/// One task waits for it, or nobody does.
final class Reply: Sendable {
    private enum State {
        case open
        case awaited(CheckedContinuation<Response, any Error>)
        case cancelled
        case done(Result<Response, any Error>)
    }

    private let state = Mutex(State.open)

    /// Hands the answer over; the first one counts.
    func fulfil(_ result: Result<Response, any Error>) {
        let continuation = state.withLock { state -> CheckedContinuation<Response, any Error>? in
            switch state {
            case .open:
                state = .done(result)
                return nil
            case .awaited(let continuation):
                state = .done(result)
                return continuation
            case .cancelled, .done: return nil
            }
        }
        continuation?.resume(with: result)
    }

    /// Waits for the answer; a cancelled task waits no longer, though the server does what it was asked.
    func response() async throws -> Response {
        try await withTaskCancellationHandler {
            try await wait()
        } onCancel: {
            let continuation = state.withLock { state -> CheckedContinuation<Response, any Error>? in
                switch state {
                case .open:
                    state = .cancelled
                    return nil
                case .awaited(let continuation):
                    state = .cancelled
                    return continuation
                case .cancelled, .done: return nil
                }
            }
            continuation?.resume(throwing: CancellationError())
        }
    }

    /// Waits for the answer, also in a cancelled task.
    func responseWhateverHappens() async throws -> Response { try await wait() }

    private func wait() async throws -> Response {
        try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state -> Result<Response, any Error>? in
                switch state {
                case .open:
                    state = .awaited(continuation)
                    return nil
                case .awaited: preconditionFailure("An answer has one who waits for it.")
                case .cancelled: return .failure(CancellationError())
                case .done(let result): return result
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }
}
