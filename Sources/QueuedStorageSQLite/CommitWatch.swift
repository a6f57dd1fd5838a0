import CLinux
import Foundation
import GRDB
import QueuedStorageCore
import Synchronization

/// Watches a database for commits of other connections.
///
/// A commit writes the WAL, syncs it, and only then shows to readers: after the kernel reports a write, the version is
/// asked again and again until nobody can be in the midst of a commit any more. It waits on a thread of its own, as
/// libdispatch's event loop for Linux doesn't bear sources that come and go.
package final class CommitWatch: Sendable {
    /// Ends the thread when it is written to.
    private let stop: OpenFile

    /// Begins to watch.
    ///
    /// - Parameters:
    ///   - path: The database's path.
    ///   - onCommit: Is called after a commit of another connection, on the watch's thread.
    package init(path: String, onCommit: @escaping @Sendable () -> Void) {
        let stop = OpenFile(clinux_eventfd(0, clinux_EFD_CLOEXEC | clinux_EFD_NONBLOCK))
        self.stop = stop
        let thread = Thread {
            var loop = Loop(path: path, stop: stop, onCommit: onCommit)
            loop.run()
        }
        thread.name = "qstore-commits"
        thread.start()
    }

    /// Stops to watch.
    package func end() {
        var one: UInt64 = 1
        _ = write(stop.descriptor, &one, 8)
    }
}

/// What the watch's thread does.
private struct Loop {
    let path: String
    let stop: OpenFile
    let onCommit: @Sendable () -> Void
    let names: Set<String>
    let events: OpenFile?
    var connection: DatabaseQueue?
    var version: Int64?
    /// How often the version was asked since the last event, to know when to stop; nil if nothing has been written.
    var quietPolls: Int?

    init(path: String, stop: OpenFile, onCommit: @escaping @Sendable () -> Void) {
        self.path = path
        self.stop = stop
        self.onCommit = onCommit
        names = Self.names(path)
        events = Self.watch(path).map { OpenFile($0) }
    }

    mutating func run() {
        // What was committed between the listener's first look and this one may be missed by the version alone.
        check()
        onCommit()
        while true {
            var descriptors = [
                pollfd(fd: stop.descriptor, events: Int16(POLLIN), revents: 0),
                // A negative descriptor is left out.
                pollfd(fd: events?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&descriptors, 2, patience)
            if descriptors[0].revents != 0 { break }
            if ready > 0, let events, Self.drain(events.descriptor, for: names) {
                quietPolls = 0
                check()
                // A commit is many writes: the next ones are looked at together.
                if poll(&descriptors, 1, Self.rest) > 0 { break }
            } else if ready == 0 {
                polled()
            }
        }
        try? connection?.close()
    }

    /// How long to wait for the next event, in milliseconds; for ever if nobody can be in the midst of a commit.
    private var patience: Int32 {
        guard events != nil else { return 40 }
        guard let quietPolls else { return -1 }
        return quietPolls == 0 ? 5 - Self.rest : Int32(min(40, 5 * (quietPolls + 1)))
    }

    /// How long not to look after a look, in milliseconds.
    private static let rest: Int32 = 2

    private mutating func polled() {
        check()
        guard events != nil, let polls = quietPolls else { return }
        quietPolls = polls + 1
        // After half a second of quiet, whoever held the write lock then is still in its commit, or nobody is.
        if polls >= 15, isIdle() {
            check()
            quietPolls = nil
        }
    }

    /// Asks whether somebody has committed since the last time.
    private mutating func check() {
        let current = try? database().writeWithoutTransaction { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
        guard let current, current != version else { return }
        // The first answer may come late, after one or more that failed: what was committed meanwhile counts.
        version = current
        onCommit()
    }

    /// Whether no connection is writing, as the write lock is free.
    private mutating func isIdle() -> Bool {
        do {
            try database().writeWithoutTransaction { db in
                try db.execute(sql: "BEGIN IMMEDIATE")
                try db.execute(sql: "ROLLBACK")
            }
            return true
        } catch let error as DatabaseError {
            return error.resultCode != .SQLITE_BUSY
        } catch {
            return true
        }
    }

    private mutating func database() throws -> DatabaseQueue {
        if let connection { return connection }
        let opened = try DatabaseQueue(path: path)
        connection = opened
        return opened
    }
}

// MARK: - inotify

extension Loop {
    /// The names in the database's directory whose writes matter.
    fileprivate static func names(_ path: String) -> Set<String> {
        let name = String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
        return [name, "\(name)-wal"]
    }

    /// An inotify descriptor for the database's directory; nil if there is none to be had.
    ///
    /// The directory is watched, not the files, as the WAL comes and goes.
    fileprivate static func watch(_ path: String) -> Int32? {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = inotifyCreation.withLock { _ in inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
        guard descriptor >= 0 else { return nil }
        let mask = UInt32(IN_MODIFY) | UInt32(IN_CREATE) | UInt32(IN_MOVED_TO)
        guard inotify_add_watch(descriptor, directory, mask) >= 0 else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Reads all events that wait.
    ///
    /// - Parameters:
    ///   - descriptor: The inotify descriptor.
    ///   - names: The names that matter.
    /// - Returns: Whether any concerns one of the names, or events were lost.
    fileprivate static func drain(_ descriptor: Int32, for names: Set<String>) -> Bool {
        var concerns = false
        withUnsafeTemporaryAllocation(byteCount: 16384, alignment: 16) { buffer in
            while true {
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                guard count > 0 else { return }
                var offset = 0
                while offset + MemoryLayout<inotify_event>.size <= count {
                    let event = buffer.load(fromByteOffset: offset, as: inotify_event.self)
                    let start = offset + MemoryLayout<inotify_event>.size
                    let name = buffer[start..<start + Int(event.len)].prefix { $0 != 0 }
                    if event.mask & UInt32(IN_Q_OVERFLOW) != 0 || names.contains(String(decoding: name, as: UTF8.self))
                    {
                        concerns = true
                    }
                    offset = start + Int(event.len)
                }
            }
        }
        return concerns
    }
}
