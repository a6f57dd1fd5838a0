import Foundation
import Glibc
import Synchronization
import TestSupport

/// The process of `Tests/Child`, for what only another process can show.
final class ChildProcess: Sendable {
    private let process: TestProcess
    /// How many of its lines were handed out.
    private let seen = Mutex(0)

    /// Starts the process.
    ///
    /// - Parameters:
    ///   - arguments: The command and its arguments.
    ///   - script: What a shell with its own mounts does before; nil for no shell.
    ///   - cleanup: What the shell does afterwards.
    /// - Throws: Why it can't be started.
    init(_ arguments: String..., mounting script: String? = nil, finally cleanup: String = "true") throws {
        let child = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
            .deletingLastPathComponent().appendingPathComponent("StorageTestChild").path
        if let script {
            // A user namespace of its own lets everybody mount.
            let shell = ["bash", "-c", "set -e; \(script); \"$0\" \"$@\"; \(cleanup)", child]
            process = try TestProcess("/usr/bin/env", ownMounts + shell + arguments)
        } else {
            process = try TestProcess(child, arguments)
        }
    }

    /// Waits for the next lines that the process says.
    func lines(_ count: Int) async -> [String] {
        let from = seen.withLock { $0 }
        let lines = await process.wait { said in
            let lines = Array(said.lines.dropFirst(from).prefix(count))
            return lines.count == count ? lines : nil
        }
        let said = lines ?? Array(process.said.lines.dropFirst(from))
        seen.withLock { $0 = from + said.count }
        return said
    }

    /// Kills the process as power loss would, and waits until it is gone.
    func kill() async {
        process.send(SIGKILL)
        _ = await process.end()
    }

    /// Everything that the process still says until it ends.
    func rest() async -> [String] {
        let said = await process.end().lines
        return Array(said.dropFirst(seen.withLock { $0 }))
    }
}
