import Foundation
import Synchronization

/// A real server on this machine, started by a script of `Tests/Servers`, that ends with this process.
public final class TestServer: Sendable {
    /// A server that didn't start, or didn't obey.
    public struct Failure: Error, CustomStringConvertible {
        /// What went wrong.
        public let description: String
    }

    private let process: Process
    private let input: FileHandle
    private let answers: Answers
    private let facts: [String: String]

    /// The server of a name that all tests of this process share; started when the first one asks for it.
    public static func shared(_ name: String) async throws -> TestServer {
        let starting = running.withLock { running in
            if let known = running[name] { return known }
            let task = Task.detached { try await start(name) }
            running[name] = task
            return task
        }
        return try await starting.value
    }

    private static let running = Mutex<[String: Task<TestServer, any Error>]>([:])

    /// Starts a server of its own, for tests that stop it.
    public static func start(_ name: String) async throws -> TestServer {
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Servers").appendingPathComponent(name)
        return try await onThread { try TestServer(name, script) }
    }

    private init(_ name: String, _ script: URL) throws {
        let process = Process()
        process.executableURL = script
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        // Our copies of the script's ends would keep it from noticing our end, and us from noticing its.
        try? input.fileHandleForReading.close()
        try? output.fileHandleForWriting.close()
        self.process = process
        self.input = input.fileHandleForWriting
        answers = Answers(output.fileHandleForReading)
        guard let line = answers.next(),
            let facts = try? JSONDecoder().decode([String: String].self, from: Data(line.utf8))
        else {
            process.terminate()
            throw Failure(description: "the server \(name) didn't start; what it said stands above")
        }
        self.facts = facts
    }

    deinit {
        try? input.close()
    }

    /// What the script said of the server, such as `port`; empty if it said no such thing.
    public subscript(_ fact: String) -> String { facts[fact] ?? "" }

    /// The port where it listens.
    public var port: Int { Int(self["port"]) ?? 0 }

    /// Ends the server.
    public func stop() async throws { try await obey("stop") }
    /// Starts it again, on the same port and with the same files.
    public func startAgain() async throws { try await obey("start") }
    /// Lets it stand still: connections stay, nothing is answered.
    public func pause() async throws { try await obey("pause") }
    /// Lets it go on.
    public func resume() async throws { try await obey("resume") }
    /// Kills it.
    public func kill() async throws { try await obey("kill") }

    /// Gives the script a command of its own.
    public func obey(_ command: String) async throws {
        try await onThread { [self] in
            try input.write(contentsOf: Data((command + "\n").utf8))
            guard let answer = answers.next() else { throw Failure(description: "the server's script ended") }
            guard answer == "done" else { throw Failure(description: answer) }
        }
    }
}

/// The lines that a script writes.
private final class Answers: Sendable {
    private let handle: FileHandle
    private let rest = Mutex<[UInt8]>([])

    init(_ handle: FileHandle) { self.handle = handle }

    /// The next line, which it waits for; nil at the end.
    func next() -> String? {
        rest.withLock { rest in
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                    defer { rest.removeFirst(end + 1) }
                    return String(decoding: rest[..<end], as: UTF8.self)
                }
                let count = read(handle.fileDescriptor, &buffer, buffer.count)
                guard count > 0 else { return nil }
                rest += buffer[..<count]
            }
        }
    }
}

/// Runs what blocks on a thread of its own.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}
