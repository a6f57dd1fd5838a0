import Glibc
import QueuedStorageCore
import Synchronization

/// Listens to Ctrl-C and SIGTERM: the first asks to stop and lets what runs end, the second ends the process at once.
///
/// Neither loses anything: what is committed is taken up again by the next process.
final class Interruption: Sendable {
    private struct State {
        var count = 0
        var sources: [SignalSource] = []
        var stop: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Whether somebody asked to stop.
    var isAsked: Bool { state.withLock { $0.count > 0 } }

    /// Begins to listen.
    func listen() async throws {
        try await blocking { [self] in
            for number in [SIGINT, SIGTERM] {
                let source = SignalSource(number) { [weak self] in self?.receive(number) }
                state.withLock { $0.sources.append(source) }
            }
        }
    }

    /// What to do at the first signal, from now on; at once if it came already.
    func onStop(_ stop: @escaping @Sendable () -> Void) {
        let isAsked = state.withLock { state in
            state.stop = stop
            return state.count > 0
        }
        if isAsked { stop() }
    }

    private func receive(_ number: Int32) {
        let (count, stop) = state.withLock { state in
            state.count += 1
            return (state.count, state.stop)
        }
        if count == 1 {
            Console.shared.note("stopping: what runs may end; once more (Ctrl-C) stops at once")
            stop?()
        } else {
            Console.shared.complain("stopped; what was under way is taken up at the next start")
            _exit(128 + number)
        }
    }
}
