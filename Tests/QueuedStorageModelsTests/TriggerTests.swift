import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Testing

/// What holds under plain SQL, and GRDB's calls that know nothing of files.
@Suite struct TriggerTests {
    private func withTwo(_ body: (Bench, String, String) async throws -> Void) async throws {
        try await withBench { bench in
            var a = Photo(title: "a", image: .text("a", "a.jpg"))
            var b = Photo(title: "b", image: .text("b", "b.jpg"))
            try await a.save(in: bench.catalog)
            try await b.save(in: bench.catalog)
            try await body(bench, "photos/2024/02/29/a.jpg", "photos/2024/02/29/b.jpg")
        }
    }

    private func execute(_ bench: Bench, _ sql: String, _ arguments: StatementArguments = []) async throws {
        try await bench.pool.write { try $0.execute(sql: sql, arguments: arguments) }
    }

    @Test func `deletes the files of rows that GRDB deletes all at once`() async throws {
        try await withTwo { bench, a, b in
            _ = try await bench.pool.write { try Photo.deleteAll($0) }

            #expect(try await bench.owners() == [:])
            #expect(try await bench.tombstones() == [a, b])
            #expect(try await bench.jobs() == ["deleteLocal \(a)", "deleteLocal \(b)"])
        }
    }

    @Test func `deletes a file whose column plain SQL clears`() async throws {
        try await withTwo { bench, a, b in
            try await execute(bench, "UPDATE photo SET image = NULL WHERE id = 1")

            #expect(try await bench.owners() == [b: "photo 2 image"])
            #expect(try await bench.tombstones() == [a])
        }
    }

    @Test func `gives a file to the row that plain SQL writes its name to`() async throws {
        try await withTwo { bench, a, b in
            let c = try await bench.photos.save("c.jpg", .text("c"))
            #expect(try await bench.owners()[c] == "nobody")

            try await execute(bench, "UPDATE photo SET image = ? WHERE id = 1", [c])

            #expect(try await bench.owners() == [b: "photo 2 image", c: "photo 1 image"])
            #expect(try await bench.tombstones() == [a])
        }
    }

    @Test func `keeps a file as long as one row of two has it`() async throws {
        try await withTwo { bench, a, b in
            try await execute(bench, "UPDATE photo SET image = ? WHERE id = 2", [a])
            #expect(try await bench.owners() == [a: "photo 2 image"])
            #expect(try await bench.tombstones() == [b])

            try await execute(bench, "DELETE FROM photo WHERE id = 2")
            #expect(try await bench.owners() == [a: "photo 1 image"])

            try await execute(bench, "DELETE FROM photo WHERE id = 1")
            #expect(try await bench.owners() == [:])
        }
    }

    @Test func `follows a changed primary key`() async throws {
        try await withTwo { bench, a, b in
            try await execute(bench, "UPDATE photo SET id = id + 100")

            #expect(try await bench.owners() == [a: "photo 101 image", b: "photo 102 image"])
        }
    }

    @Test func `follows a primary key and a file that change together`() async throws {
        try await withTwo { bench, a, b in
            let c = try await bench.photos.save("c.jpg", .text("c"))

            try await execute(bench, "UPDATE photo SET id = 7, image = ? WHERE id = 1", [c])

            #expect(try await bench.owners() == [c: "photo 7 image", b: "photo 2 image"])
            #expect(try await bench.tombstones() == [a])
        }
    }

    @Test func `deletes the file of a row that INSERT OR REPLACE removed`() async throws {
        try await withTwo { bench, a, b in
            try await execute(bench, "INSERT OR REPLACE INTO photo (id, title) VALUES (1, 'again')")

            #expect(try await bench.owners() == [b: "photo 2 image"])
            #expect(try await bench.tombstones() == [a])
        }
    }

    @Test func `keeps the file of a row that INSERT OR REPLACE wrote again`() async throws {
        try await withTwo { bench, a, b in
            try await execute(bench, "INSERT OR REPLACE INTO photo (id, title, image) VALUES (1, 'again', ?)", [a])

            #expect(try await bench.owners() == [a: "photo 1 image", b: "photo 2 image"])
        }
    }

    @Test func `undoes everything in a rollback`() async throws {
        try await withTwo { bench, a, b in
            try await bench.pool.writeWithoutTransaction { db in
                try db.inTransaction {
                    try db.execute(sql: "UPDATE photo SET image = NULL; DELETE FROM photo")
                    return .rollback
                }
            }

            #expect(try await bench.owners() == [a: "photo 1 image", b: "photo 2 image"])
            #expect(try await bench.jobs() == ["transfer \(a)", "transfer \(b)"])
        }
    }

    @Test func `keeps what the field says is kept`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "a", thumbnail: .text("a", "a.jpg"))
            try await photo.save(in: bench.catalog)

            try await execute(bench, "DELETE FROM photo")

            #expect(try await bench.owners() == ["a.jpg": "nobody"])
        }
    }

    @Test func `follows keys that are texts or bytes`() async throws {
        try await withBench { bench in
            var document = Document(id: "o'clock", scan: .text("a", "a.pdf"))
            var asset = Asset(id: UUID(), data: .text("b", "b.bin"))
            try await document.save(in: bench.catalog)
            try await asset.save(in: bench.catalog)

            try await execute(bench, "UPDATE document SET id = 'noon'")
            #expect(try await bench.owners()["a.pdf"] == "document noon scan")

            try await execute(bench, "DELETE FROM document; DELETE FROM asset")
            #expect(try await bench.owners() == [:])
        }
    }

    @Test func `gives the row a file's new name`() async throws {
        try await withTwo { bench, a, b in
            let file = try #require(try await bench.catalog.file(a, in: "photos"))

            try await execute(bench, "UPDATE qstore_file SET name = 'other.jpg' WHERE id = ?", [file.id])

            #expect(try await bench.owners() == ["other.jpg": "photo 1 image", b: "photo 2 image"])
            let row = try await bench.pool.read { try Photo.fetchOne($0, key: 1) }
            #expect(row?.image?.name == "other.jpg")
        }
    }

    @Test func `takes up the files that rows have already`() async throws {
        try await withBench { bench in
            let name = try await bench.photos.save("a.jpg", .text("a"))
            try await bench.pool.write { db in
                try db.create(table: "it's odd") { t in
                    t.autoIncrementedPrimaryKey("id")
                    t.queuedFile("the file")
                }
                try db.execute(sql: #"INSERT INTO "it's odd" ("the file") VALUES (?)"#, arguments: [name])
                try db.createQueuedFileTriggers(on: "it's odd", column: "the file", storage: "photos")
            }
            #expect(try await bench.owners() == [name: "it's odd 1 the file"])

            try await execute(bench, #"DELETE FROM "it's odd""#)

            #expect(try await bench.owners() == [:])
        }
    }

    @Test func `lets a table be made anew once the triggers are dropped`() async throws {
        try await withTwo { bench, a, b in
            try bench.remakePhotoTable()

            #expect(try await bench.owners() == [a: "photo 1 image", b: "photo 2 image"])
            try await execute(bench, "DELETE FROM photo WHERE id = 1")
            #expect(try await bench.owners() == [b: "photo 2 image"])
        }
    }

    @Test func `refuses a column and a table that can't hold files`() async throws {
        try await withBench { bench in
            try await bench.pool.write { db in
                try db.create(table: "tag") { t in
                    t.primaryKey {
                        t.column("a", .integer)
                        t.column("b", .integer)
                    }
                    t.queuedFile("file")
                }
                for column in ["file", "nothing"] {
                    #expect {
                        try db.createQueuedFileTriggers(on: "tag", column: column, storage: "photos")
                    } throws: {
                        ($0 as? ModelError)?.code == .wrongTable
                    }
                }
            }
        }
    }

    @Test func `adds a column for files to a table, which refuses what is too long`() async throws {
        try await withBench { bench in
            try await bench.pool.write { db in
                try db.alter(table: "photo") { $0.addQueuedFile("poster", maxLength: 5) }
                try db.createQueuedFileTriggers(on: "photo", column: "poster", storage: "photos")
                try db.execute(sql: "INSERT INTO photo (title, poster) VALUES ('x', 'ééééé')")
                #expect(throws: DatabaseError.self) {
                    try db.execute(sql: "INSERT INTO photo (title, poster) VALUES ('y', 'éééééé')")
                }
            }
        }
    }
}

extension Bench {
    fileprivate func remakePhotoTable() throws {
        try pool.write { db in
            try db.dropQueuedFileTriggers(on: "photo")
            try db.execute(
                sql: """
                    CREATE TABLE new_photo (
                        id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, image TEXT, thumbnail TEXT
                    );
                    INSERT INTO new_photo SELECT * FROM photo;
                    DROP TABLE photo;
                    ALTER TABLE new_photo RENAME TO photo;
                    """
            )
            try db.createQueuedFileTriggers(for: Photo.self)
        }
    }
}
