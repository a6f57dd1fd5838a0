import Foundation
import GRDB
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageDatabase

/// What a database that somebody tampered with can say about the files in it.
@Suite(.serialized) struct HostileInputTests {
    private static let values = [
        "0", "-1", "1", "9223372036854775807", "-9223372036854775808", "4611686018427387904", "NULL", "'text'", "x''",
        "x'00'",
        "zeroblob(32)", "'../../up'", "'/etc/passwd'", "char(0)", "''", "5", "262144", "'a' || char(10)",
    ]

    @Test func `rows of files and chunks`() async throws {
        let examples = [
            "size=-1", "chunkSize=0", "size=9223372036854775807", "number=9223372036854775807", "name='../up'",
        ]
        try await withTemporaryDirectory { directory in
            var round = 0
            try await HostileInput("database-rows", examples, cost: 30).attack { _, random in
                round += 1
                let path = "\(directory)/files-\(round).sqlite"
                let storage = try DatabaseStorage(sqlite: path, chunkSize: 65_536)
                let bytes = [UInt8](repeating: 7, count: 150_000)
                for name in ["a.txt", "d/b.txt"] { try await storage.store(bytes, as: name) }
                let upload = Upload(id: "u1", name: "c.txt", journal: MemoryUploadJournal())
                _ = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())

                let changes = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    let columns =
                        [
                            (
                                "storedFile",
                                [
                                    "size", "\"chunkSize\"", "sha256", "name", "directory", "\"createdAt\"",
                                    "\"modifiedAt\"", "upload",
                                ]
                            ),
                            ("storedFile_chunk", ["number", "sha256", "bytes", "file", "\"createdAt\""]),
                        ].randomElement(using: &random) ?? ("", [])
                    let column = columns.1.randomElement(using: &random) ?? ""
                    let value = Self.values.randomElement(using: &random) ?? ""
                    let rows = ["1", "id = 1", "id % 2 = 0"].randomElement(using: &random) ?? ""
                    return "UPDATE OR IGNORE \(columns.0) SET \(column) = \(value) WHERE \(rows)"
                }
                let queue = try DatabaseQueue(path: path)
                try await queue.writeWithoutTransaction { db in
                    try db.execute(sql: "PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
                    for change in changes { try? db.execute(sql: change) }
                }
                try queue.close()

                try await interrogate(storage)
                try await interrogate(storage, "d/b.txt")
                let acts: [() async throws -> Void] = [
                    { _ = try await storage.open("a.txt", range: 70_000..<140_000).collect(upTo: 1 << 20) },
                    { _ = try await storage.uploadedByteCount(upload) },
                    { _ = try await storage.append(.text("more"), to: upload, at: 150_000, options: StoreOptions()) },
                    { _ = try await storage.finish(upload, options: StoreOptions()) },
                    { try await storage.copy("a.txt", to: "copy.txt") },
                    { _ = try await storage.leftovers() },
                    { try await storage.store([1, 2], as: "a.txt", replaces: true) },
                    { try await storage.delete("d/b.txt") },
                ]
                for act in acts {
                    do { try await act() } catch is StorageError {}
                }
            }
        }
    }
}
