import ArgumentParser
import QueuedStorageCore

/// `qstore url`.
struct Address: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "url",
        abstract: "Print the address under which a file can be reached now.",
        discussion: """
            It is an address of the remote once the file is there, and a local one before. Directories without a base URL \
            have file:// addresses.

            Example:
              qstore url 2026/cat.jpg
            """
    )

    @Argument(help: "The file's name.") var name: String
    @OptionGroup var options: StorageOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.storages(
            options.declarations(),
            creates: false,
            acceptingMove: options.moved
        )
        let storage = try await session.storage(storage)
        guard try await storage.exists(name) else {
            throw CommandFailure(.failure, "the storage \"\(storage.alias)\" has no file \"\(Text.escaped(name))\"")
        }
        Console.shared.line(try await storage.url(name))
    }
}
