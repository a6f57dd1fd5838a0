import Foundation
import GRDB
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// Catalogs that somebody tampered with, and some that a disk damaged: whatever they say, nothing traps or hangs, and
/// nothing outside the storages' locations is read or changed.
@Suite(.serialized, .timeLimit(.minutes(60))) struct HostileInputTests {
    @Test func `rows that somebody changed`() async throws {
        try await withCatalog { scene in
            try await HostileInput("catalog-rows", cost: 20).attack { _, random in
                try scene.putBack()
                try tamper(with: scene.database, &random)
                try await scene.use()
            }
        }
    }

    @Test func `files of the database with other bytes`() async throws {
        try await withCatalog { scene in
            try await HostileInput("catalog-bytes", cost: 20).attack { _, random in
                try scene.putBack()
                let path = scene.database + (Bool.random(using: &random) ? "" : "-wal")
                var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
                damage(&bytes, &random)
                try Data(bytes).write(to: URL(fileURLWithPath: path))
                try await scene.use()
            }
        }
    }

    // MARK: Tampering

    private static let integers = [
        "0", "-1", "1", "2", "9223372036854775807", "-9223372036854775808", "9223372036854775806",
        "4611686018427387904", "1000",
        "1800000000000", "9007199254740993", "id", "-id", "generation", "file",
    ]
    private static let texts = [
        "'../../secret'", "'../secret'", "'/etc/passwd'", "'staging/../../../secret'",
        "'staging/token/../../../../secret'",
        "'inbox/../../../secret/x'", "'.qstore/id'", "'link/secret'", "''", "'x'", "'a.txt'", "'d/b.txt'", "char(0)",
        "'a' || char(10)",
        "'local'", "'queued'", "'transferring'", "'remote'", "'failed'", "'deleting'", "'transfer'", "'deleteLocal'",
        "'deleteRemote'", "'Transfer'", "'TransferAndDelete'", "'nonsense'", "'permanent'", "place", "name",
        "remoteName",
        "'id 9223372036854775807 ../../secret'", "hex(zeroblob(32))", "CAST(x'ff80' AS TEXT)",
        "printf('%.*c', 5000, 'x')",
    ]

    private func tamper(with path: String, _ random: inout SeededGenerator) throws {
        let queue = try DatabaseQueue(path: path)
        defer { try? queue.close() }
        var random = random
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
            if Bool.random(using: &random) {
                // Who writes the file can also take the schema's conditions away.
                try db.execute(
                    sql: """
                        PRAGMA writable_schema = ON;
                        UPDATE sqlite_schema SET sql = replace(replace(sql, 'TEXT NOT NULL', 'TEXT'), 'INTEGER NOT NULL', 'INTEGER')
                            WHERE type = 'table' AND name LIKE 'qstore%';
                        PRAGMA writable_schema = RESET;
                        """
                )
            }
            let tables = try String.fetchAll(
                db,
                sql: "SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'qstore%' ORDER BY name"
            )
            // Most of all what decides which bytes are touched.
            let favourites = ["qstore_file", "qstore_job", "qstore_remoteName"]
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let some = Bool.random(using: &random) ? favourites : tables
                guard let table = some.randomElement(using: &random) else { return }
                let columns = try Row.fetchAll(
                    db,
                    sql: "SELECT name, type FROM pragma_table_info(?) ORDER BY cid",
                    arguments: [table]
                )
                guard let column = columns.randomElement(using: &random) else { return }
                let values = (column["type"] as String) == "INTEGER" ? Self.integers : Self.texts
                let value =
                    Int.random(in: 0..<6, using: &random) == 0 ? "NULL" : values.randomElement(using: &random) ?? "0"
                let rows =
                    ["1", "rowid = 1", "rowid % 2 = 0", "storage = 'files'"].randomElement(using: &random) ?? "1"
                let name = column["name"] as String
                // What can't be said isn't.
                try? db.execute(sql: "UPDATE OR IGNORE \(table) SET \"\(name)\" = \(value) WHERE \(rows)")
                if Int.random(in: 0..<8, using: &random) == 0 {
                    try? db.execute(sql: "DELETE FROM \(table) WHERE \(rows)")
                }
            }
        }
    }

    // MARK: The scene

    /// A queued storage with files in all states, in a directory that has a secret beside it.
    private struct Scene {
        let directory: String
        var box: String { "\(directory)/box" }
        var database: String { "\(box)/catalog.sqlite" }

        func putBack() throws {
            try? FileManager.default.removeItem(atPath: box)
            try FileManager.default.copyItem(atPath: "\(directory)/template", toPath: box)
            symlink("../..", "\(box)/local/link")
        }

        /// Does with the catalog whatever can be done.
        func use() async throws {
            do {
                try await act(Bench(box, task: .transferAndDelete, time: TickingTime(tick: .milliseconds(10))))
            } catch let broken as HostileInput.Broken {
                throw broken
            } catch {
                try hold(!"\(error)".isEmpty, "it fails without a word")
            }
            try hold(
                Set(try FileManager.default.contentsOfDirectory(atPath: directory)) == [
                    "box", "secret", "template", "outside",
                ],
                "something is beside the storages"
            )
            try hold(everything("\(directory)/outside") == ["kept"], "something is outside the storages")
            let secret = try? String(contentsOfFile: "\(directory)/secret", encoding: .utf8)
            try hold(secret == "the secret", "what lies beside the storages was changed")
            for side in ["local", "remote"] {
                for path in everything("\(box)/\(side)") where path != "link" && !path.hasPrefix("link/") {
                    let bytes = FileManager.default.contents(atPath: "\(box)/\(side)/\(path)")
                    try hold(
                        bytes != Data("the secret".utf8),
                        "what lies beside the storages was read into \(side)/\(path)"
                    )
                }
            }
        }

        private func act(_ bench: Bench) async throws {
            let (storage, catalog) = (bench.storage, bench.catalog)
            let silent = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let work = {
                try await TransferWorker(catalog: catalog, storages: [storage], time: bench.time, logger: silent)
                    .runUntilIdle()
            }
            let acts: [() async throws -> Void] = [
                work,
                { for file in try await catalog.files(FileQuery()) { _ = "\(file) \(file.modifiedAt)" } },
                { _ = try await catalog.files(FileQuery(state: .failed)) },
                { for event in try await catalog.events(after: 0, limit: 1000) { _ = "\(event)" } },
                {
                    _ =
                        "\(try await catalog.counts()) \(try await catalog.storages()) \(try await catalog.dropFolders())"
                },
                { _ = try await catalog.unclaimable(tasks: ["files": ["Transfer"]]) },
                { _ = try await storage.list("") },
                { _ = try await storage.open("a.txt").collect() },
                { _ = try await storage.open("../../secret").collect() },
                { _ = try await storage.save("new.txt", .text("new")) },
                { _ = try await storage.save("a.txt", .text("another")) },
                { try await storage.transfer("d/b.txt") },
                { _ = try await catalog.cancelTransfer("waiting.txt", in: "files") },
                { _ = try await catalog.retryDeletions(in: "files") },
                { try await storage.delete("a.txt") },
                { try await storage.delete("d/b.txt") },
                work,
                { for file in try await catalog.files(FileQuery()) { try await storage.delete(file.name) } },
                work,
            ]
            for act in acts {
                do {
                    try await act()
                } catch {
                    try hold(!"\(error)".isEmpty, "it fails without a word")
                }
            }
        }
    }

    private func withCatalog(_ body: (Scene) async throws -> Void) async throws {
        try await withTemporaryDirectory { directory in
            let scene = Scene(directory: directory)
            try "the secret".write(toFile: "\(directory)/secret", atomically: false, encoding: .utf8)
            mkdir("\(directory)/outside", 0o755)
            try "kept".write(toFile: "\(directory)/outside/kept", atomically: false, encoding: .utf8)
            mkdir(scene.box, 0o755)
            do {
                let bench = try Bench(scene.box, task: .transferAndDelete, time: TickingTime(tick: .milliseconds(10)))
                for name in ["a.txt", "d/b.txt", "c.txt", "gone.txt"] {
                    _ = try await bench.storage.save(name, .text(name))
                }
                try await bench.work()
                _ = try await bench.storage.save("waiting.txt", .text("waiting"))
                _ = try await bench.storage.save("e/f.txt", .text("f"))
                let staged = try await bench.local.stage(.text("staged"), computesSHA256: true)
                _ = try await bench.catalog.record(
                    NewFile(
                        storage: "files",
                        name: "unplaced.txt",
                        staged: staged,
                        task: "Transfer",
                        dueAt: bench.time.now
                    )
                )
                try await bench.storage.delete("gone.txt")
                // As it is while somebody works with it, its log included.
                try FileManager.default.copyItem(atPath: scene.box, toPath: "\(directory)/template")
            }
            try await body(scene)
        }
    }
}
