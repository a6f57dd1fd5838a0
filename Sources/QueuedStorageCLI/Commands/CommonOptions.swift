import ArgumentParser
import FoundationEssentials
import Logging
import QueuedStorageCore
import QueuedStorageIngest

/// What every command can be told about what it says.
struct OutputOptions: ParsableArguments {
    @Flag(name: [.short, .long], help: "Say nothing but results and errors.")
    var quiet = false

    @Option(
        help: ArgumentHelp("What to log: trace, debug, info, notice, warning, error or critical.", valueName: "level")
    )
    var logLevel: LogLevel?

    @Option(help: ArgumentHelp("How to log on the error stream: text, or json for machines.", valueName: "format"))
    var logFormat: ConsoleLogHandler.Format?

    /// Makes loggers and the console be as asked for.
    ///
    /// - Parameter environment: The environment variables, which fill in what the flags leave open.
    /// - Throws: ``CommandFailure`` if a variable can't be understood.
    func apply(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        if quiet { Console.shared.beQuiet() }
        let level = try logLevel?.level ?? variable("QSTORE_LOG_LEVEL", environment) { LogLevel(argument: $0)?.level }
        let format = try logFormat ?? variable("QSTORE_LOG_FORMAT", environment) { .init(rawValue: $0) }
        let standard: Logger.Level = quiet ? .error : .warning
        LoggingSystem.bootstrap {
            ConsoleLogHandler(label: $0, format: format ?? .text, level: level ?? standard)
        }
    }

    private func variable<Value>(
        _ name: String,
        _ environment: [String: String],
        _ parse: (String) -> Value?
    ) throws -> Value? {
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let value = parse(text) else {
            throw CommandFailure(.configuration, "the environment variable \(name) can't be \"\(Text.escaped(text))\"")
        }
        return value
    }
}

/// A level of the log, as a flag.
struct LogLevel: ExpressibleByArgument {
    let level: Logger.Level

    init?(argument: String) {
        guard let level = Logger.Level(rawValue: argument) else { return nil }
        self.level = level
    }

    static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }
}

extension ConsoleLogHandler.Format: ExpressibleByArgument {}
extension TaskName: ExpressibleByArgument {}

/// A file's state, as a flag.
struct StateArgument: ExpressibleByArgument {
    let state: FileState

    init?(argument: String) {
        guard let state = FileState(rawValue: argument) else { return nil }
        self.state = state
    }

    static var allValueStrings: [String] { FileState.allCases.map(\.rawValue) }
}

/// A span of time, as a flag.
struct SpanArgument: ExpressibleByArgument {
    let duration: Duration

    /// Reads a flag's value; an error says what is allowed.
    static func parse(_ text: String) throws -> Self {
        try allowed(Self(argument: text), "it is a time such as 90s, 10m or 1h30m, of 366 days at most")
    }

    init?(argument: String) {
        guard let duration = Duration(parsing: argument), duration <= .seconds(366 * 86_400) else { return nil }
        self.duration = duration
    }
}

/// A number of retries, as a flag.
struct RetriesArgument: ExpressibleByArgument {
    let retries: QueuedStorageOptions.Retries

    /// Reads a flag's value; an error says what is allowed.
    static func parse(_ text: String) throws -> Self {
        try allowed(Self(argument: text), "it is a whole number, or unlimited")
    }

    init?(argument: String) {
        if argument == "unlimited" {
            retries = .unlimited
        } else if let count = Int(argument), count >= 0 {
            retries = .count(count)
        } else {
            return nil
        }
    }
}

/// A number of workers, as a flag or an environment variable.
struct WorkersArgument: ExpressibleByArgument {
    static let help = ArgumentHelp(
        "How many transfers run at the same time; if it isn't said, 4, but up to 64 of small files to a directory.",
        valueName: "n"
    )

    let count: Int

    /// Reads a flag's value; an error says what is allowed.
    static func parse(_ text: String) throws -> Self {
        try allowed(Self(argument: text), "it is a whole number from 1 to 1024")
    }

    init?(argument: String) {
        guard let count = Int(argument), (1...1024).contains(count) else { return nil }
        self.count = count
    }
}

/// A flag's value that could be read, or an error that says what is allowed.
func allowed<Value>(_ value: Value?, _ sentence: String) throws -> Value {
    guard let value else { throw ValidationError(sentence) }
    return value
}

/// The alias that flags alone describe.
let defaultAlias = "default"
