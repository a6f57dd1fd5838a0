import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Synchronization
import Testing

/// P1, P2: the row, its file, its job and the old file's deletion are there together, or not at all.
@Suite struct AtomicityTests {
    enum Failure: CaseIterable {
        /// COMMIT fails, and the transaction is rolled back.
        case refused
        /// COMMIT fails, though it happened.
        case deceiving
        /// COMMIT fails, and nobody can say.
        case unknown
    }

    private struct Broken: Error {}

    private func seams(_ failure: Failure, _ isArmed: Flag) -> CommitSeams {
        CommitSeams(
            commit: { db in
                guard isArmed.value else { return try db.commit() }
                switch failure {
                case .refused: throw Broken()
                case .deceiving, .unknown:
                    try db.commit()
                    throw Broken()
                }
            },
            reopen: { path in
                if failure == .unknown { throw Broken() }
                return try DatabaseQueue(path: path)
            }
        )
    }

    @Test(arguments: Failure.allCases)
    func `survives a COMMIT that fails`(_ failure: Failure) async throws {
        let isArmed = Flag()
        try await withBench(seams: seams(failure, isArmed)) { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)
            photo.title = "Dawn"
            photo.image = .text("new", "b.jpg")

            isArmed.value = true
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await photo.save(in: bench.catalog)) } catch { outcome = .failure(error) }
            isArmed.value = false

            let row = try #require(try await bench.pool.read { try Photo.fetchOne($0) })
            let name = try #require(row.image?.name)
            let text = try await row.image?.text()
            #expect(try await bench.owners() == [name: "photo 1 image"])
            switch failure {
            case .refused:
                #expect(throws: (any Error).self) { try outcome.get() }
                #expect(text == "old" && row.title == "Sunset")
                #expect(bench.staged == [])
            case .deceiving:
                #expect(throws: Never.self) { try outcome.get() }
                #expect(text == "new" && row.title == "Dawn")
            case .unknown:
                #expect { try outcome.get() } throws: { ($0 as? CatalogError)?.code == .outcomeUnknown }
                // It did happen, and the bytes are where a reader finds them.
                #expect(text == "new" && row.title == "Dawn")
            }
        }
    }

    @Test func `leaves nothing when an observer of the application refuses the COMMIT`() async throws {
        try await withBench { bench in
            let refusal = Refusal()
            bench.pool.add(transactionObserver: refusal, extent: .databaseLifetime)
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))

            refusal.isArmed.value = true
            await #expect(throws: (any Error).self) { try await photo.save(in: bench.catalog) }
            refusal.isArmed.value = false

            let count = try await bench.count("photo")
            #expect(count == 0)
            #expect(try await bench.owners() == [:])
            #expect(bench.staged == [])
            try await photo.save(in: bench.catalog)
            #expect(try await photo.image?.text() == "red")
        }
    }

    @Test func `doesn't let one model's failure touch others that share its commit`() async throws {
        try await withBench { bench in
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        // Every title is wanted twice.
                        var photo = Photo(title: "\(index / 2)", image: .text("\(index)", "\(index).jpg"))
                        return (try? await photo.save(in: bench.catalog)) != nil
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }

            #expect(outcomes.filter { $0 }.count == 10)
            let rows = try await bench.pool.read { try Photo.fetchAll($0) }
            #expect(try await bench.owners().count == rows.count)
            for row in rows {
                let text = try #require(try await row.image?.text())
                #expect(Int(text).map { "\($0 / 2)" } == row.title)
            }
            #expect(bench.staged == [])
        }
    }
}

final class Flag: Sendable {
    private let state = Mutex(false)
    var value: Bool {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}

private final class Refusal: TransactionObserver {
    let isArmed = Flag()
    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }
    func databaseDidChange(with event: DatabaseEvent) {}
    func databaseWillCommit() throws { if isArmed.value { throw CancellationError() } }
    func databaseDidCommit(_ db: Database) {}
    func databaseDidRollback(_ db: Database) {}
}
