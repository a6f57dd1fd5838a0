import Synchronization

/// Tells whoever listens in this process of events; a listener that is slow or gone hurts nobody.
package final class ProgressHub: Sendable {
    private struct State {
        var nextID = 0
        var listeners: [Int: AsyncStream<StorageEvent>.Continuation] = [:]
    }
    private let state = Mutex(State())

    package init() {}

    /// Events from now on; a listener that falls behind loses the oldest.
    package func listen() -> AsyncStream<StorageEvent> {
        let (stream, continuation) = AsyncStream<StorageEvent>.makeStream(bufferingPolicy: .bufferingNewest(256))
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            state.listeners[state.nextID] = continuation
            return state.nextID
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { _ = $0.listeners.removeValue(forKey: id) }
        }
        return stream
    }

    /// Whether anybody listens.
    package var hasListeners: Bool { state.withLock { !$0.listeners.isEmpty } }

    /// Tells everybody.
    package func tell(_ event: StorageEvent) {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield(event) }
    }
}
