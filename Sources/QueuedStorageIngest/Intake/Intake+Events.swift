import CoreMetrics
import FoundationEssentials
import Logging
import QueuedStorageCore

// What the event source tells, or polling in its place.
extension Intake {
    /// Begins to watch, or to poll where that is the only way.
    func open(_ source: any FileEventSource) {
        guard !isOnce else { return }
        if let name = Probe.nameOfPolled(inbox.fileSystem) { return poll("events don't arrive on \(name)") }
        do { try use(source) } catch let error as FileEventError {
            if error.code == .unavailable, let stream = try? use(.inotify) { return stream }
            poll("\(error)")
        } catch { poll("\(error)") }
    }

    func use(_ source: any FileEventSource) throws {
        stream = try source.open { [events, wake] in
            events.append($0)
            wake.raise()
        }
        sourceName = source.name
        polls = source.polls
    }

    func poll(_ reason: String) {
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
        for held in adopted.values { held.token.release() }
        inbox.close()
    }

    func apply(_ events: [FileEvent]) throws {
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

    func apply(_ event: FileEvent, in directory: DropPath) throws {
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

    var metadata: Logger.Metadata { ["inbox": "\(inbox.path)"] }

    func checkIsThere() throws {
        guard inbox.isThere else { throw InboxGone() }
    }
}
