import Synchronization

/// What happened and wasn't looked at yet.
///
/// When it is full, what is in it is given up for one look at the whole folder.
final class EventBuffer: Sendable {
    static let capacity = 16_384

    private struct State {
        var events: [FileEvent] = []
        var hasOverflowed = false
    }

    private let state = Mutex(State())

    func append(_ events: [FileEvent]) {
        state.withLock { state in
            // Directories that come and go are noted even so: the watches must stay right. They are few.
            if state.events.count + events.count > Self.capacity {
                state.hasOverflowed = true
                state.events.removeAll { $0.isAboutFile }
                state.events += events.filter { !$0.isAboutFile }
            } else {
                state.events += events
            }
        }
    }

    func drain() -> [FileEvent] {
        state.withLock { state in
            defer { state = State() }
            return state.hasOverflowed ? state.events + [FileEvent(watch: -1, kind: .overflow)] : state.events
        }
    }
}

extension FileEvent {
    fileprivate var isAboutFile: Bool { !name.isEmpty && !kind.contains(.isDirectory) }
}
