import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite

extension Plan {
    /// How long it takes to tell how a catalog with a million files stands.
    func status() async throws -> [Row] {
        let count = number(1_000_000)
        return try await withDirectory { directory in
            let installation = try Installation(directory)
            try await installation.storage.start()
            try await installation.catalog.write { db in
                try db.execute(
                    sql: """
                        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                        INSERT INTO qstore_file (storage, name, hasLocal, remoteName, size, state, task, createdAt,
                                modifiedAt, transferredAt)
                            SELECT 'bench', '2026/' || (i % 1000) || '/' || i || '.jpg', i % 2,
                                '2026/' || (i % 1000) || '/' || i || '.jpg', i, 'remote', 'Transfer', i, i, i
                            FROM n
                        """,
                    arguments: [count]
                )
            }
            var counting: [Double] = []
            for _ in 0..<20 {
                counting.append(try await seconds { _ = try await installation.catalog.counts() })
            }
            var commands: [Double] = []
            for _ in 0..<10 {
                commands.append(
                    try await seconds {
                        let child = try Child(qstore, ["status", "--database", installation.database, "--json"])
                        _ = try await child.line()
                        let status = child.wait()
                        guard status == 0 else {
                            throw Child.Failure(description: "qstore status ended with \(status)")
                        }
                    }
                )
            }
            func row(_ title: String, _ times: [Double], aim: String? = nil) -> Row {
                Row(.cost(title, "ms", aim: aim), ours: Samples(name: "qstore", values: times.map { $0 * 1000 }))
            }
            return [
                row("count what a catalog of \(count) files holds", counting),
                row("qstore status of \(count) files", commands, aim: "< 100 ms"),
            ]
        }
    }

    /// How much memory `qstore watch` needs at most for an inbox full of small files.
    func memory() async throws -> [Row] {
        let count = number(100_000)
        return try await withDirectory { directory in
            let installation = try Installation(directory)
            try installation.prepare(count, size: 1 << 10, in: installation.inbox)
            let child = try Child(qstore, ["watch"] + installation.flags, isQuiet: true)
            let took = try await seconds { try await waitUntilTransferred(count, installation, by: child) }
            let peak = child.peakMemory
            let status = child.stop()
            guard status == 0 else { throw Child.Failure(description: "qstore watch ended with \(status)") }
            return [
                Row(.cost("memory of qstore watch, \(count) files", "MB", aim: "< 150 MB"), Double(peak) / 1e6),
                Row(.rate("  and how many of them it brought to the remote", "files/s"), Double(count) / took),
            ]
        }
    }

    /// Waits until a process has brought all files to the remote, of whichever storage.
    func waitUntilTransferred(_ count: Int, _ installation: Installation, by child: Child) async throws {
        while true {
            let transferred = try await installation.catalog.counts().compactMap { $0.counts[.remote] }.reduce(0, +)
            guard transferred < count else { return }
            guard child.peakMemory > 0 else { throw Child.Failure(description: "qstore watch ended by itself") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
