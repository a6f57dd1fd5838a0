import CoreMetrics
import FoundationEssentials
import Glibc
import QueuedStorageCore

// Which files are ready.
extension Intake {
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
        /// Files that were moved, and can neither be saved nor put back now.
        var stuck: [TakenEntry] = []
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
        do { try batch.sync(inbox) } catch {
            let reason = "the drop folder can't be synced, so that the file can't be moved out of it (\(error))"
            let stuck = batch.stuck + batch.entries.filter { !putBack($0, for: reason) }
            return Batch(stuck: stuck, hasMore: !due.isEmpty || hasMore)
        }
        return Batch(
            entries: batch.entries.filter(isText),
            stuck: batch.stuck,
            hasMore: !due.isEmpty || hasMore
        )
    }

    func beginScan(_ now: Duration) {
        wantsScan = false
        isFullScan = true
        armed = []
        scanner.add(.root)
        nextScan = now + (polls ? options.pollInterval : options.rescanInterval)
        context.metrics.scans.increment()
    }

    /// The next file that looking through directories finds; the directories on the way are watched first.
    func nextScanned(_ now: Duration) -> DropPath? {
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

    func endScan() {
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

    func enter(_ path: DropPath) {
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
            solved(path)
        } catch let error as SystemError {
            if error.errno == EXDEV { return leave(mounted: path) }
            guard ![ENOENT, ENOTDIR, ELOOP].contains(error.errno) else { return solved(path) }
            report(path, "the directory can't be read (\(error))")
        } catch {}
    }

    /// Leaves a directory alone that something is mounted on: a file can't be moved out of there, and a copy of it
    /// couldn't be taken exactly once.
    private func leave(mounted path: DropPath) {
        for (watch, watched) in watches where watched == path {
            stream?.unwatch(watch)
            watches[watch] = nil
        }
        report(
            path,
            "something is mounted on this directory, and files can't be moved out of there; watch it as a drop folder "
                + "of its own, and exclude it here"
        )
    }

    func look(at path: DropPath, _ now: Duration, hasRoom: Bool, _ batch: inout Gathering) {
        let before = candidates[path]
        let directory: Directory
        do { directory = try batch.directory(path.parent, below: inbox.root) } catch {
            candidates.remove(path)
            return
        }
        switch probe.look(at: path, in: directory) {
        case .nothing:
            candidates.remove(path)
            solved(path)
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
}
