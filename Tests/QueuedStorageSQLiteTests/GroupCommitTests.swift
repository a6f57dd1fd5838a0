import Dispatch
import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageTesting
import Synchronization
import Testing

@testable import QueuedStorageSQLite

/// Counts commits, and fails those that it is told to.
final class Commits: Sendable {
    enum Failure {
        /// None: it succeeds.
        case none
        /// The transaction is rolled back.
        case before
        /// The transaction has happened.
        case after
    }

    let count = Atomic<Int>(0)
    private let failures = Mutex<[Failure]>([])

    func fail(_ next: Failure...) { failures.withLock { $0 = next } }

    var seams: CommitSeams {
        CommitSeams(commit: { [self] db in
            count.add(1, ordering: .relaxed)
            switch failures.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            case nil, .some(.none):
                try db.commit()
            case .before:
                try db.rollback()
                throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC)
            case .after:
                try db.commit()
                throw DatabaseError(resultCode: .SQLITE_IOERR_FSYNC)
            }
        })
    }
}

@Suite struct GroupCommitTests {
    @Test func `shares one commit among all that wait`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            let before = commits.count.load(ordering: .relaxed)

            let outcomes = await together(100, catalog) { _ = try await catalog.record(newFile("\($0)")) }

            let counts = try await catalog.counts().map(\.counts)
            #expect(counts == [[.queued: 100]])
            #expect(outcomes.allSatisfy { $0 })
            // One for what held the others up, and one for them all.
            #expect(commits.count.load(ordering: .relaxed) - before == 2)
        }
    }

    @Test func `commits nothing where nothing changed`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            let before = commits.count.load(ordering: .relaxed)

            let claimed = try await catalog.claim(.photos())
            let deleted = try await catalog.delete("a.txt", in: "photos")

            #expect(claimed.isEmpty && deleted == nil)
            #expect(commits.count.load(ordering: .relaxed) == before)
        }
    }

    @Test func `keeps a refused write from spoiling the others`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            _ = try await catalog.record(newFile("taken"))

            let outcomes = await together(30, catalog) { number in
                switch number % 3 {
                case 0: _ = try await catalog.record(newFile("taken"))
                case 1: try await catalog.write { _ in throw RequirementFailure("no") }
                default: _ = try await catalog.record(newFile("\(number)"))
                }
            }

            #expect(outcomes.count { $0 } == 10)
            let counts = try await catalog.counts().map(\.counts)
            #expect(counts == [[.queued: 11]])
        }
    }

    @Test func `undoes what a refused closure wrote, and nothing else`() async throws {
        try await withCatalog { catalog in
            try await catalog.write { try $0.execute(sql: "CREATE TABLE photo (title TEXT)") }

            await #expect(throws: RequirementFailure.self) {
                try await catalog.write { db in
                    try db.execute(sql: "INSERT INTO photo VALUES ('half')")
                    throw RequirementFailure("no")
                }
            }
            try await catalog.write { try $0.execute(sql: "INSERT INTO photo VALUES ('whole')") }

            #expect(try await catalog.read { try String.fetchAll($0, sql: "SELECT title FROM photo") } == ["whole"])
        }
    }

    @Test func `goes on when a closure ends the transaction`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            let outcomes = await together(10, catalog) { number in
                if number == 5 {
                    // As SQLite does on a full disk, though the closure catches the error.
                    try await catalog.write { try? $0.execute(sql: "ROLLBACK") }
                } else {
                    _ = try await catalog.record(newFile("\(number)"))
                }
            }

            #expect(outcomes.count { $0 } == 9)
            let counts = try await catalog.counts().map(\.counts)
            #expect(counts == [[.queued: 9]])
        }
    }

    @Test(arguments: [Commits.Failure.before, .after])
    func `does again what a failed commit left undone, and nothing twice`(_ failure: Commits.Failure) async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            let before = commits.count.load(ordering: .relaxed)
            commits.fail(.none, failure)

            let outcomes = await together(10, catalog) { _ = try await catalog.record(newFile("\($0)")) }

            let events = try await catalog.events(after: 0, limit: 100)
            #expect(outcomes.allSatisfy { $0 })
            #expect(Set(events.map(\.name)).count == 10 && events.count == 10)
            // What held the others up, the batch, and if that didn't happen, each by itself.
            #expect(commits.count.load(ordering: .relaxed) - before == (failure == .before ? 12 : 2))
        }
    }

    @Test func `knows that a commit happened though it failed`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            commits.fail(.after)

            let file = try await catalog.record(newFile("a.txt"))

            #expect(try await catalog.file("a.txt", in: "photos") == file)
            #expect(try await catalog.events(after: 0, limit: 10).count == 1)
        }
    }

    @Test func `says that a lone write didn't happen`() async throws {
        let commits = Commits()
        try await withCatalog(seams: commits.seams) { catalog in
            commits.fail(.before)

            let error = await #expect(throws: CatalogError.self) { _ = try await catalog.record(newFile("a.txt")) }

            #expect(error?.code == .unavailable)
            #expect(try await catalog.file("a.txt", in: "photos") == nil)
            _ = try await catalog.record(newFile("a.txt"))
        }
    }

    @Test(arguments: [Commits.Failure.before, .after])
    func `says that nobody knows whether a commit happened`(_ failure: Commits.Failure) async throws {
        let commits = Commits()
        var seams = commits.seams
        seams.reopen = { _ in throw DatabaseError(resultCode: .SQLITE_IOERR) }
        try await withCatalog(seams: seams) { [seams] catalog in
            _ = seams
            commits.fail(failure)

            let error = await #expect(throws: CatalogError.self) { _ = try await catalog.record(newFile("a.txt")) }

            #expect(error?.code == .outcomeUnknown)
        }
    }

    @Test func `says that the disk is full, and goes on when it isn't any more`() async throws {
        try await withCatalog { catalog in
            let pages = try await catalog.pool.write { db in
                let count = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
                try db.execute(sql: "PRAGMA max_page_count = \(count + 4)")
                return count
            }
            var saved = 0
            var failure: (any Error)?

            while failure == nil {
                do {
                    let name = String(repeating: "\(saved)/", count: 100) + "a"
                    _ = try await catalog.record(newFile(name))
                    saved += 1
                } catch {
                    failure = error
                }
            }

            #expect((failure as? CatalogError)?.code == .full)
            #expect(saved > 0)
            let counts = try await catalog.counts().map(\.counts)
            #expect(counts == [[.queued: saved]])
            try await catalog.pool.write { try $0.execute(sql: "PRAGMA max_page_count = \(pages + 1000)") }
            _ = try await catalog.record(newFile("a.txt"))
        }
    }

    @Test func `refuses a save that would not be durable`() async throws {
        try await withCatalog { catalog in
            try await catalog.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }

            let error = await #expect(throws: CatalogError.self) { _ = try await catalog.record(newFile("a.txt")) }
            #expect(error?.code == .notDurable)
            let inside = await #expect(throws: CatalogError.self) {
                _ = try await catalog.pool.write { try SQLiteCatalog.record(newFile("a.txt"), in: $0) }
            }
            #expect(inside?.code == .notDurable)
        }
    }
}

/// Runs writes so that they wait together for one commit; says which succeeded.
func together(
    _ count: Int,
    _ catalog: SQLiteCatalog,
    _ write: @escaping @Sendable (Int) async throws -> Void
) async -> [Bool] {
    let gate = Gate()
    async let opener: Void? = try? catalog.write { db in
        try db.execute(sql: "CREATE TABLE IF NOT EXISTS gate (x)")
        gate.hasBegun()
        while catalog.writer.waitingCount < count { sched_yield() }
    }
    await gate.begun()
    let outcomes = await withTaskGroup(of: Bool.self) { group in
        for number in 0..<count {
            group.addTask {
                do {
                    try await write(number)
                    return true
                } catch {
                    return false
                }
            }
        }
        return await group.reduce(into: []) { $0.append($1) }
    }
    await opener
    return outcomes
}

/// Tells one waiter that something has begun.
private final class Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func hasBegun() { continuation.yield() }

    func begun() async { for await _ in stream { return } }
}
