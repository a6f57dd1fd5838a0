import Foundation
import Synchronization

/// A real server on this machine, started by a script of `Tests/Servers`, that ends with this process.
public final class TestServer: Sendable {
    /// A server that didn't start, or didn't obey.
    public struct Failure: Error, CustomStringConvertible {
        /// What went wrong.
        public let description: String
    }

    private let process: TestProcess
    private let facts: [String: String]
    /// How many lines the script was asked for, the one with the facts included.
    private let asked = Mutex(1)

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
        let process = try TestProcess(script.path, end: .byItself)
        let line = await process.wait { $0.lines.first }
        guard let line, let facts = try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)) else {
            let errors = String(decoding: process.said.errors, as: UTF8.self)
            throw Failure(description: "the server \(name) didn't start: \(errors)")
        }
        return TestServer(process, facts)
    }

    private init(_ process: TestProcess, _ facts: [String: String]) {
        (self.process, self.facts) = (process, facts)
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
        let index = asked.withLock { asked in
            process.write(command + "\n")
            defer { asked += 1 }
            return asked
        }
        let answer = await process.wait { $0.lines.count > index ? $0.lines[index] : nil }
        guard let answer else {
            throw Failure(description: "the server's script ended before it did \(command): \(process.said.ending)")
        }
        guard answer == "done" else { throw Failure(description: answer) }
    }
}
