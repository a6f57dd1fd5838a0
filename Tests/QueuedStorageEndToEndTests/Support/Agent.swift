import Foundation
import Glibc
import Synchronization
import TestSupport

/// A process of its own that does one thing with a queued storage, and dies or pauses before a step.
final class Agent: Sendable {
    private let process: TestProcess
    /// How many of its lines were looked at.
    private let seen = Mutex(0)

    /// Starts an agent.
    ///
    /// - Parameters:
    ///   - directory: The directory with `local`, `remote` and `catalog.sqlite`.
    ///   - step: The step before which it dies or pauses; 0 for none.
    ///   - pauses: Whether it pauses there, instead of dying.
    ///   - command: What it does, and with what.
    /// - Throws: Why there is no agent to start.
    init(_ directory: String, step: Int, pauses: Bool = false, _ command: String...) throws {
        process = try TestProcess(Self.path, [directory, "\(step)", pauses ? "pause" : "kill"] + command)
    }

    /// Starts an agent in a user and mount namespace of its own.
    ///
    /// - Parameters:
    ///   - directory: The directory with `local`, `remote` and `catalog.sqlite`.
    ///   - mounting: What the shell mounts there before.
    ///   - command: What it does, and with what.
    /// - Throws: Why the process can't be started.
    init(_ directory: String, mounting: String, _ command: String...) throws {
        let agent = ([Self.path, directory, "0", "kill"] + command).joined(separator: "' '")
        let line = ownMounts + ["/bin/sh", "-c", "set -e; \(mounting); exec '\(agent)'"]
        process = try TestProcess(line[0], Array(line.dropFirst()))
    }

    private static var path: String {
        Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("CrashAgent").path ?? "CrashAgent"
    }

    /// Whether it still runs.
    var isAlive: Bool { process.said.status == nil }

    /// Whether it runs, and the last lines that it wrote.
    var ending: String { process.said.ending }

    /// How many steps there were, once it came to its end; nil if it didn't.
    var stepCount: Int? {
        process.said.lines.last { $0.hasPrefix("done ") }.flatMap { Int($0.dropFirst("done ".count)) }
    }

    /// Whether it was killed, as it kills itself before its step.
    var isKilled: Bool { process.said.status == SIGKILL }

    /// Asks the process to end what it is at, and to stop.
    func terminate() { process.send(SIGTERM) }

    /// Lets a paused process go on.
    func goOn() { process.write("\n") }

    /// Waits until the process pauses, or ends, and returns the lines that it wrote.
    func pause() async -> [String] {
        let from = seen.withLock { $0 }
        let lines = await process.wait { said in
            let lines = said.lines.dropFirst(from)
            return lines.firstIndex { $0.hasPrefix("paused") }.map { Array(lines[...$0]) }
        }
        let said = lines ?? Array(process.said.lines.dropFirst(from))
        seen.withLock { $0 = from + said.count }
        return said
    }

    /// Waits until the process has said something; false if it ended without.
    func says(_ line: String) async -> Bool {
        await process.wait { $0.lines.contains(line) ? true : nil } ?? false
    }

    /// Waits for the end of the process, letting it go on where it pauses, and returns all lines that it still wrote.
    func end() async -> [String] {
        var rest: [String] = []
        while true {
            let lines = await pause()
            rest += lines
            guard lines.last?.hasPrefix("paused") == true else { return rest }
            goOn()
        }
    }
}
