import ArgumentParser
import FoundationEssentials
import QueuedStorageCore

/// `qstore retry`.
struct Retry: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Try failed transfers again, now.",
        discussion: """
            Transfers that wait for their next attempt are made due at once, too.

            Examples:
              qstore retry --failed
              qstore retry 2026/cat.jpg
            """
    )

    @Argument(help: "The names of files.") var names: [String] = []
    @Flag(help: "Retry all that failed.") var failed = false
    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func validate() throws {
        if failed == !names.isEmpty { throw ValidationError("say which files: their names, or --failed") }
    }

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        let catalog = session.catalog
        guard !failed else {
            let alias = try await storage == nil ? nil : session.alias(storage)
            let files = try await session.files(in: .failed, of: alias)
            for file in files {
                _ = try await catalog.queueTransfer(file.name, in: file.storage, task: nil, dueAt: Date())
            }
            return Console.shared.note("queued \(Text.count(files.count, "file"))")
        }
        let alias = try await session.alias(storage)
        var failures = 0
        for name in names {
            let why: String?
            switch try await catalog.file(name, in: alias)?.state {
            case .failed, .queued:
                _ = try await catalog.queueTransfer(name, in: alias, task: nil, dueAt: Date())
                why = nil
            case .local: why = "no transfer is queued; use qstore transfer"
            case let state?: why = "it is \(state.rawValue): there is nothing to retry"
            case nil: why = "the storage \"\(alias)\" has no such file"
            }
            if let why {
                Console.shared.complain("qstore: \"\(Text.escaped(name))\": \(why)")
                failures += 1
            } else {
                Console.shared.note("queued \(Text.escaped(name))")
            }
        }
        if failures > 0 { throw CommandFailure(.failure, nil) }
    }
}
