import CoreMetrics
import FoundationEssentials
import Glibc
import Logging
import QueuedStorageCore
import ServiceLifecycle

/// The loop of a drop folder: move out what is ready, hand it to the sink, remove what was copied.
struct DropFolderWork {
    /// How many large files are handed to the sink at the same time.
    static let largeConcurrency = 2
    /// How many more large files are moved out of the folder and wait; the others wait where they are.
    static let mostWaitingLarge = 16

    private let folder: DropFolder
    private let context: DropFolder.Context
    private let options: DropFolderOptions
    private let intake: Intake
    private let isOnce: Bool
    private let showProblems: @Sendable ([DropFolderProblem]) -> Void

    init(
        _ folder: DropFolder,
        _ inbox: Inbox,
        isOnce: Bool,
        summary: @escaping @Sendable ((inout DropFolderSummary) -> Void) -> Void,
        problems: @escaping @Sendable ([DropFolderProblem]) -> Void
    ) {
        var context = folder.context
        context.count = summary
        self.folder = folder
        self.context = context
        self.isOnce = isOnce
        options = folder.options
        showProblems = problems
        intake = Intake(inbox, options: options, context: context, wake: folder.stop.signal, isOnce: isOnce)
    }

    /// What a child task ended with.
    private enum Step: Sendable {
        case woken
        case cancelled
        case handed(Handed, isLarge: Bool)
    }

    /// The files between the inbox and the sink.
    private struct Hands {
        var small: [TakenEntry] = []
        var large: [TakenEntry] = []
        var smallInFlight = 0
        var largeInFlight = 0
        var done: [Handed] = []
        /// Copied files that only stillness spoke for: they are kept a while, and compared again.
        var kept: [(copied: CopiedFile, until: Duration)] = []
        /// Files that can neither be saved nor put back now.
        var deferred: [(entry: TakenEntry, until: Duration)] = []

        var count: Int { small.count + large.count + smallInFlight + largeInFlight }
        var isEmpty: Bool { count == 0 && done.isEmpty }
    }

    func run() async throws {
        let inbox = intake.inbox
        do {
            try await context.sink.begin(
                DropFolderRegistration(id: inbox.id, path: inbox.path, storage: context.sink.alias)
            )
            try await blocking { [intake, folder] in intake.open(folder.source) }
            try await loop()
        } catch {
            try? await blocking { [intake] in intake.close() }
            throw error
        }
        if isOnce { summarize() }
        try await blocking { [intake] in intake.close() }
    }

    private func loop() async throws {
        var hands = Hands()
        var hasSaidStarted = false
        var nextAdoption: Duration = .zero
        var pausedUntil: Duration = .zero
        try await withThrowingTaskGroup(of: Step.self) { group in
            defer { group.cancelAll() }
            if !isOnce { group.addTask { try await noticeGone() } }
            var waitsUntil: Duration??
            while true {
                let now = context.time.now()
                let isStopping = folder.stop.isRaised
                if !isStopping, now >= nextAdoption {
                    nextAdoption = now + options.rescanInterval
                    try await adopt(&hands)
                    if intake.hasUnadopted { nextAdoption = now + min(options.retryInterval, options.rescanInterval) }
                }
                if isStopping { hands.large = [] }
                showProblems(Array(intake.problems.values))
                handOver(&hands, in: &group)
                let isIdle = hands.smallInFlight == 0
                if !hands.done.isEmpty, isIdle || hands.done.count >= options.batchSize {
                    if try await settle(&hands, isStopping) {
                        pausedUntil = now + min(options.retryInterval, .seconds(5))
                    }
                    continue
                }
                if isStopping, hands.isEmpty { return }
                if !isStopping { try await retry(&hands, now) }
                var hasMore = false
                // Not for every file that goes: a batch shares its syncs.
                let room = options.batchSize - hands.small.count - hands.smallInFlight
                if !isStopping, room > options.batchSize / 2 || room == options.batchSize, now >= pausedUntil || isOnce
                {
                    let takesLarge = hands.large.count < Self.mostWaitingLarge
                    let batch = try await blocking { [intake] in try intake.gather(room, takesLarge: takesLarge) }
                    hands.deferred += batch.stuck.map { ($0, now + options.retryInterval) }
                    take(batch.entries, &hands)
                    hasMore = batch.hasMore
                    if hasMore || !batch.entries.isEmpty {
                        if room > batch.entries.count || batch.entries.isEmpty { continue }
                    }
                }
                handOver(&hands, in: &group)
                if !hasSaidStarted, !isOnce, intake.hasLookedThrough {
                    hasSaidStarted = true
                    context.observe(.started(source: intake.sourceName))
                }
                if isOnce, !hasMore, hands.isEmpty, hands.kept.isEmpty, intake.isDone { return }

                let deadline = deadline(hands, now: now, pausedUntil: pausedUntil, nextAdoption: nextAdoption)
                if let waiting = waitsUntil {
                    if isStopping || Self.isEarlier(deadline, than: waiting) { folder.stop.signal.raise() }
                } else if !isStopping {
                    waitsUntil = .some(deadline)
                    group.addTask { [signal = folder.stop.signal, time = context.time] in
                        await signal.wait(until: deadline, time)
                        return .woken
                    }
                }
                switch try await group.next() {
                case .woken: waitsUntil = nil
                case .cancelled: break
                case .handed(let handed, let isLarge):
                    if isLarge { hands.largeInFlight -= 1 } else { hands.smallInFlight -= 1 }
                    hands.done.append(handed)
                case nil: break
                }
            }
        }
    }

    /// Looks again and again whether the folder is where it was; no event tells if something was mounted over it, or if
    /// the directory that it lies in went away.
    ///
    /// It looks more rarely than for a folder that is gone: who has nothing to do sleeps.
    ///
    /// - Returns: When it is cancelled; what is in hand is saved still.
    /// - Throws: ``InboxGone``.
    private func noticeGone() async throws -> Step {
        while true {
            let next = context.time.now() + folder.returnInterval * 5
            guard (try? await context.time.sleep(next)) != nil else { return .cancelled }
            guard try await blocking({ [inbox = intake.inbox] in inbox.isThere }) else { throw InboxGone() }
        }
    }

    private static func isEarlier(_ deadline: Duration?, than other: Duration?) -> Bool {
        guard let deadline else { return false }
        guard let other else { return true }
        return deadline < other
    }

    private func deadline(_ hands: Hands, now: Duration, pausedUntil: Duration, nextAdoption: Duration) -> Duration? {
        let times =
            [intake.deadline, isOnce ? nil : nextAdoption].compactMap { $0 } + hands.kept.map(\.until)
            + (isOnce ? [] : hands.deferred.map(\.until)) + (now < pausedUntil && intake.hasMore ? [pausedUntil] : [])
        guard let earliest = times.min() else { return nil }
        return max(earliest, pausedUntil)
    }

    // MARK: Handing over

    private func take(_ entries: [TakenEntry], _ hands: inout Hands) {
        for entry in entries {
            if entry.size < options.largeFileSize { hands.small.append(entry) } else { hands.large.append(entry) }
        }
    }

    private func handOver(_ hands: inout Hands, in group: inout ThrowingTaskGroup<Step, any Error>) {
        while hands.smallInFlight < options.concurrency, let entry = hands.small.popLast() {
            hands.smallInFlight += 1
            group.addTask(executorPreference: BlockingWork.dropping.executor) {
                .handed(await hand(entry), isLarge: false)
            }
        }
        while hands.largeInFlight < Self.largeConcurrency, !hands.large.isEmpty {
            let entry = hands.large.removeFirst()
            hands.largeInFlight += 1
            // A large one would hold the shutdown up; nothing of it is lost.
            group.addTask(executorPreference: BlockingWork.dropping.executor) {
                .handed(await cancelWhenGracefulShutdown { await hand(entry) }, isLarge: true)
            }
        }
    }

    /// What became of a taken file.
    struct Handed: Sendable {
        enum Outcome: Sendable {
            case saved(StoredFile, TakenEntryState)
            case skipped
            case refused(String)
            case stillOpen
            case gone
            case failed(any Error)
        }
        var entry: TakenEntry
        var outcome: Outcome
    }

    private func hand(_ entry: TakenEntry) async -> Handed {
        do {
            let (file, status, isOurs, sidecar) = try await blocking { try entry.inspect() }
            guard status.isRegularFile else { return Handed(entry: entry, outcome: .refused("it isn't a file")) }
            guard let isOurs else { return Handed(entry: entry, outcome: .stillOpen) }
            var metadata: String?
            if let sidecar {
                guard let text = String(validating: sidecar, as: UTF8.self), JSONObject.isValid(sidecar) else {
                    return Handed(entry: entry, outcome: .refused("its sidecar isn't a JSON object"))
                }
                metadata = text
            }
            guard let name = entry.path.string else {
                return Handed(entry: entry, outcome: .refused("its name isn't UTF-8"))
            }
            let taken = TakenFile(
                inbox: entry.inbox.path,
                inboxID: entry.inbox.id,
                entry: "\(entry.token)/\(entry.id)",
                isOurs: isOurs,
                file: file,
                status: status
            )
            let drop = DroppedFile(
                name: name,
                taken: taken,
                metadata: metadata,
                originalPath: "\(entry.inbox.path)/\(name)",
                onCollision: options.onCollision,
                schedule: options.mode.schedule(at: context.time.date())
            )
            return switch try await context.sink.take(drop) {
            case .saved(let file, let state): Handed(entry: entry, outcome: .saved(file, state))
            case .skipped: Handed(entry: entry, outcome: .skipped)
            }
        } catch let error as SystemError where error.errno == ENOENT {
            return Handed(entry: entry, outcome: .gone)
        } catch {
            return Handed(entry: entry, outcome: .failed(error))
        }
    }

    // MARK: Afterwards

    /// Deals with what the sink said.
    ///
    /// - Returns: Whether the sink is in a state in which others would fail as well.
    private func settle(_ hands: inout Hands, _ isStopping: Bool) async throws -> Bool {
        let done = hands.done
        hands.done = []
        var copied: [CopiedFile] = []
        var failed: [(TakenEntry, any Error)] = []
        for handed in done {
            switch handed.outcome {
            case .saved(let file, let state):
                saved(handed.entry, file)
                switch state {
                case .copied(let before): copied.append(CopiedFile(entry: handed.entry, before: before))
                case .placed:
                    try await blocking { [intake] in
                        if handed.entry.hasSideFiles { try? handed.entry.removeCompanions() }
                        intake.prune(handed.entry.path)
                    }
                }
            case .skipped:
                try await quarantine(handed.entry, "its name was taken", &hands, isSkip: true)
            case .refused(let reason):
                try await quarantine(handed.entry, reason, &hands)
            case .stillOpen:
                if !(try await blocking { [intake] in intake.putBack(handed.entry, for: nil) }) {
                    hands.deferred.append((handed.entry, context.time.now() + options.retryInterval))
                }
            case .gone: break
            case .failed(let error): failed.append((handed.entry, error))
            }
        }
        try await settle(copied, &hands)
        return try await settle(failed, &hands)
    }

    private func saved(_ entry: TakenEntry, _ file: StoredFile) {
        context.metrics.taken.increment()
        context.count { $0.taken += 1 }
        context.logger.debug(
            "A dropped file was saved",
            metadata: ["inbox": "\(entry.inbox.path)", "name": "\(entry.path)", "stored": "\(file.name)"]
        )
        context.observe(.taken(name: entry.path.description, stored: file))
    }

    private func quarantine(_ entry: TakenEntry, _ reason: String, _ hands: inout Hands, isSkip: Bool = false)
        async throws
    {
        let isDone = try await blocking { [intake] in
            guard intake.quarantine(entry, reason) else { return false }
            intake.prune(entry.path)
            return true
        }
        if isDone, isSkip {
            context.count {
                $0.quarantined -= 1
                $0.skipped += 1
            }
        }
        if !isDone { hands.deferred.append((entry, context.time.now() + options.retryInterval)) }
    }

    /// Deals with entries whose bytes were copied: where only stillness spoke for one, it is kept a while longer.
    ///
    /// When the folder stops meanwhile, whoever opens it next compares the entry with what the sink remembers of it.
    private func settle(_ copied: [CopiedFile], _ hands: inout Hands) async throws {
        let until = context.time.now() + options.settleTime
        hands.kept += copied.filter { !$0.entry.isLeased }.map { ($0, until) }
        try await remove(copied.filter(\.entry.isLeased), &hands)
    }

    /// Removes entries whose bytes were copied, and lets the sink forget them; what was written since is a new drop.
    ///
    /// What is still there stays remembered, so that nobody saves it again, and is tried again.
    private func remove(_ copied: [CopiedFile], _ hands: inout Hands) async throws {
        guard !copied.isEmpty else { return }
        let removal = try await blocking { [intake] in intake.remove(copied) }
        let until = context.time.now() + options.retryInterval
        hands.small += removal.renewed
        hands.deferred += removal.left.map { ($0, until) }
        guard !removal.gone.isEmpty else { return }
        do { try await context.sink.forget(takenEntries: removal.gone.map(\.entry)) } catch {
            // It stays noted; the entry is gone, and its name never comes again.
            context.logger.debug("The sink couldn't forget entries", metadata: ["error": "\(error)"])
        }
    }

    /// Deals with files that the sink threw for.
    ///
    /// An error doesn't say that nothing was committed: the sink is asked.
    private func settle(_ failed: [(entry: TakenEntry, error: any Error)], _ hands: inout Hands) async throws -> Bool {
        guard !failed.isEmpty else { return false }
        let states: [String: TakenEntryState]
        do { states = try await context.sink.recorded(takenEntries: failed.map(\.entry.entry)) } catch {
            for (entry, cause) in failed {
                hands.deferred.append((entry, context.time.now() + options.retryInterval))
                try await report(entry, "\(cause)")
            }
            return true
        }
        var isGeneral = false
        for (entry, error) in failed {
            switch states[entry.entry] {
            case .placed: continue
            case .copied(let before): try await settle([CopiedFile(entry: entry, before: before)], &hands)
            case nil:
                if error is CancellationError { continue }
                if let reason = Self.reasonForQuarantine(error) {
                    try await quarantine(entry, reason, &hands)
                } else {
                    isGeneral = true
                    let reason = "the file can't be saved (\(error))"
                    if !(try await blocking { [intake] in intake.putBack(entry, for: reason) }) {
                        hands.deferred.append((entry, context.time.now() + options.retryInterval))
                    }
                }
            }
        }
        return isGeneral
    }

    private func report(_ entry: TakenEntry, _ reason: String) async throws {
        try await blocking { [intake] in intake.report(entry.path, reason) }
    }

    /// Why a file itself can't be saved, whenever it is tried; nil if trying again can help.
    private static func reasonForQuarantine(_ error: any Error) -> String? {
        guard let error = error as? StorageError else { return nil }
        let isFinal = [.invalidName, .notSupported, .isDirectory, .notADirectory, .alreadyExists].contains(error.code)
        return isFinal ? "\(error)" : nil
    }

    /// Tries again what was deferred, and removes what was kept for long enough.
    private func retry(_ hands: inout Hands, _ now: Duration) async throws {
        let over = hands.kept.filter { $0.until <= now }.map(\.copied)
        if !over.isEmpty {
            hands.kept.removeAll { $0.until <= now }
            try await remove(over, &hands)
        }
        let due = hands.deferred.filter { $0.until <= now }.map(\.entry)
        guard !due.isEmpty, !isOnce else { return }
        hands.deferred.removeAll { $0.until <= now }
        try await resolve(due, &hands)
    }

    // MARK: After a crash

    private func adopt(_ hands: inout Hands) async throws {
        let entries = try await blocking { [intake] in intake.adopt() }
        guard !entries.isEmpty else { return }
        context.logger.notice(
            "Taking over files that another process had taken",
            metadata: ["inbox": "\(intake.inbox.path)", "count": "\(entries.count)"]
        )
        try await resolve(entries, &hands)
        context.observe(.recovered(count: entries.count))
    }

    /// Goes on with taken entries of which only the sink knows how far they are.
    private func resolve(_ entries: [TakenEntry], _ hands: inout Hands) async throws {
        let states: [String: TakenEntryState]
        do { states = try await context.sink.recorded(takenEntries: entries.map(\.entry)) } catch {
            for entry in entries {
                hands.deferred.append((entry, context.time.now() + options.retryInterval))
                try await report(entry, "\(error)")
            }
            return
        }
        var copied: [CopiedFile] = []
        var unsaved: [TakenEntry] = []
        for entry in entries {
            switch states[entry.entry] {
            case .placed: continue
            case .copied(let before): copied.append(CopiedFile(entry: entry, before: before))
            case nil: unsaved.append(entry)
            }
        }
        let lasting = try await blocking { [intake, unsaved] in intake.makeLast(unsaved) }
        take(lasting, &hands)
        let names = Set(lasting.map(\.entry))
        let until = context.time.now() + options.retryInterval
        hands.deferred += unsaved.filter { !names.contains($0.entry) }.map { ($0, until) }
        let asked = try await blocking { [copied] in
            copied.map { CopiedFile(entry: $0.entry.askingForLease(), before: $0.before) }
        }
        try await settle(asked, &hands)
    }

    private func summarize() {
        context.count { summary in
            for candidate in intake.candidates.all.values {
                switch candidate.reason {
                case .open, .new, .unsettled: summary.stillOpen += 1
                case .held: summary.waiting += 1
                case .problem: break
                }
            }
            summary.waiting += intake.waitingForCompanions
            summary.failed = intake.problems.keys.count { $0 != .room }
        }
    }
}

extension DropFolderOptions.Mode {
    /// When a file that is taken now is to be transferred.
    func schedule(at now: Date) -> DroppedFile.Schedule {
        switch self {
        case .automatic: .automatic
        case .delayed: .delayed
        case .after(let delay):
            .at(now.addingTimeInterval(Double(delay.components.seconds) + Double(delay.components.attoseconds) / 1e18))
        case .window(let window): .at(window.next(from: now))
        }
    }
}

/// Any JSON object.
private struct JSONObject: Decodable {
    static func isValid(_ bytes: [UInt8]) -> Bool {
        (try? JSONDecoder().decode(JSONObject.self, from: Data(bytes))) != nil
    }

    init(from decoder: any Decoder) throws { _ = try decoder.container(keyedBy: AnyKey.self) }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
