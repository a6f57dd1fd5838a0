import ArgumentParser
import QueuedStorageCore

/// `qstore ls`.
struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List the names of files.",
        discussion: """
            Lists all names below a directory, sorted by bytes. Odd characters are escaped; --json and --null have the \
            names exactly as they are.

            Examples:
              qstore ls 2026
              qstore ls --null | xargs -0 -n1 echo
            """
    )

    @Argument(help: "A directory; all files if left out.") var prefix = ""
    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @Flag(help: "Print one JSON object a line (ls.schema.json).") var json = false
    @Flag(name: [.customShort("0"), .long], help: "Print names exactly, each followed by a NUL byte.") var null = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if json, null { throw ValidationError("--json and --null exclude each other") }
    }

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        let alias = try await session.alias(storage)
        var directory = prefix
        while directory.hasSuffix("/") { directory.removeLast() }
        var last: String?
        while true {
            let page = try await session.catalog.names(in: alias, below: directory, after: last, limit: 1000)
            guard let end = page.last else { break }
            last = end
            for name in page {
                if json {
                    Console.shared.line(JSONValue.object([("storage", .string(alias)), ("name", .string(name))]).text)
                } else if null {
                    Console.shared.add(Array(name.utf8) + [0])
                } else {
                    Console.shared.line(Text.escaped(name))
                }
            }
            try await Console.shared.flush()
        }
    }
}
