import QueuedStorageCore
import Synchronization

/// Lets those of this process who store under one name go one after the other.
///
/// The server looks whether a name is free when a request begins; two that overlap would both be told that it was.
final class NameGate: Sendable {
    private struct State: Sendable {
        /// Those who wait for a name, in order; a name that nobody waits for but somebody holds has an empty list.
        var queues: [NameKey: [(id: Int, waiter: CheckedContinuation<Void, any Error>)]] = [:]
        var nextID = 0
    }

    private let state = Mutex(State())

    /// Runs a body once nobody else holds the name.
    func holding<Value>(_ name: String, _ body: () async throws -> Value) async throws -> Value {
        let key = NameKey(name)
        try await enter(key)
        defer { leave(key) }
        return try await body()
    }

    private func enter(_ key: NameKey) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    guard state.queues[key] != nil else {
                        state.queues[key] = []
                        return .success(())
                    }
                    state.queues[key]?.append((id, waiter))
                    return nil
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.queues[key]?.firstIndex { $0.id == id }.flatMap { state.queues[key]?.remove(at: $0).waiter }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func leave(_ key: NameKey) {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            guard state.queues[key]?.isEmpty == false else {
                state.queues[key] = nil
                return nil
            }
            return state.queues[key]?.removeFirst().waiter
        }
        next?.resume()
    }
}
