import ArgumentParser
import Glibc
import QueuedStorageCore

/// `qstore save`.
struct Save: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Save a file, and queue its transfer.",
        discussion: """
            When this command returns, the bytes are safe on the local disk and the transfer is committed; neither a worker \
            nor the remote need be up. The name that the file really got is printed: if the wanted one is taken, another \
            one is made of it, unless --replace is given.

            Examples:
              qstore save 2026/cat.jpg cat.jpg
              pg_dump app | qstore save dumps/app.sql
              name=$(qstore save 2026/cat.jpg cat.jpg)
            """
    )

    @Argument(help: "The name to save under.") var name: String
    @Argument(help: "The file; - or nothing for the standard input.") var file = "-"
    @Flag(help: "Replace the file that has the name.") var replace = false
    @Flag(help: "Print a JSON object (save.schema.json).") var json = false
    @OptionGroup var options: StorageOptions
    @Option(help: ArgumentHelp("The storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Instead of a configuration, what becomes of the file") var saving: SavingFlags
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let declarations = try options.declarations(saving.options())
        let source = try await blocking { [file] in try Source(file) }
        let session = try await Session.storages(declarations, creates: true, acceptingMove: options.moved)
        let storage = try await session.storage(storage)
        let bar = ProgressBar(name)
        let content = source.content(bar)
        let saved: String
        do {
            saved = try await storage.save(name, content, options: StoreOptions(replaces: replace))
            // The row may forget where the bytes were: it is durable where they are.
            try await storage.settle()
        } catch let error as SystemError {
            bar.end()
            throw CommandFailure(.failure, "\"\(Text.escaped(file))\" can't be read: \(error)")
        } catch {
            bar.end()
            throw error
        }
        bar.end()
        if json {
            let size = try await session.catalog.file(saved, in: storage.alias)?.size
            Console.shared.line(
                JSONValue.object([
                    ("storage", .string(storage.alias)), ("name", .string(saved)), ("size", .number(size)),
                ]).text
            )
        } else {
            Console.shared.line(Text.escaped(saved))
        }
    }

    /// What is to be saved.
    private struct Source: Sendable {
        /// Files from this size on are copied with a progress bar, where one can be seen.
        static let largeSize: Int64 = 64 << 20

        let path: String
        let file: OpenFile
        let status: FileStatus

        init(_ path: String) throws {
            self.path = path
            let descriptor =
                path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw CommandFailure(
                    .failure,
                    "\"\(Text.escaped(path))\" can't be read: \(String(cString: strerror(errno)))"
                )
            }
            file = OpenFile(descriptor)
            status = try file.status()
            if status.isDirectory {
                throw CommandFailure(.failure, "\"\(Text.escaped(path))\" is a directory; save its files one by one")
            }
            if path == "-", isatty(STDIN_FILENO) == 1 {
                Console.shared.note("reading from the terminal; Ctrl-D ends the file")
            }
        }

        func content(_ bar: ProgressBar) -> FileContent {
            let isFile = path != "-" && status.isRegularFile
            // Copying by the kernel shows no progress, but may share blocks instead of copying them.
            if isFile, status.size < Self.largeSize || !Console.shared.showsBars {
                return FileContent(.open(file))
            }
            let size = isFile ? status.size : nil
            return FileContent(.stream(FileReader(reading: file, size: size) { bar.update($0, of: size) }))
        }
    }
}
