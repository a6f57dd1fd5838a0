import FoundationEssentials
import GRDB
import Logging
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization

/// Bytes of a field that are kept, synced, and wait to be recorded with their row, or to be placed after that.
///
/// Copies of a model share it. Bytes that never were recorded go with the last copy.
final class StagedFieldFile: Sendable {
    enum State {
        /// The bytes are kept, and no row names them.
        case staged
        /// The row is being written; the file is recorded right after it.
        case recording
        /// Recorded in a transaction that is open, or was rolled back to a savepoint.
        case recorded(StoredFile)
        /// Recorded in a transaction whose end is unknown: the bytes stay, and recovery decides.
        case uncertain(StoredFile)
        /// Recorded durably; the bytes get their name.
        case committed(StoredFile, Task<StoredFile, any Error>?)
        /// The bytes are gone.
        case discarded
    }

    private struct Values {
        var name: String
        var state = State.staged
    }

    let storage: QueuedStorage
    let file: StagedFile
    /// What to record, but for the name and the owner.
    private let template: NewFile
    let request: SaveRequest
    /// What to remove once the bytes are saved, if it was temporary.
    private let source: FileContent?
    /// Whether the bytes are discarded and placed here; otherwise by who handed them over.
    private let ownsBytes: Bool
    private let values: Mutex<Values>

    /// Takes over kept bytes.
    ///
    /// - Parameters:
    ///   - file: The bytes.
    ///   - name: A free name.
    ///   - request: How they are to be saved.
    ///   - source: Where they come from.
    ///   - storage: The storage that keeps them.
    init(_ file: StagedFile, name: String, request: SaveRequest, source: FileContent, in storage: QueuedStorage) {
        self.file = file
        self.storage = storage
        self.request = request
        self.source = source
        ownsBytes = true
        template = NewFile(
            storage: storage.alias,
            name: name,
            staged: file,
            task: storage.task.name,
            dueAt: storage.isDelayed ? nil : storage.time.now
        )
        values = Mutex(Values(name: name))
    }

    /// Refers to bytes that somebody else keeps, and will place once they are recorded.
    init(_ new: NewFile, in storage: QueuedStorage) {
        file = new.staged
        self.storage = storage
        request = SaveRequest(name: new.name)
        source = nil
        ownsBytes = false
        template = new
        values = Mutex(Values(name: new.name))
    }

    deinit {
        guard ownsBytes, case .staged = values.withLock({ $0.state }) else { return }
        let (local, place) = (storage.local, file.place)
        // Not structured: nobody is left to wait for it. What stays is litter, and goes with this process's token.
        Task.detached { try? await blocking { try local.discard(place) } }
    }

    var name: String { values.withLock { $0.name } }

    var isCommitted: Bool { if case .committed = values.withLock({ $0.state }) { true } else { false } }

    /// Whether the name may be written to a row: the file is recorded, or about to be.
    var isWritable: Bool {
        switch values.withLock({ $0.state }) {
        case .recording, .recorded, .committed: true
        case .staged, .uncertain, .discarded: false
        }
    }

    /// The file's row, once it was recorded.
    var recorded: StoredFile? {
        switch values.withLock({ $0.state }) {
        case .recorded(let file), .uncertain(let file), .committed(let file, _): file
        case .staged, .recording, .discarded: nil
        }
    }
}

// MARK: - Recording

extension StagedFieldFile {
    /// Gets ready for the row to be written.
    ///
    /// - Returns: Whether the file is to be recorded after it; false if it is already, as this transaction sees it.
    func begin(_ db: Database) throws -> Bool {
        if isCommitted { return false }
        let present = try row(db)
        return try values.withLock { values in
            if let present {
                values.state = .recorded(present)
                return false
            }
            if case .discarded = values.state {
                throw ModelError(
                    .notStaged,
                    "the bytes of \"\(values.name)\" were discarded; give the field its content again"
                )
            }
            values.state = .recording
            return true
        }
    }

    /// The file's row as a transaction sees it, if it is there.
    ///
    /// A transaction that was rolled back, wholly or to a savepoint, took the row with it; its identifier may have been
    /// given again.
    private func row(_ db: Database) throws -> StoredFile? {
        guard let recorded, let row = try SQLiteCatalog.file(id: recorded.id, db) else { return nil }
        let isOurs =
            row.place == file.place
            || (row.place == nil && row.name == recorded.name && row.createdAt == recorded.createdAt)
        return isOurs ? row : nil
    }

    /// Records the file and its job, in the transaction that wrote the row.
    func record(_ owner: FileOwner, in db: Database) throws {
        var new = template
        new.name = name
        new.owner = owner
        if new.dueAt != nil, ownsBytes { new.dueAt = storage.time.now }
        let file = try SQLiteCatalog.record(new, in: db)
        values.withLock { $0.state = .recorded(file) }
        if ownsBytes { db.add(transactionObserver: OutcomeObserver(self), extent: .nextTransaction) }
    }

    /// The row wasn't written, or the file not recorded.
    ///
    /// - Parameter isCertain: Whether that is known even of a transaction whose COMMIT failed.
    func reset(isCertain: Bool = false) {
        values.withLock { values in
            switch values.state {
            case .recording, .recorded: values.state = .staged
            case .uncertain: if isCertain { values.state = .staged }
            case .staged, .committed, .discarded: break
            }
        }
    }

    /// Takes another name, as the one it had is taken.
    func rename(to name: String) { values.withLock { $0.name = name } }
}

// MARK: - Outcomes

extension StagedFieldFile {
    /// A transaction has committed: if the row is in it, the bytes get their name.
    func commit(_ db: Database) {
        do {
            // A savepoint may have taken the row back, and the rest was committed.
            if try row(db) != nil { commit() } else { reset() }
        } catch {
            doubt()
        }
    }

    /// The row is durable: the bytes get their name.
    func commit() {
        values.withLock { values in
            switch values.state {
            case .recorded(let file), .uncertain(let file):
                guard ownsBytes else {
                    values.state = .committed(file, nil)
                    return
                }
                // Not structured: the application's own transaction has nobody who could wait. What is lost here with the
                // process is done again by recovery; reads find the bytes at their place meanwhile.
                values.state = .committed(
                    file,
                    Task { [self] in
                        let placed = try await storage.finish(file, request)
                        rename(to: placed.name)
                        source?.removeSourceIfTemporary()
                        return placed
                    }
                )
            case .staged, .recording, .committed, .discarded: break
            }
        }
    }

    /// Nobody knows whether the transaction has committed.
    func doubt() {
        values.withLock { values in
            if case .recorded(let file) = values.state { values.state = .uncertain(file) }
        }
    }

    /// Waits until the bytes have their name.
    func placed() async throws {
        guard case .committed(_, let placing?) = values.withLock({ $0.state }) else { return }
        _ = try await placing.value
    }

    /// Removes the bytes, which no row names.
    func discard() async {
        let mustRemove = values.withLock { values in
            switch values.state {
            case .staged, .recording, .recorded:
                values.state = .discarded
                return true
            case .uncertain, .committed, .discarded: return false
            }
        }
        guard mustRemove, ownsBytes else { return }
        let (local, place) = (storage.local, file.place)
        // What can't be discarded now is litter, and goes with this process's token.
        _ = try? await blocking { try local.discard(place) }
    }
}

/// Tells a staged file what became of the transaction that recorded it.
private final class OutcomeObserver: TransactionObserver {
    private let staged: StagedFieldFile
    private var reachedCommit = false

    init(_ staged: StagedFieldFile) { self.staged = staged }

    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }

    func databaseDidChange(with event: DatabaseEvent) {}

    func databaseWillCommit() throws { reachedCommit = true }

    func databaseDidCommit(_ db: Database) { staged.commit(db) }

    func databaseDidRollback(_ db: Database) {
        // A COMMIT that failed may have happened all the same.
        if reachedCommit { staged.doubt() } else { staged.reset() }
    }
}
