import ArgumentParser
import Glibc
import QueuedStorageCore

/// `qstore get`.
struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read a file, wherever it is.",
        discussion: """
            A file on the way to its remote is read locally, one that is there from there. A destination appears whole or \
            not at all: what it held before stays until then.

            Examples:
              qstore get 2026/cat.jpg cat.jpg
              qstore get dumps/app.sql - | psql app
              qstore get 2026/cat.jpg downloads/
            """
    )

    @Argument(help: "The file's name.") var name: String
    @Argument(help: "A file or directory to write; - or nothing for the standard output.") var file = "-"
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
        let reader = try await storage.open(name)
        let bar = ProgressBar(name)
        defer { bar.end() }
        if file == "-" {
            try await copy(reader, bar) { try await Console.shared.write($0) }
        } else {
            let path = destination
            let destination = try await blocking { try DestinationFile(path) }
            do {
                try await copy(reader, bar) { bytes in try await blocking { try destination.write(bytes) } }
                try await blocking { try destination.publish() }
            } catch {
                destination.discard()
                throw error
            }
        }
    }

    private var destination: String {
        var status = stat()
        guard stat(file, &status) == 0, FileStatus(status).isDirectory else { return file }
        return FileName.append(FileName.split(name).base, to: file)
    }

    private func copy(
        _ reader: FileReader,
        _ bar: ProgressBar,
        _ write: @Sendable ([UInt8]) async throws -> Void
    ) async throws {
        var count: Int64 = 0
        let showsBar = (reader.size ?? .max) >= 4 << 20 && (file != "-" || !Console.shared.isOutputTerminal)
        for try await bytes in reader {
            try await write(bytes)
            count += Int64(bytes.count)
            if showsBar { bar.update(count, of: reader.size) }
        }
    }
}
