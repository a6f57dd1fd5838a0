import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct RandomOperationsTests {
    /// What must hold between any two commits, as queries that find what breaks it.
    private static let invariants = [
        "a count is wrong": """
        SELECT 1 FROM (SELECT storage, state, files, bytes FROM qstore_count WHERE files <> 0 OR bytes <> 0
            EXCEPT SELECT storage, state, count(*), sum(size) FROM qstore_file GROUP BY storage, state)
        UNION ALL SELECT 1 FROM (SELECT storage, state, count(*), sum(size) FROM qstore_file GROUP BY storage, state
            EXCEPT SELECT storage, state, files, bytes FROM qstore_count)
        """,
        "a file lacks its transfer": """
        SELECT f.id FROM qstore_file f WHERE f.state IN ('queued', 'transferring', 'failed') AND NOT EXISTS (
            SELECT 1 FROM qstore_job j WHERE j.file = f.id AND j.kind = 'transfer' AND j.generation = f.generation
                AND j.state = CASE f.state WHEN 'transferring' THEN 'running' ELSE f.state END)
        """,
        "a transfer has no file that waits for it": """
        SELECT j.id FROM qstore_job j WHERE j.kind = 'transfer' AND NOT EXISTS (
            SELECT 1 FROM qstore_file f WHERE f.id = j.file AND f.generation = j.generation
                AND f.state IN ('queued', 'transferring', 'failed'))
        """,
        "a local deletion has no local copy": """
        SELECT j.id FROM qstore_job j WHERE j.kind = 'deleteLocal' AND NOT EXISTS (
            SELECT 1 FROM qstore_file f WHERE f.id = j.file AND f.generation = j.generation
                AND f.hasLocal = 1 AND f.state IN ('remote', 'deleting'))
        """,
        "a tombstone's local copy has no deletion": """
        SELECT f.id FROM qstore_file f WHERE f.state = 'deleting' AND f.hasLocal = 1 AND NOT EXISTS (
            SELECT 1 FROM qstore_job j WHERE j.file = f.id AND j.kind = 'deleteLocal')
        """,
        "a tombstone has no copies": """
        SELECT f.id FROM qstore_file f WHERE f.state = 'deleting' AND f.hasLocal = 0
            AND NOT EXISTS (SELECT 1 FROM qstore_remoteName n WHERE n.file = f.id)
        """,
        "a remote name belongs to nobody": """
        SELECT n.name FROM qstore_remoteName n WHERE NOT EXISTS (
            SELECT 1 FROM qstore_file f WHERE f.id = n.file AND f.generation = n.generation
                AND (f.remoteName = n.name OR f.state IN ('queued', 'transferring', 'failed')))
            AND NOT EXISTS (SELECT 1 FROM qstore_job j
                WHERE j.kind = 'deleteRemote' AND j.file = n.file AND j.remoteName = n.name)
        """,
        "a remote deletion has no name": """
        SELECT j.id FROM qstore_job j WHERE j.kind = 'deleteRemote' AND NOT EXISTS (
            SELECT 1 FROM qstore_remoteName n
                WHERE n.storage = j.storage AND n.name = j.remoteName AND n.file = j.file)
        """,
        "a transferred file's name isn't kept": """
        SELECT f.id FROM qstore_file f WHERE f.state = 'remote' AND NOT EXISTS (
            SELECT 1 FROM qstore_remoteName n
                WHERE n.storage = f.storage AND n.name = f.remoteName AND n.file = f.id)
        """,
        "a remote deletion waits for nobody": """
        SELECT j.id FROM qstore_job j WHERE j.kind = 'deleteRemote' AND j.waitsForJob IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM qstore_lateAttempt a
                WHERE a.job = j.waitsForJob AND a.storage = j.storage AND a.remoteName = j.remoteName)
        """,
        "a transfer waits for nothing": """
        SELECT j.id FROM qstore_job j WHERE j.kind = 'transfer' AND j.waitsForJob IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM qstore_job d WHERE d.id = j.waitsForJob AND d.kind = 'deleteRemote')
        """,
    ]

    @Test(arguments: [UInt64.random(in: 0...UInt64.max), UInt64.random(in: 0...UInt64.max), 1, 2])
    func `keeps its rows consistent under any operations`(seed: UInt64) async throws {
        try await withCatalog { catalog in
            var random = SeededGenerator(seed: seed)
            var held: [TransferJob] = []
            var old: [TransferJob] = []
            let now = Date()
            for step in 0..<400 {
                let name = "\(Int.random(in: 0..<6, using: &random)).txt"
                var operation = ""
                switch Int.random(in: 0..<16, using: &random) {
                case 0, 1, 2:
                    operation = "record"
                    let size = Int64.random(in: 0..<100, using: &random)
                    let dueAt: Date? = Bool.random(using: &random) ? .distantPast : nil
                    let file = try? await catalog.record(newFile(name, size: size, replaces: true, dueAt: dueAt))
                    if let file { try await catalog.settle([file]) }
                case 3, 4, 5:
                    operation = "claim"
                    let claimed = try await catalog.claim(.photos(limit: 3, token: "T\(step % 3)", now: now + 1))
                    held += claimed
                case 6, 7, 8:
                    operation = "finish"
                    guard let job = held.randomElement(using: &random) else { continue }
                    held.removeAll { $0.id == job.id }
                    old.append(job)
                    try await finish(job, catalog, &random, now)
                case 9:
                    operation = "delete"
                    _ = try await catalog.delete(name, in: "photos")
                case 10:
                    operation = "cancel"
                    _ = try await catalog.cancelTransfer(name, in: "photos")
                case 11:
                    operation = "queue"
                    _ = try await catalog.queueTransfer(name, in: "photos", task: nil, dueAt: .distantPast)
                case 12:
                    operation = "rescue"
                    _ = try await catalog.rescue(
                        deadTokens: ["T\(step % 3)"],
                        storages: ["photos"],
                        bootID: "boot",
                        now: Bool.random(using: &random) ? 0 : 2000
                    )
                case 13:
                    operation = "acknowledge"
                    if let job = held.randomElement(using: &random) {
                        held.removeAll { $0.id == job.id }
                        try await catalog.release([job.ticket])
                        try await catalog.acknowledgeLoss(of: job.ticket)
                    }
                case 14:
                    operation = "late act"
                    if let job = old.randomElement(using: &random) { try await finish(job, catalog, &random, now) }
                default:
                    operation = "SQL"
                    try await catalog.pool.write { db in
                        try db.execute(sql: "DELETE FROM qstore_file WHERE name = ?", arguments: [name])
                    }
                }
                for (broken, sql) in Self.invariants {
                    let isBroken = try await catalog.read { try Row.fetchOne($0, sql: sql) != nil }
                    try #require(!isBroken, "\(broken) after \(operation) in step \(step), seed \(seed)")
                }
            }
        }
    }

    /// Ends a job in one of the ways that its kind allows.
    private func finish(
        _ job: TransferJob,
        _ catalog: SQLiteCatalog,
        _ random: inout SeededGenerator,
        _ now: Date
    ) async throws {
        if Int.random(in: 0..<3, using: &random) == 0 {
            let retryAt: Date? = Bool.random(using: &random) ? now : nil
            let failure = JobFailure(
                ticket: job.ticket,
                failureClass: .transient,
                message: "no",
                retryAt: job.kind == .transfer ? retryAt : now
            )
            _ = try await catalog.fail(failure)
            return
        }
        switch job.kind {
        case .transfer:
            let deleteLocalAt: Date? = Bool.random(using: &random) ? now : nil
            let completion = TransferCompletion(
                ticket: job.ticket,
                remoteName: job.remoteName ?? "",
                sha256: nil,
                deleteLocalAt: deleteLocalAt
            )
            _ = try await catalog.complete(completion)
        case .deleteLocal:
            if let file = job.file { _ = try await catalog.removeLocal(file) { _ in } }
        case .deleteRemote:
            _ = try await catalog.completeDeletion(job.ticket)
        }
    }
}
