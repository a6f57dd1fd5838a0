import Synchronization

/// Reports what a test tells it to.
package final class ScriptedEventSource: FileEventSource {
    package let name = "scripted"
    package let polls = false

    private struct State {
        var deliver: (@Sendable ([FileEvent]) -> Void)?
        var watches: [[UInt8]: Int32] = [:]
        var limit: Int
        var next: Int32 = 1
    }

    private let state: Mutex<State>

    /// Makes a source that allows a number of watches.
    package init(limit: Int = .max) { state = Mutex(State(limit: limit)) }

    package func open(_ deliver: @escaping @Sendable ([FileEvent]) -> Void) -> any FileEventStream {
        state.withLock { $0.deliver = deliver }
        return Stream(source: self)
    }

    /// The watched directories' absolute paths.
    package var watched: Set<String> {
        state.withLock { Set($0.watches.keys.map { String(decoding: $0, as: UTF8.self) }) }
    }

    /// Reports something.
    package func send(_ kind: FileEvent.Kind, _ name: String = "", in directory: String = "") {
        let (deliver, watch) = state.withLock { ($0.deliver, $0.watches[Array(directory.utf8)] ?? -1) }
        deliver?([FileEvent(watch: watch, kind: kind, name: Array(name.utf8))])
    }

    private struct Stream: FileEventStream {
        let source: ScriptedEventSource

        func watch(_ directory: [UInt8]) throws -> Int32 {
            try source.state.withLock { state in
                if let watch = state.watches[directory] { return watch }
                guard state.watches.count < state.limit else {
                    throw FileEventError(.limitReached, "the script allows no more watches")
                }
                defer { state.next += 1 }
                state.watches[directory] = state.next
                return state.next
            }
        }

        func unwatch(_ watch: Int32) {
            source.state.withLock { state in state.watches = state.watches.filter { $0.value != watch } }
        }

        func close() { source.state.withLock { $0.deliver = nil } }
    }
}
