import ArgumentParser
import QueuedStorageCore

/// `qstore drain`.
struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Wait until all that was saved before is on its remote.",
        discussion: """
            Exit code 0 only then; 1 if transfers of such files failed, 75 if the time was up before. Files that are delayed on purpose \
            don't count. The transfers are done by workers, which must run; this command says so if none does.

            Example:
              qstore drain --timeout 10m && umount /srv/media
            """
    )

    @Option(help: ArgumentHelp("The longest wait.", valueName: "time"), transform: SpanArgument.parse)
    var timeout: SpanArgument?
    @OptionGroup var options: CatalogOptions
    @Option(help: ArgumentHelp("Only this storage.", valueName: "alias")) var storage: String?
    @OptionGroup(title: "Output") var output: OutputOptions

    func run() async throws {
        try output.apply()
        let session = try await Session.catalog(options.declarations())
        let alias = try await storage == nil ? nil : session.alias(storage)
        let catalog = session.catalog
        let last = try await catalog.lastFileID()
        let isDrained: @Sendable () async throws -> Bool = { try await !catalog.hasTransfers(upTo: last, in: alias) }
        if try await !isDrained() {
            try await session.warnWithoutWorker()
            try await warnOfPauses(session, alias)
            let isDone = try await session.withProgress(aliases: alias.map { [$0] }) {
                try await session.waitForChanges(within: timeout?.duration, until: isDrained)
            }
            guard isDone else { throw try await timeUp(session, alias) }
        }
        let failed = try await catalog.failedTransfers(upTo: last, in: alias)
        guard failed == 0 else {
            throw CommandFailure(
                .failure,
                "\(Text.count(failed, "file")) failed and \(failed == 1 ? "is" : "are") only here: see qstore files --state failed"
            )
        }
    }

    private func warnOfPauses(_ session: Session, _ alias: String?) async throws {
        for storage in try await session.catalog.storages() where storage.isPaused {
            guard alias == nil || storage.alias == alias else { continue }
            Console.shared.note("the storage \"\(storage.alias)\" is paused: nothing of it moves until qstore resume")
        }
    }

    private func timeUp(_ session: Session, _ alias: String?) async throws -> CommandFailure {
        let counts = try await session.catalog.counts().filter { alias == nil || $0.alias == alias }
        let left = counts.reduce(0) { $0 + ($1.counts[.queued] ?? 0) + ($1.counts[.transferring] ?? 0) }
        let worker = try await session.hasWorker() ? "" : ", and no worker is alive"
        return CommandFailure(
            .temporary,
            "the time is up with \(Text.count(left, "file")) still to be transferred\(worker)"
        )
    }
}
