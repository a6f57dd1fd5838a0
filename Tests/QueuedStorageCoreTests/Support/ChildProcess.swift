import Foundation
import QueuedStorageCore
import TestSupport
import Testing

/// The process of `Tests/Child`, for what only another process can show.
struct ChildProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

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
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments =
                ownMounts + ["bash", "-c", "set -e; \(script); \"$0\" \"$@\"; \(cleanup)", child] + arguments
        } else {
            process.executableURL = URL(fileURLWithPath: child)
            process.arguments = arguments
        }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    /// Waits for the next lines that the process says.
    func lines(_ count: Int) async throws -> [String] {
        try await blocking { [output] in
            var text = Data()
            while text.count(where: { $0 == UInt8(ascii: "\n") }) < count {
                // Byte by byte, as what comes after the lines is another call's.
                let byte = output.fileHandleForReading.readData(ofLength: 1)
                if byte.isEmpty { break }
                text += byte
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .map { String($0) }.dropLast()
        }
    }

    /// Kills the process as power loss would, and waits until it is gone.
    func kill() async throws {
        Glibc.kill(process.processIdentifier, SIGKILL)
        _ = try await rest()
    }

    /// Everything that the process still says until it ends.
    func rest() async throws -> [String] {
        try await blocking { [process, output] in
            let text = output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return String(decoding: text, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
                .map { String($0) }.dropLast()
        }
    }
}
