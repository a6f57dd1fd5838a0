import ArgumentParser
import QueuedStorageCore

/// `qstore pause`.
struct Pause: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop the transfers of storages for a while.",
        discussion: """
            Files are saved and taken as before, and wait. What a worker is at, it ends.

            Example:
              qstore pause photos
            """
    )

    @Argument(help: "The aliases of storages.") var storages: [String]
    @OptionGroup var options: CatalogOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        for alias in storages { try await session.catalog.setPaused(true, storage: alias) }
    }
}

/// `qstore resume`.
struct Resume: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the transfers of storages go on.",
        discussion: """
            Example:
              qstore resume photos
            """
    )

    @Argument(help: "The aliases of storages.") var storages: [String]
    @OptionGroup var options: CatalogOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        for alias in storages { try await session.catalog.setPaused(false, storage: alias) }
    }
}
