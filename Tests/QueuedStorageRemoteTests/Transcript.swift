import Synchronization

/// All that commands said.
final class Transcript: Sendable {
    private let said = Mutex("")

    var text: String { said.withLock { $0 } }

    func add(_ text: String) { said.withLock { $0 += text } }
}
