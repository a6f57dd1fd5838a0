public import AsyncAlgorithms
public import FoundationEssentials

/// A file is on the remote, verified (`file_transferred` of django-queued-storage).
public struct FileTransferred: Sendable {
    /// The file's name.
    public let name: String
    /// The name that the remote really stored.
    public let remoteName: String
    /// The local side.
    public let local: any LocalStorage
    /// The remote side.
    public let remote: any Storage
    /// The model's row and field that the file belongs to, if any.
    public let owner: FileOwner?
    /// When it was known to be there.
    public let at: Date
}

/// What befalls files, as the catalog recorded it, read as it is asked for.
///
/// A listener that is slow, or fails, hurts nobody: events wait for it in the catalog, as long as they are retained. While
/// the catalog can't be read, the sequence waits.
public struct RecordedEvents: AsyncSequence, Sendable {
    let catalog: any Catalog
    let start: Task<Int64?, Never>
    let alias: String?

    /// Begins to read.
    public func makeAsyncIterator() -> Iterator {
        Iterator(catalog: catalog, start: start, alias: alias, changes: catalog.changes.makeAsyncIterator())
    }

    /// Hands over the events, one after another.
    public struct Iterator: AsyncIteratorProtocol {
        let catalog: any Catalog
        let start: Task<Int64?, Never>
        let alias: String?
        var changes: AsyncStream<Void>.AsyncIterator
        var last: Int64?
        var page: ArraySlice<StorageEvent> = []

        /// Hands over the next event; nil once the task is cancelled.
        public mutating func next() async -> StorageEvent? {
            while !Task.isCancelled {
                if let event = page.popFirst() {
                    if alias == nil || event.storage == alias { return event }
                    continue
                }
                if await readPage() { continue }
                if await changes.next() == nil { return nil }
            }
            return nil
        }

        private mutating func readPage() async -> Bool {
            if last == nil { last = await start.value }
            do {
                let known = if let last { last } else { try await catalog.lastEventID() }
                page = ArraySlice(try await catalog.events(after: known, limit: 256))
                last = page.last?.id ?? known
                return !page.isEmpty
            } catch {
                return false
            }
        }
    }
}

extension Catalog {
    /// Everything that befalls files, in all processes, from now on or from a known event.
    ///
    /// - Parameters:
    ///   - id: The number of the last event seen; the newest one there is if nil.
    ///   - alias: The storage whose events are wanted; all if nil.
    /// - Returns: The events, oldest first; the sequence ends when its task is cancelled.
    public func events(since id: Int64? = nil, of alias: String? = nil) -> RecordedEvents {
        // Not structured: it asks for one number, at once, so that nothing is missed until the first event is asked for.
        RecordedEvents(
            catalog: self,
            start: Task { if let id { id } else { try? await lastEventID() } },
            alias: alias
        )
    }
}

extension QueuedStorage {
    /// Everything that befalls this storage's files, in all processes, from now on; of this process's workers also their
    /// progress, as far as the listener keeps up.
    public var events: AsyncMerge2Sequence<RecordedEvents, AsyncStream<StorageEvent>> {
        merge(catalog.events(of: alias), hub.listen())
    }

    /// The files that arrive on the remote, whichever process brings them there.
    public var fileTransferred: AsyncCompactMapSequence<RecordedEvents, FileTransferred> {
        let (local, remote) = (local, remote)
        return catalog.events(of: alias).compactMap { event in
            guard event.type == .transferred else { return nil }
            return FileTransferred(
                name: event.name,
                remoteName: event.remoteName ?? event.name,
                local: local,
                remote: remote,
                owner: event.owner,
                at: event.at
            )
        }
    }
}
