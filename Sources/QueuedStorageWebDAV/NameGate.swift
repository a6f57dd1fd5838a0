import QueuedStorageCore
private import Synchronization

/// Lets one task at a time publish under a name.
///
/// Some servers look whether a name is free, and then rename: two requests at once could both find it free. Those of one
/// process wait for one another here.
final class NameGate: Sendable {
    private let waiting = Mutex<[NameKey: [CheckedContinuation<Void, Never>]]>([:])

    /// Runs a body while nobody else of this storage does for the same name.
    func enter<Value: Sendable>(_ name: String, _ body: () async throws -> Value) async throws -> Value {
        let key = NameKey(name)
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[key] == nil else {
                    waiting[key]?.append(continuation)
                    return false
                }
                waiting[key] = []
                return true
            }
            if isFree { continuation.resume() }
        }
        defer { leave(key) }
        return try await body()
    }

    private func leave(_ key: NameKey) {
        let next = waiting.withLock { waiting -> CheckedContinuation<Void, Never>? in
            guard let first = waiting[key]?.first else {
                waiting[key] = nil
                return nil
            }
            waiting[key]?.removeFirst()
            return first
        }
        next?.resume()
    }
}
