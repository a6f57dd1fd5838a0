import ArgumentParser
import QueuedStorageCore

/// `qstore events`.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what befell files, and go on to if asked.",
        discussion: """
            Events are recorded in the database, by whichever process, and kept for a week; so none is missed that happened \
            while nobody listened. The last id that was seen is where to go on: --since ID.

            Examples:
              qstore events
              qstore events --follow --since now
              qstore events --follow --json | jq --unbuffered -r 'select(.type == "transferred") | .name'
            """
    )

    @OptionGroup var options: CatalogOptions
    @Flag(name: [.short, .long], help: "Go on with what happens from now on.") var follow = false
    @Option(
        help: ArgumentHelp("Only events after this one; now for none of the past.", valueName: "id|now"),
        transform: { try allowed(Beginning(argument: $0), "it is the number of an event, or now") }
    )
    var since: Beginning = .id(0)
    @Option(help: ArgumentHelp("Only events of a storage.", valueName: "alias")) var storage: String?
    @Flag(help: "Print one JSON object a line (event.schema.json).") var json = false
    @OptionGroup(title: "Output") var output: OutputOptions

    /// Where to begin.
    enum Beginning: ExpressibleByArgument {
        case id(Int64)
        case now

        init?(argument: String) {
            if argument == "now" {
                self = .now
            } else if let id = Int64(argument), id >= 0 {
                self = .id(id)
            } else {
                return nil
            }
        }

        var defaultValueDescription: String { "0" }
    }

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        var alias: String?
        if let storage { alias = try await session.alias(storage) }
        let changes = session.catalog.changes
        var last: Int64 =
            switch since {
            case .id(let id): id
            case .now: try await session.catalog.lastEventID()
            }
        try await printPages(session.catalog, after: &last, of: alias)
        guard follow else { return }
        for await _ in changes { try await printPages(session.catalog, after: &last, of: alias) }
    }

    private func printPages(_ catalog: any Catalog, after last: inout Int64, of alias: String?) async throws {
        while true {
            let page = try await catalog.events(after: last, limit: 500)
            guard let end = page.last else { return }
            last = end.id
            for event in page where alias == nil || event.storage == alias {
                Console.shared.line(json ? JSONValue.event(event).text : line(event))
            }
            try await Console.shared.flush()
        }
    }

    private func line(_ event: StorageEvent) -> String {
        var line = "\(Text.instant(event.at))  \(event.type.rawValue)  \(event.storage)  \(Text.escaped(event.name))"
        if let remoteName = event.remoteName, !remoteName.utf8.elementsEqual(event.name.utf8) {
            line += " (there: \(Text.escaped(remoteName)))"
        }
        if let error = event.error { line += ": \(Text.escaped(error))" }
        return line
    }
}
