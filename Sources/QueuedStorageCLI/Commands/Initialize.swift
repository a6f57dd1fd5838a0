import ArgumentParser
import Glibc
import QueuedStorageCore

/// `qstore init`.
struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Write a commented configuration; never over an existing one.",
        discussion: """
            Example:
              qstore init && $EDITOR qstore.yaml && qstore config check
            """
    )

    @Argument(help: "The file to write.") var file = "qstore.yaml"
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let path = file
        try await blocking {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else {
                let isThere = errno == EEXIST
                let why =
                    isThere
                    ? "is there already, and stays as it is" : "can't be written: \(String(cString: strerror(errno)))"
                throw CommandFailure(.failure, "\"\(Text.escaped(path))\" \(why)")
            }
            let file = OpenFile(descriptor)
            try writeAll(Array(Template.text.utf8), to: file.descriptor)
            fsync(file.descriptor)
        }
        Console.shared.note(
            "wrote \(Text.escaped(path)); edit it, then: qstore config check --config \(Text.shellQuoted(path))"
        )
    }
}
