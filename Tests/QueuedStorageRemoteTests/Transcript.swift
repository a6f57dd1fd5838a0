import Synchronization
import TestSupport

/// All that commands said, also those that still run.
final class Transcript: Sendable {
    private let said = Mutex("")
    private let running = Mutex<[RunningCommand]>([])

    var text: String { ([said.withLock { $0 }] + running.withLock { $0.map(\.text) }).joined(separator: "\n") }

    func add(_ text: String) { said.withLock { $0 += text } }

    /// Whatever the command says is part of it.
    func follow(_ command: RunningCommand) { running.withLock { $0.append(command) } }
}
