import Foundation
import Glibc
import QueuedStorageCore

/// A process whose output is read by the line, or thrown away.
final class Child: Sendable {
    struct Failure: Error, CustomStringConvertible { let description: String }

    let id: pid_t
    private let output: CInt

    /// Starts it.
    ///
    /// - Parameters:
    ///   - executable: Its path.
    ///   - arguments: Its arguments.
    ///   - isQuiet: Whether its output is thrown away: in a pipe that nobody reads, it would stand still some day.
    /// - Throws: If it can't be started.
    init(_ executable: String, _ arguments: [String], isQuiet: Bool = false) throws {
        var ends: [CInt] = [0, 0]
        guard pipe(&ends) == 0 else { throw BareCalls.Failure("pipe") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        if isQuiet {
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        } else {
            posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        }
        defer { posix_spawn_file_actions_destroy(&actions) }
        let argv = ([executable] + arguments).map { strdup($0) }
        defer { for argument in argv { free(argument) } }
        var id = pid_t()
        let error = posix_spawnp(&id, executable, &actions, nil, argv + [nil], environ)
        close(ends[1])
        guard error == 0 else {
            close(ends[0])
            throw Failure(description: "\(executable): \(String(cString: strerror(error)))")
        }
        (self.id, output) = (id, ends[0])
    }

    deinit { close(output) }

    /// Runs a program to its end.
    static func run(_ executable: String, _ arguments: [String]) throws {
        let status = try Child(executable, arguments, isQuiet: true).wait()
        guard status == 0 else { throw Failure(description: "\(executable) ended with \(status)") }
    }

    /// The path of a program that the shell would find; nil if there is none.
    static func executable(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// The next line of its output.
    func line() async throws -> String {
        try await blocking { [output] in
            var bytes: [UInt8] = []
            var byte: UInt8 = 0
            while read(output, &byte, 1) == 1, byte != UInt8(ascii: "\n") { bytes.append(byte) }
            guard byte == UInt8(ascii: "\n") else { throw Failure(description: "the other process ended") }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Asks it to end, and waits until it has.
    ///
    /// - Returns: Its exit status; negative if a signal ended it.
    @discardableResult
    func stop() -> Int {
        kill(id, SIGTERM)
        return wait()
    }

    /// Waits until it has ended.
    ///
    /// - Returns: Its exit status; negative if a signal ended it.
    @discardableResult
    func wait() -> Int {
        var status: CInt = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? Int(status >> 8) & 0xff : -Int(status & 0x7f)
    }

    /// The processor time that it has used, in seconds, and how often each thread that it has now has woken up.
    var usage: (seconds: Double, wakeUps: [String: Int]) {
        let text = (try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)) ?? ""
        // What stands before the last parenthesis is the program's name; user and system time are fields 14 and 15.
        let fields = (text.split(separator: ")").last ?? "").split(separator: " ")
        let ticks = fields.count > 12 ? (Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0) : 0
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/task")) ?? []
        let wakeUps = threads.map { thread -> (String, Int) in
            let status = (try? String(contentsOfFile: "/proc/\(id)/task/\(thread)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") } ?? ""
            return (thread, line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0)
        }
        return (ticks / Double(sysconf(CInt(_SC_CLK_TCK))), Dictionary(uniqueKeysWithValues: wakeUps))
    }

    /// The most memory that it has had so far, in bytes.
    var peakMemory: Int {
        let text = (try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
        return (line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0) << 10
    }
}
