import ArgumentParser
import QueuedStorageCore

/// `qstore files`.
struct Files: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List files with their states.",
        discussion: """
            Examples:
              qstore files --state failed
              qstore files --json | jq -r 'select(.attempts > 0) | [.name, .error] | @tsv'
            """
    )

    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("Only files in a state.", valueName: "state")) var state: StateArgument?
    @Option(help: ArgumentHelp("Only files of a storage.", valueName: "alias")) var storage: String?
    @Flag(help: "Print one JSON object a line (files.schema.json).") var json = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        var alias: String?
        if let storage { alias = try await session.alias(storage) }
        var query = FileQuery(storage: alias, state: state?.state)
        var isFirst = true
        while true {
            let page = try await session.catalog.files(query)
            guard let last = page.last else { break }
            query.after = last.id
            // Each page is a table of its own, so that a million files need no memory.
            if json {
                for file in page { Console.shared.line(JSONValue.file(file).text) }
            } else {
                for line in table(page).lines.dropFirst(isFirst ? 0 : 1) { Console.shared.line(line) }
            }
            isFirst = false
            try await Console.shared.flush()
        }
    }

    private func table(_ files: [StoredFile]) -> Table {
        var table = Table([("STORAGE", .left), ("STATE", .left), ("SIZE", .right), ("NAME", .left)])
        for file in files {
            var name = Text.escaped(file.name)
            if let remoteName = file.remoteName, !remoteName.utf8.elementsEqual(file.name.utf8) {
                name += " (there: \(Text.escaped(remoteName)))"
            }
            if let error = file.error { name += "  \(file.attempts)×: \(Text.escaped(error))" }
            table.add([file.storage, file.state.rawValue, Text.byteCount(file.size), name])
        }
        return table
    }
}
