import CLinux
import CoreMetrics
import FoundationEssentials
import Glibc
import Logging
import QueuedStorageCore

/// What is done with a drop folder's directories: watching, looking, moving files out.
///
/// All methods block.
final class Intake: @unchecked Sendable /* the drop folder's loop calls it, one call at a time */ {
    /// How long after it appeared a file is looked at, if no other event comes first.
    static let newFileDelay = Duration.milliseconds(100)
    /// How long a large file waits while others of its kind are being saved.
    static let largeFileDelay = Duration.seconds(1)
    static let longestOpenDelay = Duration.seconds(30)
    /// How many files are looked at before others get their turn.
    static let mostLooks = 4096
    static let mostProblems = 1000

    let inbox: Inbox
    let isOnce: Bool
    private let options: DropFolderOptions
    private let context: DropFolder.Context
    private let selection: Selection
    private let probe: Probe
    private let companionKinds: [Companion]
    private let events = EventBuffer()
    private let wake: WakeSignal

    private var stream: (any FileEventStream)?
    private(set) var sourceName = "polling"
    private(set) var polls = true
    private var watches: [Int32: DropPath] = [:]
    private var armed: Set<Int32> = []
    private var scanner = Scanner()
    private var isFullScan = false
    private var wantsScan = true
    private var nextScan: Duration = .zero
    /// Whether the whole folder was looked through once.
    private(set) var hasLookedThrough = false
    private var fresh: [DropPath] = []
    private(set) var candidates = Candidates()
    private(set) var problems: [DropPath: DropFolderProblem] = [:]
    private var lastID = 0
    private var adopted: [String: (token: HeldToken, directory: Directory)] = [:]
    /// How many files wait for a marker or a sidecar, as far as a pass saw them.
    private(set) var waitingForCompanions = 0

    init(_ inbox: Inbox, options: DropFolderOptions, context: DropFolder.Context, wake: WakeSignal, isOnce: Bool) {
        self.inbox = inbox
        self.options = options
        self.context = context
        self.wake = wake
        self.isOnce = isOnce
        selection = Selection(options)
        probe = Probe(options: options, fileSystem: inbox.fileSystem)
        var kinds: [Companion] = options.sidecar == .none ? [] : [.sidecar]
        if let suffix = options.done.markerSuffix { kinds.append(.marker(suffix)) }
        companionKinds = kinds
    }

    // MARK: Events

    /// Begins to watch, or to poll where that is the only way.
    func open(_ source: any FileEventSource) {
        guard !isOnce else { return }
        if let name = Probe.nameOfPolled(inbox.fileSystem) { return poll("events don't arrive on \(name)") }
        do { try use(source) } catch let error as FileEventError {
            if error.code == .unavailable, let stream = try? use(.inotify) { return stream }
            poll("\(error)")
        } catch { poll("\(error)") }
    }

    private func use(_ source: any FileEventSource) throws {
        stream = try source.open { [events, wake] in
            events.append($0)
            wake.raise()
        }
        sourceName = source.name
        polls = source.polls
    }

    private func poll(_ reason: String) {
        stream?.close()
        stream = nil
        watches = [:]
        sourceName = "polling"
        polls = true
        nextScan = context.time.now() + options.pollInterval
        context.logger.notice(
            "Polling the drop folder, because events don't arrive",
            metadata: ["inbox": "\(inbox.path)", "reason": "\(reason)"]
        )
        context.observe(.polling(reason: reason))
    }

    func close() {
        stream?.close()
        stream = nil
        releaseAdopted()
        inbox.close()
    }

    private func apply(_ events: [FileEvent]) throws {
        for event in events {
            if event.kind.contains(.overflow) {
                context.metrics.overflows.increment()
                context.logger.debug("Events were lost; looking through the drop folder", metadata: metadata)
                context.observe(.overflowed)
                wantsScan = true
            } else if event.kind.contains(.reset) {
                watches = [:]
                wantsScan = true
                if event.kind.contains(.ignored) { poll("the event source failed") }
            } else if let directory = watches[event.watch] {
                try apply(event, in: directory)
            }
        }
    }

    private func apply(_ event: FileEvent, in directory: DropPath) throws {
        if !event.kind.isDisjoint(with: [.deletedSelf, .movedSelf, .unmounted, .ignored]) {
            if event.kind.contains(.ignored) { watches[event.watch] = nil }
            if directory == .root { try checkIsThere() }
            return
        }
        let path = directory.appending(event.name)
        if !event.kind.isDisjoint(with: [.deleted, .movedFrom]), path == DropPath(Inbox.privateName) {
            // Without its private part the folder can't be used, and its own deletion isn't told while it is open.
            throw InboxGone()
        }
        if event.kind.contains(.isDirectory) {
            if event.kind.contains(.movedFrom) {
                // What lies below has other paths now, or is none of ours any more; where it came to, it is new.
                for (watch, watched) in watches where watched.isWithin(path) {
                    stream?.unwatch(watch)
                    watches[watch] = nil
                }
                candidates.remove(within: path)
            } else if !event.kind.contains(.deleted), selection.enters(path) {
                scanner.add(path)
            }
        } else if !event.kind.isDisjoint(with: [.deleted, .movedFrom]) {
            if candidates[path]?.reason != .held { candidates.remove(path) }
        } else {
            let file = selection.companionOf(path) ?? path
            guard selection.takes(file) else { return }
            if event.kind == .created, file == path {
                guard candidates[file] == nil else { return }
                let now = context.time.now()
                candidates.set(file, .init(reason: .new, lookAt: now + Self.newFileDelay, since: now))
            } else if fresh.last != file {
                fresh.append(file)
            }
        }
    }

    private var metadata: Logger.Metadata { ["inbox": "\(inbox.path)"] }

    private func checkIsThere() throws {
        guard inbox.isThere else { throw InboxGone() }
    }

    // MARK: Looking

    /// When there will be something to do, unless an event comes first.
    var deadline: Duration? {
        isOnce
            ? candidates.all.values.lazy.filter(\.isPending).map(\.lookAt).min()
            : min(candidates.earliest ?? nextScan, nextScan)
    }

    /// Whether a single pass has nothing more to find.
    var isDone: Bool {
        fresh.isEmpty && scanner.isIdle && !wantsScan && !candidates.all.values.contains(where: \.isPending)
    }

    /// Whether something is known to be left to look at.
    var hasMore: Bool { !fresh.isEmpty || !scanner.isIdle || (wantsScan && !isFullScan) }

    struct Batch: Sendable {
        var entries: [TakenEntry] = []
        /// Whether there may be more right now.
        var hasMore = false
    }

    /// Moves files that are ready out of the folder, durably.
    ///
    /// - Parameters:
    ///   - limit: The most to move.
    ///   - takesLarge: Whether large files are among them; else they wait a little.
    /// - Returns: The files, as they lie in `taken`.
    /// - Throws: ``InboxGone``.
    func gather(_ limit: Int, takesLarge: Bool) throws -> Batch {
        let now = context.time.now()
        if fresh.isEmpty { try apply(events.drain()) }
        if candidates.recoverLost() || (!isOnce && now >= nextScan) { wantsScan = true }
        if wantsScan, !isFullScan {
            try checkIsThere()
            beginScan(now)
        }
        let hasRoom = hasRoom()
        var due = isOnce && !hasLookedThrough ? [] : candidates.due(now)[...]
        var batch = Gathering(takesLarge: takesLarge)
        var looks = 0
        while batch.entries.count < limit, looks < Self.mostLooks {
            looks += 1
            let path: DropPath
            if let first = due.popFirst() {
                path = first
            } else if !fresh.isEmpty {
                path = fresh.removeLast()
            } else if let next = nextScanned(now) {
                path = next
            } else {
                break
            }
            look(at: path, now, hasRoom: hasRoom, &batch)
        }
        // What was due and not looked at keeps its time, which is past.
        for path in due { if let candidate = candidates[path] { candidates.set(path, candidate) } }
        batch.sync(inbox, report: { self.report(.root, $0) })
        return Batch(
            entries: batch.entries.filter(isText),
            hasMore: !due.isEmpty || hasMore
        )
    }

    private func beginScan(_ now: Duration) {
        wantsScan = false
        isFullScan = true
        armed = []
        scanner.add(.root)
        nextScan = now + (polls ? options.pollInterval : options.rescanInterval)
        context.metrics.scans.increment()
    }

    /// The next file that looking through directories finds; the directories on the way are watched first.
    private func nextScanned(_ now: Duration) -> DropPath? {
        while !scanner.isIdle {
            switch scanner.next() {
            case .file(let path): if selection.takes(path) { return path }
            case .directory(let path): if path == .root || selection.enters(path) { enter(path) }
            case .failed(let path, let error): report(path, "the directory can't be read (\(error))")
            case .end: break
            }
        }
        if isFullScan { endScan() }
        return nil
    }

    private func endScan() {
        isFullScan = false
        hasLookedThrough = true
        // A watch that the scan didn't come by is of a directory that isn't there any more.
        for watch in Array(watches.keys) where !armed.contains(watch) {
            stream?.unwatch(watch)
            watches[watch] = nil
        }
        armed = []
        context.observe(.scanned)
    }

    private func enter(_ path: DropPath) {
        do {
            if let stream {
                let absolute = Array(inbox.path.utf8) + (path == .root ? [] : [UInt8(ascii: "/")] + path.bytes)
                let watch = try stream.watch(absolute)
                watches[watch] = path
                armed.insert(watch)
            }
        } catch let error as FileEventError {
            switch error.code {
            case .gone: return
            case .denied: return report(path, "the directory can't be watched (\(error))")
            case .limitReached, .unavailable: poll("\(error)")
            }
        } catch { poll("\(error)") }
        do {
            try scanner.enter(path, below: inbox.root)
            if problems[path] != nil { problems[path] = nil }
        } catch let error as SystemError {
            guard ![ENOENT, ENOTDIR, ELOOP, EXDEV].contains(error.errno) else { return }
            report(path, "the directory can't be read (\(error))")
        } catch {}
    }

    private func look(at path: DropPath, _ now: Duration, hasRoom: Bool, _ batch: inout Gathering) {
        let before = candidates[path]
        let directory: Directory
        do { directory = try batch.directory(path.parent, below: inbox.root) } catch {
            candidates.remove(path)
            return
        }
        switch probe.look(at: path, in: directory) {
        case .nothing:
            candidates.remove(path)
            if problems[path] != nil { problems[path] = nil }
        case .waits(let reason):
            candidates.remove(path)
            waitingForCompanions += 1
            context.observe(.waiting(name: path.description, reason: reason))
        case .open:
            let delay = min(
                (before?.reason == .open ? before?.delay ?? .zero : .milliseconds(50)) * 2,
                Self.longestOpenDelay
            )
            candidates.set(path, .init(reason: .open, lookAt: now + delay, since: now, delay: delay))
            context.observe(.waiting(name: path.description, reason: .open))
        case .mustSettle(let found, let time):
            if isHeld(found, now) { return }
            if let before, before.reason == .unsettled, let seen = before.seen, seen.isUnchanged(found.status) {
                if now - before.since >= time { return take(found, from: directory, now, hasRoom: hasRoom, &batch) }
                candidates.set(path, before)
            } else if isOnce, before?.reason == .unsettled {
                candidates.set(path, .init(reason: .open, lookAt: now, since: now))
            } else {
                candidates.set(
                    path,
                    .init(reason: .unsettled, lookAt: now + time, seen: found.status, since: now)
                )
            }
            context.observe(.waiting(name: path.description, reason: .unsettled))
        case .ready(let found):
            take(found, from: directory, now, hasRoom: hasRoom, &batch)
        case .problem(let reason):
            fail(path, reason, now)
        }
    }

    // MARK: Taking

    private func take(
        _ found: FoundFile,
        from directory: Directory,
        _ now: Duration,
        hasRoom: Bool,
        _ batch: inout Gathering
    ) {
        if isHeld(found, now) { return }
        guard hasRoom else { return hold(found.path, found.status, now + min(options.retryInterval, .seconds(30))) }
        guard batch.takesLarge || found.status.size < options.largeFileSize else {
            return candidates.set(found.path, .init(reason: .new, lookAt: now + Self.largeFileDelay, since: now))
        }
        lastID += 1
        let id = String(lastID, radix: 36)
        do {
            let entry = try TakenEntry.take(
                found,
                from: directory,
                into: inbox,
                id: id,
                companionKinds: companionKinds
            )
            candidates.remove(found.path)
            if problems[found.path] != nil { problems[found.path] = nil }
            guard let entry else { return }
            batch.entries.append(entry)
            batch.touched[found.path.parent] = directory
        } catch let error as SystemError {
            fail(found.path, "the file can't be moved out of the drop folder (\(error))", now)
        } catch {
            fail(found.path, "\(error)", now)
        }
    }

    private func isText(_ entry: TakenEntry) -> Bool {
        guard entry.path.string == nil else { return true }
        quarantine(entry, "its name isn't UTF-8")
        return false
    }

    private func isHeld(_ found: FoundFile, _ now: Duration) -> Bool {
        guard let held = candidates[found.path], held.reason == .held, now < held.lookAt else { return false }
        return held.seen?.isSameFile(as: found.status) == true
    }

    /// Leaves a file alone for a while, whatever events come.
    private func hold(_ path: DropPath, _ status: FileStatus?, _ until: Duration) {
        candidates.set(path, .init(reason: .held, lookAt: until, seen: status, since: until))
    }

    private func fail(_ path: DropPath, _ reason: String, _ now: Duration) {
        candidates.set(path, .init(reason: .problem, lookAt: now + options.retryInterval, since: now))
        report(path, reason)
    }

    func report(_ path: DropPath, _ reason: String) {
        let problem = DropFolderProblem(name: path.description, reason: reason, at: context.time.date())
        if problems[path]?.reason != reason {
            context.logger.warning(
                "Something in the drop folder can't be taken; it will be tried again",
                metadata: ["inbox": "\(inbox.path)", "name": "\(path)", "reason": "\(reason)"]
            )
        }
        if problems.count < Self.mostProblems || problems[path] != nil { problems[path] = problem }
        context.observe(.problem(problem))
    }

    private func hasRoom() -> Bool {
        guard options.minimumFreeBytes > 0 else { return true }
        for path in [inbox.path] + context.sink.savingPaths {
            var status = statvfs()
            guard statvfs(path, &status) == 0 else { continue }
            let free = Int64(
                clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).0
            )
            if free < options.minimumFreeBytes {
                report(
                    .root,
                    "less than \(options.minimumFreeBytes >> 20) MiB are free on the disk of \"\(path)\"; files wait"
                )
                return false
            }
        }
        if problems[.root] != nil { problems[.root] = nil }
        return true
    }

    // MARK: Giving away

    /// Puts a file back where it was dropped, and leaves it alone for a while.
    ///
    /// - Returns: False if that can't be done: the entry stays.
    func putBack(_ entry: TakenEntry, for reason: String?) -> Bool {
        let now = context.time.now()
        do {
            let status = try entry.directory.status(entry.name)
            let delay = reason == nil ? Duration.milliseconds(200) : options.retryInterval
            hold(entry.path, status, now + delay)
            try entry.putBack()
            if let reason { report(entry.path, reason) }
            return true
        } catch {
            candidates.remove(entry.path)
            report(entry.path, reason ?? "the file can't be put back (\(error))")
            return false
        }
    }

    @discardableResult
    func quarantine(_ entry: TakenEntry, _ reason: String) -> Bool {
        do {
            let file = try inbox.quarantine.add(entry, reason: reason, at: context.time.date())
            context.metrics.quarantined.increment()
            context.logger.notice(
                "A dropped file was put into quarantine",
                metadata: ["inbox": "\(inbox.path)", "name": "\(file.name)", "reason": "\(reason)"]
            )
            context.observe(.quarantined(name: file.name, reason: reason))
            context.count { $0.quarantined += 1 }
            return true
        } catch {
            report(entry.path, "the file can't be put into quarantine (\(error))")
            return false
        }
    }

    func newID() -> String {
        lastID += 1
        return "\(String(lastID, radix: 36))-\(randomDigits(4))"
    }

    /// Removes directories that the take of a file emptied.
    func prune(_ path: DropPath) {
        guard options.prune else { return }
        var directory = path.parent
        while directory != .root {
            guard let parent = try? inbox.root.directory(directory.parent),
                (try? parent.removeDirectory(directory.name)) == true
            else { return }
            directory = directory.parent
        }
    }

    // MARK: After a crash

    /// Takes over what dead processes had taken.
    func adopt() -> [TakenEntry] {
        releaseAdopted()
        var entries: [TakenEntry] = []
        do {
            let tokens = Set(try inbox.owners.textNames()).union(try inbox.taken.textNames())
            for name in tokens where name != inbox.token.name && adopted[name] == nil {
                guard let token = try HeldToken.take(name, in: inbox.owners) else { continue }
                guard try inbox.taken.status(name.utf8) != nil else {
                    try token.drop(from: inbox.owners)
                    continue
                }
                let directory = try inbox.taken.directory(name)
                adopted[name] = (token, directory)
                entries += try TakenEntry.left(
                    in: directory,
                    token: name,
                    inbox: inbox,
                    companionKinds: companionKinds
                )
            }
        } catch {
            report(.root, "what another process left can't be taken over (\(error))")
        }
        if entries.isEmpty { releaseAdopted() }
        return entries
    }

    /// Forgets dead processes that left nothing any more.
    private func releaseAdopted() {
        for (name, held) in adopted where (try? inbox.taken.removeDirectory(name.utf8)) == true {
            try? held.token.drop(from: inbox.owners)
            adopted[name] = nil
        }
    }
}

/// The drop folder isn't where it was.
struct InboxGone: Error {}

/// The files that are being moved, and the directories that must be synced for them.
private struct Gathering {
    let takesLarge: Bool
    var entries: [TakenEntry] = []
    var touched: [DropPath: Directory] = [:]
    private var opened: (path: DropPath, directory: Directory)?

    init(takesLarge: Bool) { self.takesLarge = takesLarge }

    /// Opens a directory; the last one stays open, since files come directory by directory.
    mutating func directory(_ path: DropPath, below root: Directory) throws -> Directory {
        if let opened, opened.path == path { return opened.directory }
        let directory = try root.directory(path)
        opened = (path, directory)
        return directory
    }

    func sync(_ inbox: Inbox, report: (String) -> Void) {
        guard !entries.isEmpty else { return }
        do {
            // First where they are, then where they were: after a power failure they may be in both, never in none.
            try inbox.own.sync()
            for directory in touched.values { try directory.sync() }
        } catch {
            report("the drop folder can't be synced (\(error))")
        }
    }
}

extension FileStatus {
    /// Whether nothing at all happened to the file.
    func isUnchanged(_ other: Self) -> Bool {
        isSameFile(as: other) && changed == other.changed
    }
}
