import ArgumentParser

/// Attacks the real `qstore` by its own system calls, and checks what is left.
@main
struct Evidence: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qstore-evidence",
        abstract: "Stop qstore dead at every step, let its calls fail, and check that no file is lost.",
        discussion: """
            Each program runs the real qstore, with a library between it and the kernel that counts every call which changes \
            a file, a directory or the database. The exit code is 1 if a promise was broken; what was broken is printed with \
            the command that repeats it alone.
            """,
        subcommands: [
            CrashCommand.self, FaultsCommand.self, PowerLossCommand.self, SimCommand.self, FireCommand.self,
            SaveModel.self,
        ]
    )
}
