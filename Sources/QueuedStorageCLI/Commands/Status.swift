import ArgumentParser
import FoundationEssentials
import QueuedStorageCore
import QueuedStorageIngest

/// `qstore status`.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show where everything stands.",
        discussion: """
            Files are local (saved, no transfer wanted), queued, transferring, remote (there, verified), failed (given up: \
            see qstore files --state failed), or deleting (until the last copy is gone).

            Examples:
              qstore status
              qstore status --json --database qstore.sqlite | jq .storages
            """
    )

    @OptionGroup var options: CatalogOptions
    @Flag(help: "Print one JSON object (status.schema.json).") var json = false
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        let counts = try await session.allCounts()
        let quarantined = try await session.quarantinedCount()
        if json {
            Console.shared.line(JSONValue.status(counts, quarantined: quarantined).text)
        } else {
            for line in table(counts).lines { Console.shared.line(line) }
            try await tellMore(session, counts, quarantined: quarantined)
        }
        try await Console.shared.flush()
    }

    private func table(_ counts: [StorageCounts]) -> Table {
        var table = Table(
            [("STORAGE", .left)] + FileState.allCases.map { ($0.rawValue.uppercased(), .right) } + [("BYTES", .right)]
        )
        for storage in counts {
            let bytes = storage.bytes.values.reduce(0, +)
            table.add(
                [storage.alias] + FileState.allCases.map { "\(storage.counts[$0] ?? 0)" } + [Text.byteCount(bytes)]
            )
        }
        return table
    }

    private func tellMore(_ session: Session, _ counts: [StorageCounts], quarantined: Int) async throws {
        let console = Console.shared
        for storage in try await session.catalog.storages() where storage.isPaused {
            console.line("paused: \(storage.alias) (go on: qstore resume \(storage.alias))")
        }
        let tasks = try await session.knownTasks()
        for jobs in try await session.catalog.unclaimable(tasks: tasks) {
            let why =
                tasks[jobs.storage] == nil ? "the storage isn't declared here" : "no worker of qstore knows the task"
            console.line(
                "nobody takes \(Text.count(jobs.count, "job")) of \(jobs.storage) with the task \(jobs.task): \(why)"
            )
        }
        let failed = counts.reduce(0) { $0 + ($1.counts[.failed] ?? 0) }
        if failed > 0 { console.line("failed: \(Text.count(failed, "file")) (why: qstore files --state failed)") }
        if quarantined > 0 {
            console.line("quarantined: \(Text.count(quarantined, "file")) (why: qstore quarantine ls)")
        }
        let isAlive = try await session.hasWorker()
        console.line(isAlive ? "worker: alive" : "worker: none is alive (start one: qstore worker)")
        guard let dueAt = try await session.catalog.nextDueAt(storages: Array(tasks.keys), tasks: tasks) else {
            return console.line("next: nothing is due")
        }
        let seconds = dueAt.timeIntervalSinceNow
        console.line(seconds <= 0 ? "next: due now" : "next: due in \(Text.span(seconds)), at \(Text.instant(dueAt))")
    }
}

extension Session {
    /// What each storage has, also the ones that have nothing, by alias.
    func allCounts() async throws -> [StorageCounts] {
        let known = try await catalog.storages().map(\.alias)
        let counts = try await catalog.counts()
        return Set(known + declarations.storages.map(\.alias)).sorted().map { alias in
            counts.first { $0.alias == alias } ?? StorageCounts(alias: alias, counts: [:], bytes: [:])
        }
    }

    /// How many files lie in the quarantines of all known drop folders; one that is away counts as empty.
    func quarantinedCount() async throws -> Int {
        var count = 0
        for folder in try await catalog.dropFolders() {
            do {
                count += try await Quarantine(inbox: folder.path).files().count
            } catch {
                Console.shared.note(
                    "qstore: the quarantine of \"\(Text.escaped(folder.path))\" isn't counted: \(error)"
                )
            }
        }
        return count
    }
}
