import Foundation
import QueuedStorageCore
import Synchronization

/// One run: the writers, the processes, the chaos, the end and the check.
struct Fire {
    let command: FireCommand
    let ground: Ground
    let contents: Contents
    let ledger: DropLedger
    private let begin = ContinuousClock.now

    init(_ command: FireCommand, _ ground: Ground) {
        (self.command, self.ground) = (command, ground)
        contents = Contents(seed: command.seed)
        ledger = DropLedger(planned: command.files)
    }

    /// - Returns: Whether all is as it must be.
    func run() async throws -> Bool {
        // Makes the database, and says what a drop folder that is empty says.
        for inbox in ground.inboxes { _ = try await ground.succeed(["watch", inbox, "--once"] + ground.storageFlags) }
        let feed = try Feed(ground)
        let fleet = Fleet(ground, watchers: command.watchers, workers: command.workers)
        let (stalls, late) = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            defer { group.cancelAll() }
            do { return try await fight(fleet, feed) } catch {
                await fleet.killAll()
                throw error
            }
        }
        for inbox in ground.inboxes { _ = try await ground.succeed(["watch", inbox, "--once"] + ground.storageFlags) }
        _ = try await ground.succeed(["worker", "--once"] + ground.storageFlags)
        if let spoiling = command.spoil { try spoil(spoiling) }
        var result = try await FireChecker(ground: ground, contents: contents, entries: ledger.entries).check()
        result.wrong += await fleet.failures
        if late > 0 { result.wrong.append("\(late) files were noticed by nobody until the folder was looked through") }
        let overflows = await fleet.overflows
        if stalls > 0, overflows == 0 { result.wrong.append("no watcher noticed that events were lost") }
        await tell(result, fleet, stalls: stalls, overflows: overflows)
        complain(result, feed)
        return result.isFine
    }

    /// Lets writers, watchers and workers run, until all is transferred.
    ///
    /// - Returns: How often the watchers were stopped, and how many files weren't there when nothing happened any more.
    private func fight(_ fleet: Fleet, _ feed: Feed) async throws -> (stalls: Int, late: Int) {
        try await fleet.start(Array(await fleet.members.indices))
        let chaos = Chaos(
            ground: ground,
            fleet: fleet,
            feed: feed,
            ledger: ledger,
            contents: contents,
            seed: command.seed,
            files: command.files,
            stalls: command.stalls,
            calm: .seconds(command.calm)
        )
        async let stalls = chaos.run()
        do { try await drop(feed) } catch {
            // What the chaos found says more, if it found anything.
            ledger.isOver = true
            throw error
        }
        ledger.isOver = true
        let stallCount = try await stalls
        let count = ledger.count
        let isThere = await feed.wait(patience: .seconds(150)) { $0.transferred >= count }
        let late = isThere ? 0 : count - feed.counts.transferred
        await fleet.stop()
        return (stallCount, late)
    }

    /// Lets the writers drop the files of the plan, each writer one batch at a time.
    private func drop(_ feed: Feed) async throws {
        let skipped: Set<Writer> = ground.across == nil ? [.movedAcross] : []
        let batches = Plan.batches(files: command.files, seed: command.seed, without: skipped)
        let queue = BatchQueue(batches)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<command.lanes {
                group.addTask { [self] in
                    while let batch = queue.next() {
                        let hasRoom = await feed.wait(patience: .seconds(150)) { counts in
                            ledger.isStalled || ledger.count - counts.taken < command.backlog
                        }
                        guard hasRoom else { throw EvidenceError("nothing is taken any more") }
                        try await Writing(batch: batch, ground: ground, contents: contents, ledger: ledger).run()
                        tellProgress(of: batch, feed)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func tellProgress(of batch: DropBatch, _ feed: Feed) {
        let tenth = max(1, command.files / 10)
        guard command.files >= 10_000, batch.files.lowerBound / tenth != batch.files.upperBound / tenth else { return }
        let seconds = Int((ContinuousClock.now - begin) / .seconds(1))
        say(
            "  \(seconds) s: \(ledger.count) dropped, \(feed.counts.taken) taken, \(feed.counts.transferred) transferred"
        )
    }

    /// Spoils what the check looks at.
    private func spoil(_ spoiling: FireCommand.Spoiling) throws {
        guard let name = try FireChecker.files(below: ground.remote).sorted().first else {
            throw EvidenceError("there is nothing to spoil")
        }
        let path = "\(ground.remote)/\(name)"
        switch spoiling {
        case .lost: try FileManager.default.removeItem(atPath: path)
        case .twice: try FileManager.default.copyItem(atPath: path, toPath: path + "-2")
        case .half: truncate(path, 100)
        }
    }

    // MARK: What is printed

    private func tell(_ result: FireChecker.Result, _ fleet: Fleet, stalls: Int, overflows: Int) async {
        var counts: [Writer: Int] = [:]
        let entries = ledger.entries
        for entry in entries.values { counts[entry.writer, default: 0] += 1 }
        var rows = Writer.allCases.compactMap { writer in counts[writer].map { (writer.rawValue, $0) } }
        rows += [
            ("files in all", entries.count),
            ("watchers killed", await fleet.watcherKills), ("workers killed", await fleet.workerKills),
            ("watchers kept out", await fleet.refusals),
            ("watchers stopped", stalls), ("overflows noticed", overflows),
            ("open files aside for a moment", ledger.absences),
            ("taken before mv looked again", ledger.hastes),
            ("lost", result.lost.count), ("twice", result.twice.count), ("half", result.half.count),
            ("otherwise wrong", result.wrong.count),
            ("seconds", Int((ContinuousClock.now - begin) / .seconds(1))),
        ]
        say("seed \(command.seed), \(command.watchers) watching \(command.folders), \(command.workers) working besides")
        for (name, count) in rows {
            let number = String(count)
            say("  \(name.padding(to: 32))\(String(repeating: " ", count: max(0, 9 - number.count)))\(number)")
        }
        for (warning, count) in await fleet.warnings.sorted(by: { $0.value > $1.value }).prefix(20) {
            say("  logged \(count) times: \(warning)")
        }
    }

    private func complain(_ result: FireChecker.Result, _ feed: Feed) {
        guard !result.isFine else { return }
        var lines: [String] = []
        let entries = ledger.entries
        for (word, files) in [("lost", result.lost), ("twice", result.twice), ("half", result.half)] {
            for file in files.prefix(20) {
                let writer = entries[file]?.writer.rawValue ?? "nobody"
                lines.append("\(word): file \(file) of \"\(writer)\", dropped as \(entries[file]?.naming ?? .any)")
                lines += feed.history(of: file, names: result.names[file] ?? []).map { "    \($0)" }
            }
        }
        lines += result.wrong.prefix(40)
        say("BROKEN:\n  \(lines.joined(separator: "\n  "))\n  again: \(command.again)")
    }
}

/// Hands out batches to those who work side by side.
private final class BatchQueue: Sendable {
    private let batches: Mutex<ArraySlice<DropBatch>>

    init(_ batches: [DropBatch]) { self.batches = Mutex(batches[...]) }

    func next() -> DropBatch? { batches.withLock { $0.popFirst() } }
}
