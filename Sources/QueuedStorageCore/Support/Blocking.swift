import Dispatch

/// The threads on which blocking calls wait; Swift's cooperative threads never do.
private let blockingQueue = DispatchQueue(label: "queued-storage.blocking", attributes: .concurrent)

/// Runs a blocking call on a thread that may block.
///
/// The call isn't interrupted when the task is cancelled: what it began, it ends.
package func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        blockingQueue.async { continuation.resume(with: Result(catching: body)) }
    }
}
