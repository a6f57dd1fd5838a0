private import Synchronization

/// The threads on which blocking calls wait; Swift's cooperative threads never do.
private let blockingThreads = BlockingThreads(limit: 64)

/// What a program that decides by itself what runs when puts in place of those threads.
package enum BlockingCalls {
    /// Waits until the call may be made, on the thread that asks for it.
    package typealias Gate = @Sendable () async throws -> Void

    /// A type of its own: a function that a generic mutex holds is wrapped anew with each access.
    private struct Guard {
        var gate: Gate?
    }

    private static let isGuarded = Atomic(false)
    private static let guarded = Mutex(Guard())

    /// Makes all blocking calls of this process wait at a gate, and then on the thread of their caller.
    package static func stay(behind gate: @escaping Gate) {
        guarded.withLock { $0.gate = gate }
        isGuarded.store(true, ordering: .releasing)
    }

    fileprivate static var current: Gate? { isGuarded.load(ordering: .acquiring) ? guarded.withLock { $0.gate } : nil }
}

/// Who makes many blocking calls, one after the other: on threads of their own, so that a disk that hangs holds up nobody
/// else.
package enum BlockingWork {
    /// Saves of the application.
    case saving
    /// What is taken from drop folders.
    case dropping
    /// Transfers to directories.
    case transferring

    private static let threadsForSaving = BlockingThreads(limit: 64)
    private static let threadsForDropping = BlockingThreads(limit: 64)
    private static let threadsForTransferring = BlockingThreads(limit: 64)

    /// Where its tasks run best: on such a thread, which a task leaves only to wait for something else.
    ///
    /// Nil in a program that decides by itself what runs when.
    package var executor: (any TaskExecutor)? {
        if BlockingCalls.current != nil { return nil }
        return switch self {
        case .saving: Self.threadsForSaving
        case .dropping: Self.threadsForDropping
        case .transferring: Self.threadsForTransferring
        }
    }

    /// Runs an act of it there.
    package func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withTaskExecutorPreference(executor, operation: body)
    }
}

/// Runs a blocking call on a thread that may block.
///
/// The call isn't interrupted when the task is cancelled: what it began, it ends.
package func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    if let gate = BlockingCalls.current {
        try await gate()
        return try body()
    }
    if BlockingThreads.isCurrent { return try body() }
    return try await withCheckedThrowingContinuation { continuation in
        let call = Call(body)
        blockingThreads.run { continuation.resume(with: call.run()) }
    }
}

/// A call that lets go of all that it captured before its caller goes on.
///
/// The queue lets go of a block only some time after it ran; what ends with its last reference, such as a temporary file or
/// a lock, would outlive the call.
private final class Call<Value>: @unchecked Sendable /* nobody has it but the queue's thread once it is queued */ {
    private var body: (@Sendable () throws -> Value)?

    init(_ body: @escaping @Sendable () throws -> Value) { self.body = body }

    func run() -> Result<Value, any Error> {
        guard let body = body.take() else { preconditionFailure("A blocking call was made twice.") }
        return Result(catching: body)
    }
}

/// Whether the task that waits for a blocking call was cancelled.
package final class Cancellation: Sendable {
    private let isCancelled = Atomic(false)

    package init() {}

    package func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Throws `CancellationError` once the waiting task was cancelled.
    package func check() throws {
        if isCancelled.load(ordering: .relaxed) { throw CancellationError() }
    }
}

/// Runs a long blocking call on a thread that may block; the call asks now and then whether it is still wanted.
package func cancellableBlocking<Value: Sendable>(
    _ body: @escaping @Sendable (Cancellation) throws -> Value
) async throws -> Value {
    try Task.checkCancellation()
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
        try await blocking { try body(cancellation) }
    } onCancel: {
        cancellation.cancel()
    }
}
