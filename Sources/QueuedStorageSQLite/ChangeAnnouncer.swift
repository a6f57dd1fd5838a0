import Dispatch
import Glibc
import GRDB
import Synchronization

/// Tells whoever listens that something was committed: by this process at once, by another as soon as the kernel reports
/// a change of the database's files.
///
/// Nothing wakes up while nobody writes. inotify only says that a file was written to; whether somebody committed is what
/// `PRAGMA data_version` says, on a connection of its own.
/// Source: https://www.sqlite.org/pragma.html#pragma_data_version
final class ChangeAnnouncer: Sendable {
    private struct State {
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextListener = 0
        var watch: CommitWatch?
    }

    private let path: String
    private let state = Mutex(State())

    init(path: String) { self.path = path }

    deinit {
        state.withLock { state in
            state.watch?.end()
            for listener in state.listeners.values { listener.finish() }
        }
    }

    /// Wakes all listeners.
    func announce() {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield() }
    }

    /// Another listener's stream; the watch of other processes begins with the first.
    func stream() -> AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let id = state.withLock { state in
                let id = state.nextListener
                state.nextListener += 1
                state.listeners[id] = continuation
                if state.watch == nil { state.watch = CommitWatch(path: path) { [weak self] in self?.announce() } }
                return id
            }
            continuation.onTermination = { [weak self] _ in self?.forget(id) }
        }
    }

    private func forget(_ id: Int) {
        state.withLock { state in
            state.listeners[id] = nil
            guard state.listeners.isEmpty else { return }
            state.watch?.end()
            state.watch = nil
        }
    }
}
