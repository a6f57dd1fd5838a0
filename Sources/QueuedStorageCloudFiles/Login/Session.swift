import QueuedStorageCore
import Synchronization

/// Keeps a login for all requests, and replaces it once for all of them when it has run out.
///
/// However many requests are refused together, one asks for a new token; the others wait for it. One that is cancelled
/// stops waiting, and the others get their token all the same.
final class Session: Sendable {
    /// A login, and which one it is.
    struct Numbered: Sendable {
        var login: Login
        var number: Int
    }

    private struct State: Sendable {
        var current: Numbered?
        var count = 0
        var isAsking = false
        var waiters: [Int: CheckedContinuation<Numbered, any Error>] = [:]
        var nextWaiter = 0
    }

    private enum Step {
        case has(Numbered)
        case cancelled
        case asks
        case waits
    }

    private let authentication: any Authentication
    private let state = Mutex(State())

    init(_ authentication: any Authentication) { self.authentication = authentication }

    /// A login that the server took when it was last heard of; a new one if there is none.
    func login() async throws -> Numbered { try await login(otherThan: nil) }

    /// Another login than one that the server no longer takes.
    func renewed(_ old: Numbered) async throws -> Numbered { try await login(otherThan: old.number) }

    private func login(otherThan old: Int?) async throws -> Numbered {
        if let current = state.withLock({ $0.current }), current.number != old { return current }
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let step = state.withLock { state in Self.step(&state, waiter, continuation, otherThan: old) }
                switch step {
                case .has(let login): continuation.resume(returning: login)
                case .cancelled: continuation.resume(throwing: CancellationError())
                case .asks: ask()
                case .waits: break
                }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: waiter) }?.resume(throwing: CancellationError())
        }
    }

    private static func step(
        _ state: inout State,
        _ waiter: Int,
        _ continuation: CheckedContinuation<Numbered, any Error>,
        otherThan old: Int?
    ) -> Step {
        if let current = state.current, current.number != old { return .has(current) }
        // Whoever was cancelled before this line isn't among the waiters that its handler looked at.
        if Task.isCancelled { return .cancelled }
        state.waiters[waiter] = continuation
        guard !state.isAsking else { return .waits }
        state.isAsking = true
        return .asks
    }

    /// Asks in a task that belongs to none of those who wait, as none may cancel it for the others; it ends by itself,
    /// with the transport's time-outs.
    private func ask() {
        Task {
            let result: Result<Login, any Error>
            do {
                result = .success(try await authentication.login())
            } catch {
                result = .failure(error)
            }
            let (waiters, answer) = state.withLock { state in
                state.isAsking = false
                defer { state.waiters = [:] }
                let answer = result.map { login in
                    state.count += 1
                    return Numbered(login: login, number: state.count)
                }
                if case .success(let login) = answer { state.current = login }
                return (Array(state.waiters.values), answer)
            }
            for waiter in waiters { waiter.resume(with: answer) }
        }
    }
}
