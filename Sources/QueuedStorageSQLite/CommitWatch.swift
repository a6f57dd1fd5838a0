import Dispatch
import Glibc
import GRDB

/// Watches a database for commits of other connections.
///
/// A commit writes the WAL, syncs it, and only then shows to readers: after the kernel reports a write, the version is
/// asked again and again until nobody can be in the midst of a commit any more.
final class CommitWatch: @unchecked Sendable /* all but `end` happens on its queue */ {
    private let queue = DispatchQueue(label: "queued-storage.catalog.watch")
    private let path: String
    private let onCommit: @Sendable () -> Void
    private var connection: DatabaseQueue?
    private var version: Int64?
    private var events: (any DispatchSourceRead)?
    private var poll: (any DispatchSourceTimer)?
    /// How often the version was asked since the last event, to know when to stop.
    private var quietPolls = 0

    /// Begins to watch.
    ///
    /// - Parameters:
    ///   - path: The database's path.
    ///   - onCommit: Is called after a commit of another connection, on the watch's thread.
    init(path: String, onCommit: @escaping @Sendable () -> Void) {
        self.path = path
        self.onCommit = onCommit
        queue.async { self.begin() }
    }

    /// Stops to watch.
    func end() {
        queue.async { [self] in
            events?.cancel()
            poll?.cancel()
            (events, poll) = (nil, nil)
            try? connection?.close()
            connection = nil
        }
    }

    private func begin() {
        if let descriptor = Self.watch(path) {
            let names = Self.names(path)
            let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
            source.setEventHandler { [weak self] in
                if Self.drain(descriptor, for: names) { self?.wrote() }
            }
            source.setCancelHandler { close(descriptor) }
            events = source
            source.resume()
        }
        // What was committed between the listener's first look and this one may be missed by the version alone.
        check()
        onCommit()
        if events == nil { schedule(after: 40) }
    }

    /// The kernel reported a write.
    private func wrote() {
        quietPolls = 0
        check()
        if poll == nil { schedule(after: 5) }
    }

    private func schedule(after milliseconds: Int) {
        let timer = DispatchSource.makeTimerSource(queue: queue)
        timer.setEventHandler { [weak self] in self?.polled() }
        timer.schedule(deadline: .now() + .milliseconds(milliseconds))
        poll = timer
        timer.resume()
    }

    private func polled() {
        poll = nil
        check()
        guard events != nil else { return schedule(after: 40) }
        quietPolls += 1
        // After half a second of quiet, whoever held the write lock then is still in its commit, or nobody is.
        if quietPolls >= 16, isIdle() {
            check()
        } else {
            schedule(after: min(40, 5 * quietPolls))
        }
    }

    /// Asks whether somebody has committed since the last time.
    private func check() {
        let current = try? database().writeWithoutTransaction { try Int64.fetchOne($0, sql: "PRAGMA data_version") }
        guard let current, current != version else { return }
        let isFirst = version == nil
        version = current
        if !isFirst { onCommit() }
    }

    /// Whether no connection is writing, as the write lock is free.
    private func isIdle() -> Bool {
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

    private func database() throws -> DatabaseQueue {
        if let connection { return connection }
        let opened = try DatabaseQueue(path: path)
        connection = opened
        return opened
    }
}

// MARK: - inotify

extension CommitWatch {
    /// The names in the database's directory whose writes matter.
    private static func names(_ path: String) -> Set<String> {
        let name = String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...])
        return [name, "\(name)-wal"]
    }

    /// An inotify descriptor for the database's directory; nil if there is none to be had.
    ///
    /// The directory is watched, not the files, as the WAL comes and goes.
    private static func watch(_ path: String) -> Int32? {
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
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
    private static func drain(_ descriptor: Int32, for names: Set<String>) -> Bool {
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
