import Foundation
import Glibc
import QueuedStorageCore
import Synchronization
import TestSupport

/// Kills watchers and workers at random, and stops the watchers until the kernel's queue of events overflows.
struct Chaos: Sendable {
    let ground: Ground
    let fleet: Fleet
    let feed: Feed
    let ledger: DropLedger
    let contents: Contents
    let seed: UInt64
    /// How many files the plan has.
    let files: Int
    /// How often the watchers are stopped.
    let stalls: Int
    /// The longest pause between two kills while there are writers.
    let calm: Duration

    /// How many events the kernel keeps for one who doesn't read them.
    static let queueLength = Int(
        (try? String(contentsOfFile: "/proc/sys/fs/inotify/max_queued_events", encoding: .utf8))?
            .split(separator: "\n").first ?? ""
    )

    /// Goes on until the writers are done and nearly all is transferred; when they are done, the kills become rarer.
    ///
    /// - Returns: How many stalls there were.
    func run() async throws -> Int {
        var generator = SeededGenerator(seed: seed ^ 0xC4A0_5C4A_05C4_A05C)
        var (done, kills, lateKills) = (0, 0, 0)
        while true {
            let shareDropped = Double(ledger.count) / Double(files)
            if done < stalls, shareDropped >= Double(done) / Double(stalls) || ledger.isOver {
                try await stall(&generator, number: done)
                done += 1
                continue
            }
            if ledger.isOver {
                // However short the run is, one is killed; and if nothing gets there, the kills aren't why.
                let isNearlyThere = Double(feed.counts.transferred) > 0.95 * Double(ledger.count)
                if kills > 0 && isNearlyThere || lateKills > 200 { return done }
                lateKills += 1
            }
            let share = Double.random(in: 0.05...1, using: &generator) * (ledger.isOver ? 4 : 1)
            try await Task.sleep(for: calm * share)
            try await kill(&generator, isFirst: kills == 0)
            kills += 1
        }
    }

    private func kill(_ generator: inout SeededGenerator, isFirst: Bool) async throws {
        let (watchers, workers) = await fleet.running
        // As many watchers as workers, however many of each there are.
        let sort = workers.isEmpty || isFirst || Bool.random(using: &generator) ? watchers : workers
        guard let victim = sort.randomElement(using: &generator) else {
            throw EvidenceError("nobody watches: \(await fleet.failures.joined(separator: "\n"))")
        }
        await fleet.kill(victim)
        // Who was kept out by the dead one tries again; they race for its folder.
        try await fleet.start(fleet.members.indices.shuffled(using: &generator))
        try await check()
    }

    private func check() async throws {
        let failures = await fleet.failures
        guard failures.isEmpty else { throw EvidenceError(failures.joined(separator: "\n")) }
    }

    // MARK: Stalls

    /// Stops the watchers, renames files until the queue must have overflowed, and lets them go on.
    private func stall(_ generator: inout SeededGenerator, number: Int) async throws {
        guard let length = Self.queueLength else { throw EvidenceError("the length of the event queue isn't known") }
        for inbox in ground.inboxes { try await showCanary(in: inbox) }
        let watchers = await fleet.watching.map { ($0, LogPosition($0.said.errors.count)) }
        for (watcher, _) in watchers { await stop(watcher) }
        ledger.isStalled = true
        feed.poke()
        var names: Set<String> = []
        for inbox in ground.inboxes {
            names.formUnion(try await blocking { try storm(in: inbox, atLeast: length + length / 8) })
        }
        ledger.isStalled = false
        if number % 4 == 3, let victim = await fleet.running.watchers.randomElement(using: &generator) {
            // This one never wakes; whoever comes next has to look for itself.
            await fleet.kill(victim)
        }
        for (watcher, _) in watchers { watcher.send(SIGCONT) }
        if number % 4 != 3 {
            guard await hasNoticed(watchers) else {
                throw EvidenceError(
                    "no watcher noticed within two minutes that its queue had overflowed, after \(length) events"
                )
            }
            // Their last names were never told. Nobody is killed meanwhile, so that nobody who is new finds them.
            try await see(names)
        }
        try await fleet.start(Array(fleet.members.indices))
        try await check()
    }

    /// Stops a process, and waits until all its threads stand still.
    private func stop(_ process: TestProcess) async {
        process.send(SIGSTOP)
        try? await blocking {
            var info = siginfo_t()
            while waitid(P_PID, id_t(process.id), &info, WSTOPPED | WEXITED | WNOWAIT) != 0, errno == EINTR {}
        }
    }

    /// Drops a file, and waits until it is taken: then the folder itself is watched.
    private func showCanary(in inbox: String) async throws {
        let file = ledger.newFile()
        let name = "canary-\(file)"
        ledger.note(file, .canary, .exactly("\(name).bin"))
        try await blocking { try write(contents.bytes(of: file), to: "\(inbox)/\(name).bin") }
        try await see([name])
    }

    /// Waits until files are taken, by the beginnings of their names.
    private func see(_ names: Set<String>) async throws {
        guard await feed.wait(patience: .seconds(120), until: { names.isSubset(of: $0.signs) }) else {
            try await check()
            let missing = names.subtracting(feed.counts.signs).sorted().joined(separator: ", ")
            throw EvidenceError("P7: nobody takes \(missing), and nothing else happens either")
        }
    }

    /// Renames a few files so often that the events don't fit into the queue; each rename is two.
    ///
    /// - Parameters:
    ///   - inbox: The drop folder.
    ///   - events: How many events there must be.
    /// - Returns: The beginnings of the files' names.
    /// - Throws: Why it can't be done.
    private func storm(in inbox: String, atLeast events: Int) throws -> [String] {
        let files = (0..<8).map { _ in ledger.newFile() }
        var names = files.map { "stall-\($0).bin" }
        for (file, name) in zip(files, names) {
            try write(contents.bytes(of: file), to: "\(inbox)/\(name)")
            ledger.note(file, .stall, .any)
        }
        for round in 0...(events / 2 / files.count) {
            for (index, file) in files.enumerated() {
                let other = "stall-\(file)-\(round).bin"
                guard try move("\(inbox)/\(names[index])", to: "\(inbox)/\(other)") else {
                    throw EvidenceError("\(names[index]) was taken by a watcher that is stopped")
                }
                names[index] = other
            }
        }
        return files.map { "stall-\($0)" }
    }

    /// Waits until each folder's watcher said that events were lost, or ended.
    private func hasNoticed(_ watchers: [(process: TestProcess, log: LogPosition)]) async -> Bool {
        let limit = Task {
            try await Task.sleep(for: .seconds(120))
            for watcher in watchers { watcher.process.send(SIGKILL) }
        }
        defer { limit.cancel() }
        var count = 0
        for (process, log) in watchers {
            let isNoticed = await process.wait { log.finds(Fleet.overflow, in: $0.errors) ? true : nil }
            if isNoticed == true { count += 1 }
        }
        return count >= ground.inboxes.count
    }
}

/// How far a log was looked through.
final class LogPosition: Sendable {
    private let offset: Mutex<Int>

    init(_ offset: Int) { self.offset = Mutex(offset) }

    /// Whether a text is in what was added since.
    func finds(_ text: String, in log: Data) -> Bool {
        let text = Data(text.utf8)
        return offset.withLock { offset in
            if log[offset...].range(of: text) != nil { return true }
            // A part of it may be there.
            offset = max(offset, log.count - text.count)
            return false
        }
    }
}
