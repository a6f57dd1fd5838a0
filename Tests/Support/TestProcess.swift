public import Foundation
import Glibc
import Synchronization

/// A program that a test runs, and that ends with the test.
///
/// It is killed, with all that it started in its process group, when nobody holds it any more, however the test ended; and
/// by the kernel if the process of the tests dies. One that has to clean up ends by itself instead, when its input does.
/// It has no output in common with the tests, so that what is left of it keeps nobody waiting for their end.
public final class TestProcess: Sendable {
    /// What a program reads as its standard input.
    public enum Input: Sendable {
        /// What is written by ``write(_:)``; it ends with the test.
        case pipe
        /// A file, by its path; `/dev/null` for nothing.
        case file(String)
    }

    /// What becomes of a program when its test ends.
    public enum End: Sendable {
        /// It is killed.
        case killed
        /// Its standard input ends, and that is its reason to end.
        case byItself
    }

    /// The number of the process.
    public let id: Int32
    private let run: ProcessRun
    private let input: Int32
    private let end: End

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - program: Its path.
    ///   - arguments: Its arguments.
    ///   - environment: Its whole environment; nil for that of the tests.
    ///   - directory: Where it runs; nil for where the tests do.
    ///   - input: What it reads.
    ///   - mergesErrors: Whether its errors are part of its output.
    ///   - end: What becomes of it when the test ends.
    /// - Throws: Why it can't be started.
    public init(
        _ program: String,
        _ arguments: [String] = [],
        environment: [String: String]? = nil,
        directory: String? = nil,
        input: Input = .pipe,
        mergesErrors: Bool = false,
        end: End = .killed
    ) throws {
        guard access(program, X_OK) == 0 else { throw ProcessFailure("run \"\(program)\"", errno) }
        // Who writes to a program that is dead is told so by an error.
        signal(SIGPIPE, SIG_IGN)
        let source: PipeEnds
        switch input {
        case .pipe: source = try PipeEnds()
        case .file(let path): source = try PipeEnds(reading: path)
        }
        let guardian = end == .killed ? ["/usr/bin/setpriv", "--pdeathsig", "KILL"] : []
        let command = ProcessCommand(
            arguments: guardian + [program] + arguments,
            environment: environment ?? ProcessInfo.processInfo.environment,
            directory: directory,
            input: source.reading
        )
        let run = ProcessRun()
        do {
            id = try run.start(command, mergesErrors: mergesErrors)
        } catch {
            source.close()
            throw error
        }
        close(source.reading)
        self.run = run
        self.input = source.writing
        self.end = end
    }

    deinit {
        if end == .killed { run.signal(SIGKILL, wholeGroup: true) }
        if input >= 0 { close(input) }
    }

    /// What it said so far, and how it ended.
    public var said: ProcessOutput { run.output.withLock { $0 } }

    /// Writes to its standard input.
    public func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(0, count))
        }
    }

    /// Sends it a signal, if it still runs.
    public func send(_ signal: Int32) { run.signal(signal, wholeGroup: false) }

    /// Waits for what it says.
    ///
    /// A test that is cancelled, because it took too long, waits no further: the program is killed.
    ///
    /// - Parameter look: Is asked whenever it said more or ended; an answer ends the wait. Once it has ended, the wait
    ///   does too.
    /// - Returns: The answer; nil if it ended without.
    public func wait<Answer: Sendable>(
        for look: @escaping @Sendable (ProcessOutput) -> Answer?
    ) async -> Answer? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                run.ask { output in
                    if let answer = look(output) {
                        continuation.resume(returning: answer)
                    } else if output.status != nil {
                        continuation.resume(returning: nil)
                    } else {
                        return false
                    }
                    return true
                }
            }
        } onCancel: {
            run.signal(SIGKILL, wholeGroup: true)
        }
    }

    /// Waits for its end.
    ///
    /// - Returns: What it said, and how it ended.
    public func end() async -> ProcessOutput {
        await wait { $0.status == nil ? nil : $0 } ?? said
    }
}

/// What a program said, and how it ended.
public struct ProcessOutput: Sendable {
    /// What it wrote to its standard output.
    public internal(set) var output = Data()
    /// What it wrote to its standard error; nothing if both are one.
    public internal(set) var errors = Data()
    /// Its exit status, or the number of the signal that killed it; nil as long as it may say more.
    public internal(set) var status: Int32?
    /// The most memory that it had at once, in bytes; 0 before its end.
    ///
    /// It is at least what the tests had when it was started.
    public internal(set) var peakMemory: Int64 = 0

    /// Its output as text.
    public var text: String { String(decoding: output, as: UTF8.self) }

    /// The whole lines of its output.
    public var lines: [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { String($0) }
    }

    /// The last of what it said and complained of, for who wants to know why it did not do what it should.
    public var ending: String {
        let ended = status.map { "ended with \($0)" } ?? "still runs"
        let lines = [output, errors].flatMap { String(decoding: $0, as: UTF8.self).split(separator: "\n").suffix(5) }
        return ([ended] + lines.map { String($0) }).joined(separator: "\n")
    }
}

/// Why a program can't be run.
struct ProcessFailure: Error, CustomStringConvertible {
    let description: String

    init(_ act: String, _ number: Int32) { description = "can't \(act): \(String(cString: strerror(number)))" }
}
