import Foundation
import Synchronization
import Testing

/// A directory with an inbox, a local directory and a remote one, in which `qstore` runs as a process.
struct Sandbox: Sendable {
    let path: String

    /// Makes a sandbox, hands it over, and removes it.
    static func with(_ body: (Sandbox) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "qstore-cli-" + UUID().uuidString
        let sandbox = Sandbox(path: path)
        for directory in ["inbox", "local", "remote"] { try sandbox.makeDirectory(directory) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(sandbox)
    }

    /// The flags that describe its storage.
    let place = ["--local", "local", "--remote", "remote", "--database", "q.sqlite"]
    /// The flags for commands that only need the database.
    let database = ["--database", "q.sqlite"]

    // MARK: Files

    func makeDirectory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    func write(_ text: String, to name: String) throws { try write(Data(text.utf8), to: name) }

    func write(_ data: Data, to name: String) throws {
        try data.write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    func read(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    func text(_ name: String) throws -> String { String(decoding: try read(name), as: UTF8.self) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    func move(_ name: String, to other: String) throws {
        try FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: "\(path)/\(other)")
    }

    // MARK: Commands

    /// Runs `qstore` to its end.
    func run(_ arguments: [String], input: Data = Data(), environment: [String: String] = [:]) async throws -> Outcome {
        try await execute(Self.binary, arguments, input: input, environment: environment)
    }

    /// Runs a line of shell, in which `$Q` is `qstore`.
    func shell(_ line: String) async throws -> Outcome {
        try await execute("/bin/bash", ["-c", line], input: Data(), environment: ["Q": Self.binary])
    }

    /// Starts `qstore`, and goes on.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> RunningCommand {
        try RunningCommand(process(Self.binary, arguments, environment))
    }

    func execute(
        _ program: String,
        _ arguments: [String],
        input: Data,
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        let process = process(program, arguments, environment)
        // Files instead of pipes: nobody has to read while the process runs.
        let stem = "\(path)/.io-\(UUID().uuidString)"
        for suffix in ["in", "out", "err"] {
            try (suffix == "in" ? input : Data()).write(to: URL(fileURLWithPath: "\(stem).\(suffix)"))
        }
        process.standardInput = FileHandle(forReadingAtPath: "\(stem).in")
        process.standardOutput = FileHandle(forWritingAtPath: "\(stem).out")
        process.standardError = FileHandle(forWritingAtPath: "\(stem).err")
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        return Outcome(
            status: status,
            output: try Data(contentsOf: URL(fileURLWithPath: "\(stem).out")),
            errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: "\(stem).err")), as: UTF8.self)
        )
    }

    private func process(_ program: String, _ arguments: [String], _ environment: [String: String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: path)
        var all = ProcessInfo.processInfo.environment.filter {
            !$0.key.hasPrefix("QSTORE_") && !$0.key.hasPrefix("QUEUED_")
        }
        all.merge(environment) { $1 }
        process.environment = all
        return process
    }

    /// The built command, beside the tests.
    private static let binary: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("qstore").path
    }()
}

/// How a command ended.
struct Outcome: Sendable {
    let status: Int32
    let output: Data
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// A command that runs while the test goes on.
final class RunningCommand: Sendable {
    private struct State {
        var text = ""
        var status: Int32?
        var waiters: [(holds: @Sendable (String) -> Bool, continuation: CheckedContinuation<Bool, Never>)] = []
        var enders: [CheckedContinuation<Int32, Never>] = []
    }

    private let state = Mutex(State())
    let pid: Int32

    /// Starts a process; its output and its errors are one text.
    init(_ process: Process) throws {
        let pipe = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        pid = process.processIdentifier
        let reader = pipe.fileHandleForReading
        Thread.detachNewThread { [weak self] in
            while true {
                let data = reader.availableData
                if data.isEmpty { break }
                self?.add(String(decoding: data, as: UTF8.self))
            }
            process.waitUntilExit()
            self?.end(process.terminationStatus)
        }
    }

    /// What it said so far.
    var text: String { state.withLock { $0.text } }

    /// Waits until it has said something; false if it ended without.
    func says(_ words: String) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.text.contains(words) { return true }
                if state.status != nil { return false }
                state.waiters.append(({ $0.contains(words) }, continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    /// Sends a signal.
    func send(_ signal: Int32) { kill(pid, signal) }

    /// Waits for its end.
    func status() async -> Int32 {
        await withCheckedContinuation { continuation in
            let status: Int32? = state.withLock { state in
                if state.status == nil { state.enders.append(continuation) }
                return state.status
            }
            if let status { continuation.resume(returning: status) }
        }
    }

    private func add(_ text: String) {
        let ready = state.withLock { state in
            state.text += text
            let ready = state.waiters.filter { $0.holds(state.text) }
            state.waiters.removeAll { $0.holds(state.text) }
            return ready
        }
        for waiter in ready { waiter.continuation.resume(returning: true) }
    }

    private func end(_ status: Int32) {
        let (waiters, enders) = state.withLock { state in
            state.status = status
            defer { (state.waiters, state.enders) = ([], []) }
            return (state.waiters, state.enders)
        }
        for waiter in waiters { waiter.continuation.resume(returning: false) }
        for ender in enders { ender.resume(returning: status) }
    }
}
