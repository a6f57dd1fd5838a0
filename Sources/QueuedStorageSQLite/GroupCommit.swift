import Dispatch
import FoundationEssentials
import GRDB
import QueuedStorageCore
import Synchronization

/// The one writer of a catalog: all writes that wait share a transaction.
///
/// Each waiter is woken after COMMIT returned. A lone caller waits for nobody.
/// It has a thread of its own while there is work, so that no cancelled task reaches into a COMMIT.
final class GroupCommit: Sendable {
    private struct Queue {
        var waiting: [any PendingWrite] = []
        var isDraining = false
    }

    private enum Attempt {
        /// The transaction is durable; whether it changed anything.
        case committed(changed: Bool)
        /// No transaction could be begun.
        case refused(any Error)
        /// The transaction was rolled back, and didn't happen.
        case undone(any Error)
        /// COMMIT reported an error, which says nothing.
        case unknown(any Error)
    }

    /// The most writes in one transaction, so that the first need not wait long for the last.
    private static let batchLimit = 1000

    let pool: DatabasePool
    /// Runs work in the thread's place.
    var perform: (@Sendable (_ work: @escaping @Sendable () -> Void) -> Void)? { seams.perform }
    private let token = UUID().uuidString.lowercased()
    private let sequence = Atomic<Int64>(0)
    private let seams: CommitSeams
    private let now: @Sendable () -> Date
    private let queue = Mutex(Queue())
    private let thread = DispatchQueue(label: "queued-storage.catalog.writer")
    private let onChange: @Sendable () -> Void

    /// Makes a writer.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - seams: How it commits, and how it looks at the outcome.
    ///   - now: The wall clock.
    ///   - onChange: Is called after each commit that changed something.
    init(
        _ pool: DatabasePool,
        seams: CommitSeams,
        now: @escaping @Sendable () -> Date,
        onChange: @escaping @Sendable () -> Void
    ) {
        self.pool = pool
        self.seams = seams
        self.now = now
        self.onChange = onChange
    }

    /// Runs a write in the next transaction.
    ///
    /// - Parameters:
    ///   - isolated: Whether it needs a savepoint: it runs a caller's closure, so it may fail after it has written.
    ///   - opaque: Whether it may change more than the rows that SQLite counts.
    ///   - body: The write; it may run more than once.
    /// - Returns: What `body` returns, once it is durable.
    /// - Throws: What `body` throws, or `CatalogError`.
    func write<Value: Sendable>(
        isolated: Bool = false,
        opaque: Bool = false,
        _ body: @escaping @Sendable (CatalogTransaction) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            submit(Write(isIsolated: isolated, isOpaque: opaque, body: body, continuation: continuation))
        }
    }

    /// How many writes wait for the next transaction.
    var waitingCount: Int { queue.withLock { $0.waiting.count } }

    private func submit(_ write: any PendingWrite) {
        let begins = queue.withLock { queue in
            queue.waiting.append(write)
            defer { queue.isDraining = true }
            return !queue.isDraining
        }
        guard begins else { return }
        if let perform { perform { self.drain() } } else { thread.async { self.drain() } }
    }

    private func drain() {
        while true {
            let batch = queue.withLock { queue in
                let batch = Array(queue.waiting.prefix(Self.batchLimit))
                queue.waiting.removeFirst(batch.count)
                queue.isDraining = !batch.isEmpty
                return batch
            }
            if batch.isEmpty { return }
            perform(batch)
            for write in batch { write.resume() }
        }
    }

    /// Gives each write of a batch its result.
    private func perform(_ batch: [any PendingWrite]) {
        switch settled(attempt(batch)) {
        case .committed(let changed):
            if changed { onChange() }
        case .refused(let error):
            for write in batch { write.fail(explained(error)) }
        case .undone(let error):
            guard batch.count > 1 else { return batch[0].fail(explained(error)) }
            for write in batch { perform([write]) }
        case .unknown(let error):
            for write in batch {
                write.fail(
                    CatalogError(
                        .outcomeUnknown,
                        "the catalog \"\(pool.path)\" failed to commit, and doesn't say whether it did",
                        cause: error
                    )
                )
            }
        }
    }

    private func attempt(_ batch: [any PendingWrite]) -> Attempt {
        pool.writeWithoutTransaction { db in
            do {
                try db.beginTransaction(.immediate)
            } catch {
                return .refused(error)
            }
            do {
                let before = db.totalChangesCount
                try run(batch, in: db)
                // A closure of the application's may have changed what isn't counted, such as the schema.
                let mustCommit = batch.contains { $0.isOpaque }
                guard mustCommit || db.totalChangesCount != before else {
                    try db.rollback()
                    return .committed(changed: false)
                }
                let number = sequence.add(1, ordering: .relaxed).newValue
                try db.run(SQL.writeSequence, [token, number, now().milliseconds])
            } catch {
                if db.isInsideTransaction { try? db.rollback() }
                return .undone(error)
            }
            do {
                try seams.commit(db)
                return .committed(changed: true)
            } catch {
                guard db.isInsideTransaction else { return .unknown(error) }
                try? db.rollback()
                return .undone(error)
            }
        }
    }

    /// Runs the writes of a batch.
    ///
    /// An error that concerns one of them alone is its result, and the others go on.
    private func run(_ batch: [any PendingWrite], in db: Database) throws {
        // PRAGMA synchronous can't change inside a transaction, and a prepared statement would answer what was true when
        // it was prepared: so it is asked once a batch, afresh.
        let transaction = CatalogTransaction(
            db: db,
            now: now().milliseconds,
            synchronous: try Int.fetchOne(db, sql: "PRAGMA synchronous")
        )
        for write in batch {
            let before = db.totalChangesCount
            do {
                try write.run(transaction)
            } catch {
                guard db.isInsideTransaction else { throw error }
                let changedNothing = error is CatalogError && db.totalChangesCount == before
                guard write.isIsolated || changedNothing else { throw error }
                write.fail(explained(error))
            }
            // On a full disk and the like SQLite may have rolled back everything, though a closure caught the error;
            // what follows would then commit on its own.
            guard db.isInsideTransaction else {
                throw DatabaseError(resultCode: .SQLITE_ABORT, message: "the transaction was rolled back by SQLite")
            }
        }
    }

    /// Finds out what became of a COMMIT that failed.
    private func settled(_ attempt: Attempt) -> Attempt {
        guard case .unknown(let error) = attempt else { return attempt }
        for _ in 0..<3 {
            do {
                let number = try lastDurableSequence()
                let happened = number == sequence.load(ordering: .relaxed)
                return happened ? .committed(changed: true) : .undone(error)
            } catch {
                continue
            }
        }
        return attempt
    }

    /// The number of the last batch that is in the database, read in a transaction that then commits: the failed one's
    /// pages are overwritten by it, or come before it.
    private func lastDurableSequence() throws -> Int64 {
        let connection = try seams.reopen(pool.path)
        defer { try? connection.close() }
        return try connection.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            var number: Int64 = 0
            try db.inTransaction(.immediate) {
                number = try Int64.fetchOne(db, sql: SQL.readSequence, arguments: [token]) ?? 0
                try db.run(SQL.writeSequence, ["\(token)/check", number, now().milliseconds])
                return .commit
            }
            return number
        }
    }

    private func explained(_ error: any Error) -> any Error { CatalogError.explaining(error, path: pool.path) }
}

/// A write that waits for its transaction.
private protocol PendingWrite: AnyObject, Sendable {
    /// Whether it has a savepoint, so that its failure undoes what it wrote.
    var isIsolated: Bool { get }
    /// Whether it may change more than the rows that SQLite counts.
    var isOpaque: Bool { get }
    /// Runs it, and keeps its result.
    func run(_ transaction: CatalogTransaction) throws
    /// Makes an error its result.
    func fail(_ error: any Error)
    /// Hands its result to its waiter.
    func resume()
}

private final class Write<Value: Sendable>: PendingWrite,
    @unchecked Sendable /* the writer's thread alone touches it */
{
    let isIsolated: Bool
    let isOpaque: Bool
    private let body: @Sendable (CatalogTransaction) throws -> Value
    private let continuation: CheckedContinuation<Value, any Error>
    private var result: Result<Value, any Error>?

    init(
        isIsolated: Bool,
        isOpaque: Bool,
        body: @escaping @Sendable (CatalogTransaction) throws -> Value,
        continuation: CheckedContinuation<Value, any Error>
    ) {
        self.isIsolated = isIsolated
        self.isOpaque = isOpaque
        self.body = body
        self.continuation = continuation
    }

    func run(_ transaction: CatalogTransaction) throws {
        guard isIsolated else {
            result = .success(try body(transaction))
            return
        }
        try transaction.db.inSavepoint {
            result = .success(try body(transaction))
            return .commit
        }
    }

    func fail(_ error: any Error) {
        // What failed on its own didn't change anything, whatever becomes of the batch.
        result = .failure(error)
    }

    func resume() {
        guard let result else { preconditionFailure("a catalog's write was resumed before it had a result") }
        continuation.resume(with: result)
    }
}
