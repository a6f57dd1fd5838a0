package import Foundation
import Glibc

/// A directory with an inbox, a local directory and a remote one, in which `qstore` runs as a process.
package struct Sandbox: Sendable {
    package let path: String

    /// Makes a sandbox, hands it over, and removes it.
    package static func with(_ body: (Sandbox) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "qstore-cli-" + UUID().uuidString
        let sandbox = Sandbox(path: path)
        for directory in ["inbox", "local", "remote"] { try sandbox.makeDirectory(directory) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(sandbox)
    }

    /// The flags that describe its storage.
    package let place = ["--local", "local", "--remote", "remote", "--database", "q.sqlite"]
    /// The flags for commands that only need the database.
    package let database = ["--database", "q.sqlite"]

    // MARK: Files

    package func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    package func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

    package func write(_ data: Data, to name: String) throws {
        // Closed in what is run meanwhile: a file that any process has open is still being written.
        let descriptor = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw ProcessFailure("write \"\(name)\"", errno) }
        try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).write(contentsOf: data)
    }

    package func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    package func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }

    package func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    package func move(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: "\(path)/\(other)")
    }

    // MARK: Commands

    /// Runs `qstore` to its end.
    package func run(_ arguments: [String], input: Data = Data(), environment: [String: String] = [:]) async throws
        -> Outcome
    {
        try await execute(Self.binary, arguments, input: input, environment: environment)
    }

    /// Runs a line of shell, in which `$Q` is `qstore`.
    package func shell(_ line: String, environment: [String: String] = [:]) async throws -> Outcome {
        try await execute(
            "/bin/bash",
            ["-c", line],
            input: Data(),
            environment: environment.merging(["Q": Self.binary]) { $1 }
        )
    }

    /// Starts `qstore`, and goes on.
    package func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningCommand {
        try RunningCommand(process(Self.binary, arguments, environment, input: "/dev/null", mergesErrors: true))
    }

    /// Runs SQL on the database, as a program that isn't ours.
    package func sql(_ text: String) async throws -> Outcome {
        let script = "import sqlite3, sys; c = sqlite3.connect('q.sqlite'); c.executescript(sys.argv[1]); c.commit()"
        return try await execute("/usr/bin/python3", ["-c", script, text], input: Data())
    }

    package func execute(
        _ program: String,
        _ arguments: [String],
        input: Data,
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        // A file instead of a pipe: nobody has to write while the process runs.
        let file = "\(path)/.in-\(UUID().uuidString)"
        try input.write(to: URL(fileURLWithPath: file))
        let said = try await process(program, arguments, environment, input: file, mergesErrors: false).end()
        return Outcome(
            status: said.status ?? -1,
            output: said.output,
            errors: String(decoding: said.errors, as: UTF8.self),
            peakMemory: said.peakMemory
        )
    }

    private func process(
        _ program: String,
        _ arguments: [String],
        _ environment: [String: String],
        input: String,
        mergesErrors: Bool
    ) throws -> TestProcess {
        var all = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("QSTORE_") && !$0.key.hasPrefix("QUEUED_")
        }
        all.merge(environment) { $1 }
        return try TestProcess(
            program,
            arguments,
            environment: all,
            directory: path,
            input: .file(input),
            mergesErrors: mergesErrors
        )
    }

    /// The built command, beside the tests.
    private static let binary: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("qstore").path
    }()
}

/// How a command ended.
package struct Outcome: Sendable {
    package let status: Int32
    package let output: Data
    package let errors: String
    /// The most memory that it had at once, in bytes.
    package let peakMemory: Int64

    package init(status: Int32 = -1, output: Data = Data(), errors: String = "", peakMemory: Int64 = 0) {
        (self.status, self.output, self.errors, self.peakMemory) = (status, output, errors, peakMemory)
    }

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// A command that runs while the test goes on; its output and its errors are one text.
package struct RunningCommand: Sendable {
    private let process: TestProcess

    package init(_ process: TestProcess) { self.process = process }

    /// What it said so far.
    package var text: String { process.said.text }

    /// Waits until it has said something; false if it ended without, or said something else that ends the matter.
    package func says(_ words: String, not others: String...) async -> Bool {
        await process.wait { said in
            let text = said.text
            if text.contains(words) { return true }
            return others.contains { text.contains($0) } ? false : nil
        } ?? false
    }

    /// Sends a signal.
    package func send(_ signal: Int32) { process.send(signal) }

    /// Waits for its end.
    package func status() async -> Int32 { await process.end().status ?? -1 }
}
