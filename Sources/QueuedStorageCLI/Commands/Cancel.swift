import ArgumentParser
import QueuedStorageCore

/// `qstore cancel`.
struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cancel the transfers of files; they stay, locally.",
        discussion: """
            A later qstore transfer brings them to the remote all the same.

            Example:
              qstore cancel 2026/cat.jpg
            """
    )

    @Argument(help: "The names of files.") var names: [String]
    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        let alias = try await session.alias(storage)
        var failures = 0
        for name in names {
            if try await session.catalog.cancelTransfer(name, in: alias) {
                Console.shared.note("cancelled \(Text.escaped(name))")
            } else {
                let file = try await session.catalog.file(name, in: alias)
                let why =
                    file.map { "it is \($0.state.rawValue): there is no transfer to cancel" } ?? "there is no such file"
                Console.shared.complain("qstore: \"\(Text.escaped(name))\": \(why)")
                failures += 1
            }
        }
        if failures > 0 { throw CommandFailure(.failure, nil) }
    }
}
