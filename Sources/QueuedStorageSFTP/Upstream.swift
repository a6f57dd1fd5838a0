internal import QueuedStorageCore
import Synchronization

/// Bytes on their way into an open file of the server, many requests at once.
///
/// For one task; the server's answers come from the connection's thread.
final class Upstream: Sendable {
    private struct State {
        /// How many requests have no answer yet.
        var openCount = 0
        /// How many bytes the server has taken.
        var takenByteCount: Int64 = 0
        var failure: (any Error)?
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// What a small request counts for in the budget, so that there aren't thousands of them.
    private static let minCost = 16 << 10

    private let connection: Connection
    private let handle: Handle
    private let progress: (@Sendable (Int64) -> Void)?
    private let maxByteCount: Int
    private let state = Mutex(State())

    init(_ connection: Connection, _ handle: Handle, progress: (@Sendable (Int64) -> Void)?) {
        self.connection = connection
        self.handle = handle
        self.progress = progress
        maxByteCount = connection.features.maxWriteByteCount
    }

    /// Sends bytes; returns once they are on their way.
    ///
    /// - Throws: What an earlier request failed with.
    func write(_ bytes: [UInt8], at offset: Int64) async throws {
        var start = 0
        while start < bytes.count {
            let piece = bytes[start..<min(start + maxByteCount, bytes.count)]
            let cost = max(piece.count, Self.minCost)
            try await connection.budget.take(cost)
            if let failure = begin() {
                connection.budget.give(cost)
                throw failure
            }
            connection.write(piece, to: handle, at: offset + Int64(start)) { [connection] result in
                connection.budget.give(cost)
                self.end(result, byteCount: piece.count)
            }
            start = piece.endIndex
        }
    }

    private func begin() -> (any Error)? {
        state.withLock { state in
            if state.failure == nil { state.openCount += 1 }
            return state.failure
        }
    }

    private func end(_ result: Result<Response, any Error>, byteCount: Int) {
        let failure: (any Error)?
        do {
            try result.get().checked()
            failure = nil
        } catch {
            failure = error
        }
        let (waiter, taken) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Int64) in
            state.openCount -= 1
            if let failure, state.failure == nil { state.failure = failure }
            if failure == nil { state.takenByteCount += Int64(byteCount) }
            guard state.openCount == 0 else { return (nil, state.takenByteCount) }
            defer { state.waiter = nil }
            return (state.waiter, state.takenByteCount)
        }
        if failure == nil { progress?(taken) }
        waiter?.resume()
    }

    /// Waits until the server has answered all requests.
    ///
    /// Not cut short by cancellation: the connection's time-out bounds it.
    ///
    /// - Throws: What a request failed with.
    func drain() async throws {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.openCount > 0 { state.waiter = continuation }
                return state.openCount == 0
            }
            if isDone { continuation.resume() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }
}
