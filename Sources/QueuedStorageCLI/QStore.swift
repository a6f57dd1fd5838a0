import ArgumentParser
import CLinux
import Glibc

/// The command `qstore`.
struct QStore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qstore",
        abstract: "Drop a file here, and it will be safe over there.",
        discussion: """
            What is saved lands in a local directory at once; a durable background transfer brings it to a remote, and \
            verifies it there. Whatever happens meanwhile, a file is in one of both places, whole.

            The shortest way:
              qstore watch inbox --local media --remote /mnt/archive --database q.sqlite

            For more than one storage or drop folder:
              qstore init            # writes a commented qstore.yaml
              qstore config check
              qstore run

            Exit codes: 0 fine, 1 something failed, 2 wrong use, 3 configuration, 75 temporary: try again later.
            Environment: QSTORE_CONFIG, QSTORE_DATABASE, QSTORE_WORKERS, QSTORE_LOG_LEVEL, QSTORE_LOG_FORMAT win over the \
            configuration, flags win over them. QUEUED_STORAGE_RETRIES and QUEUED_STORAGE_RETRY_DELAY fill in what a \
            storage leaves open.
            """,
        version: "0.1.0",
        groupedSubcommands: [
            CommandGroup(name: "Run", subcommands: [Watch.self, Run.self, Work.self]),
            CommandGroup(name: "Files", subcommands: [Save.self, Get.self, Remove.self, Address.self, List.self]),
            CommandGroup(
                name: "Look",
                subcommands: [Status.self, Files.self, Events.self, QuarantineCommand.self]
            ),
            CommandGroup(
                name: "Transfers",
                subcommands: [TransferCommand.self, Retry.self, Cancel.self, Pause.self, Resume.self, Drain.self]
            ),
            CommandGroup(name: "Configuration", subcommands: [Initialize.self, Config.self]),
        ]
    )
}

@main
struct Main {
    static func main() async {
        // A reader that goes away, as head does, is an error of the write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // Parts of files go back to the kernel when they were sent; else memory would grow with the file.
        clinux_return_blocks(1 << 20)
        // libmongoc counts in shared memory of that name from its loading on, for a tool of its own. What a killed process
        // left there would make a later one of the same number complain.
        shm_unlink("/mongoc-\(getpid())")
        do {
            try refuseForeignText()
            let command = try QStore.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                var command = command
                try command.run()
            }
            try await Console.shared.flush()
        } catch {
            exit(await status(of: error).rawValue)
        }
    }

    /// Refuses arguments that are no UTF-8: they would come with other characters in them, and name something else.
    private static func refuseForeignText() throws {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let bytes = CommandLine.unsafeArgv[index], String(validatingCString: bytes) == nil else { continue }
            throw CommandFailure(
                .usage,
                "\"\(Text.escaped(String(cString: bytes)))\" isn't UTF-8 text, as names must be: choose another name"
            )
        }
    }

    /// Tells the user of an error, and says what to end with.
    private static func status(of error: any Error) async -> ExitStatus {
        if error is OutputClosed { return .success }
        let code = QStore.exitCode(for: error)
        if code == .success {
            Console.shared.line(QStore.fullMessage(for: error))
        }
        do {
            try await Console.shared.flush()
        } catch is OutputClosed {
            return .success
        } catch {
            Console.shared.complain("qstore: the result could not be written: \(error)")
            return .failure
        }
        if code == .success { return .success }
        if code == .validationFailure {
            Console.shared.complain("qstore: \(usageLine(error))")
            return .usage
        }
        let failure = CommandFailure(error)
        if let message = failure.message { Console.shared.complain("qstore: \(oneLine(message))") }
        return failure.status
    }

    /// What ArgumentParser has against the arguments, and where to read more, on one line.
    private static func usageLine(_ error: any Error) -> String {
        let message = oneLine(QStore.message(for: error))
        let advice = QStore.fullMessage(for: error).split(separator: "\n").last { $0.contains(" See '") }
        guard let start = advice?.firstIndex(of: "'"), let end = advice?.lastIndex(of: "'"), start < end, let advice
        else {
            return message
        }
        let period = message.hasSuffix(".") || message.hasSuffix("?") ? "" : "."
        return "\(message)\(period) See: \(advice[advice.index(after: start)..<end])"
    }

    private static func oneLine(_ message: String) -> String {
        message.split(whereSeparator: \.isNewline).map { line in
            var line = line
            while line.first == " " { line.removeFirst() }
            return String(line)
        }.joined(separator: " ")
    }
}
