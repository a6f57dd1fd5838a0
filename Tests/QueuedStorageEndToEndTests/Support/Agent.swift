import Foundation
import Glibc
import TestSupport

/// A process of its own that does one thing with a queued storage, and dies or pauses before a step.
final class Agent: Sendable {
    private let process: Process
    private let input = Pipe()
    private let lines: AsyncStream<String>
    private let exits: AsyncStream<Void>

    /// Starts an agent.
    ///
    /// - Parameters:
    ///   - directory: The directory with `local`, `remote` and `catalog.sqlite`.
    ///   - step: The step before which it dies or pauses; 0 for none.
    ///   - pauses: Whether it pauses there, instead of dying.
    ///   - command: What it does, and with what.
    /// - Throws: What `Process` throws if there is no agent to start.
    convenience init(_ directory: String, step: Int, pauses: Bool = false, _ command: String...) throws {
        try self.init([Self.path, directory, "\(step)", pauses ? "pause" : "kill"] + command)
    }

    /// Starts an agent in a user and mount namespace of its own.
    ///
    /// - Parameters:
    ///   - directory: The directory with `local`, `remote` and `catalog.sqlite`.
    ///   - mounting: What the shell mounts there before.
    ///   - command: What it does, and with what.
    /// - Throws: Why the process can't be started.
    convenience init(_ directory: String, mounting: String, _ command: String...) throws {
        let agent = ([Self.path, directory, "0", "kill"] + command).joined(separator: "' '")
        try self.init(ownMounts + ["/bin/sh", "-c", "set -e; \(mounting); exec '\(agent)'"])
    }

    private static var path: String {
        Bundle.main.executableURL?.deletingLastPathComponent().appendingPathComponent("CrashAgent").path ?? "CrashAgent"
    }

    private init(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: arguments[0])
        process.arguments = Array(arguments.dropFirst())
        process.standardInput = input
        let output = Pipe()
        process.standardOutput = output
        let (lines, continuation) = AsyncStream<String>.makeStream()
        // A thread that blocks: FileHandle.readabilityHandler crashes in libdispatch once in a while.
        let descriptor = output.fileHandleForReading.fileDescriptor
        Thread.detachNewThread {
            var rest: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = read(descriptor, &buffer, buffer.count), count > 0 {
                rest += buffer[..<count]
                while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    continuation.yield(String(decoding: rest[..<end], as: UTF8.self))
                    rest.removeFirst(end + 1)
                }
            }
            continuation.finish()
            withExtendedLifetime(output) {}
        }
        self.lines = lines
        self.process = process
        let (exits, exiting) = AsyncStream<Void>.makeStream()
        self.exits = exits
        process.terminationHandler = { _ in exiting.finish() }
        try process.run()
    }

    /// Asks the process to end what it is at, and to stop.
    func terminate() { process.terminate() }

    /// Lets a paused process go on.
    func goOn() { input.fileHandleForWriting.write(Data("\n".utf8)) }

    /// Waits until the process pauses, or ends, and returns the lines that it wrote.
    func pause() async -> [String] {
        var said: [String] = []
        for await line in lines {
            said.append(line)
            if line.hasPrefix("paused") { break }
        }
        return said
    }

    /// Waits for the end of the process, letting it go on where it pauses, and returns all lines that it still wrote.
    func end() async -> [String] {
        var rest: [String] = []
        for await line in lines {
            rest.append(line)
            if line.hasPrefix("paused") { goOn() }
        }
        for await _ in exits {}
        return rest
    }
}
