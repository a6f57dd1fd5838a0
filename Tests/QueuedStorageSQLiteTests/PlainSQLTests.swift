import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

@Suite struct PlainSQLTests {
    /// A catalog with a table of an application, whose rows own files.
    private func withPhotos<Value>(_ body: (SQLiteCatalog) async throws -> Value) async throws -> Value {
        try await withCatalog { catalog in
            try await catalog.pool.write { db in
                try db.execute(
                    sql: """
                        CREATE TABLE photo (id INTEGER PRIMARY KEY, title TEXT NOT NULL UNIQUE, file INTEGER);
                        CREATE TRIGGER photo_delete AFTER DELETE ON photo BEGIN
                            UPDATE qstore_file SET state = 'deleting', generation = generation + 1
                                WHERE id = OLD.file AND state <> 'deleting';
                        END;
                        """
                )
            }
            return try await body(catalog)
        }
    }

    @Test func `commits a model's row with its file and job`() async throws {
        try await withPhotos { catalog in
            let file = try await catalog.pool.write { db in
                let file = try SQLiteCatalog.record(newFile("a.txt"), in: db)
                try db.execute(sql: "INSERT INTO photo (title, file) VALUES ('Sunset', ?)", arguments: [file.id])
                return file
            }

            #expect(try await catalog.file("a.txt", in: "photos") == file)
            #expect(try await catalog.claim(.photos()).map { $0.file?.id } == [file.id])
        }
    }

    @Test func `leaves neither file nor job of a transaction that is rolled back`() async throws {
        try await withPhotos { catalog in
            _ = try? await catalog.write { db in
                _ = try SQLiteCatalog.record(newFile("a.txt"), in: db)
                try db.execute(sql: "INSERT INTO photo (title) VALUES (NULL)")
            }

            let file = try await catalog.file("a.txt", in: "photos")
            let jobs = try await catalog.claim(.photos())
            let counts = try await catalog.counts().map(\.counts)
            #expect(file == nil && jobs.isEmpty && counts == [[:]])
        }
    }

    @Test func `deletes the file of a model's row that goes`() async throws {
        try await withPhotos { catalog in
            let file = try await catalog.pool.write { db in
                let file = try SQLiteCatalog.record(newFile("a.txt"), in: db)
                try db.execute(sql: "INSERT INTO photo (title, file) VALUES ('Sunset', ?)", arguments: [file.id])
                return file
            }
            let transfer = try #require(try await catalog.claim(.photos()).first)

            try await catalog.pool.write { try $0.execute(sql: "DELETE FROM photo") }

            #expect(try await catalog.file(id: file.id)?.state == .deleting)
            #expect(try await catalog.renew([transfer.ticket: 1], until: 2000) == [transfer.ticket])
            #expect(try await catalog.claim(.photos()).map(\.kind) == [.deleteLocal])
            try await catalog.acknowledgeLoss(of: transfer.ticket)
            #expect(try await catalog.claim(.photos()).map(\.remoteName) == ["a.txt"])
        }
    }

    @Test(arguments: [
        "UPDATE qstore_file SET state = 'deleting', generation = generation + 1",
        "UPDATE qstore_file SET state = 'deleting'",
        "DELETE FROM qstore_file",
    ])
    func `makes tombstones of files that SQL deletes`(_ sql: String) async throws {
        try await withCatalog { catalog in
            var files: [StoredFile] = []
            for name in ["a", "b"] { files.append(try await catalog.record(newFile(name))) }
            for job in try await catalog.claim(.photos(limit: 1)) {
                let completion = TransferCompletion(
                    ticket: job.ticket,
                    remoteName: "x",
                    sha256: nil,
                    deleteLocalAt: nil
                )
                #expect(try await catalog.complete(completion))
            }

            try await catalog.pool.write { try $0.execute(sql: sql) }

            for file in files {
                let row = try #require(try await catalog.file(id: file.id))
                #expect(row.state == .deleting)
                #expect(row.generation == file.generation + 1)
            }
            let jobs = try await catalog.claim(.photos())
            #expect(jobs.count { $0.kind == .deleteLocal } == 2)
            #expect(jobs.filter { $0.kind == .deleteRemote }.map(\.remoteName) == ["x"])
            for file in files { #expect(try await catalog.removeLocal(file) { _ in }) }
            for job in jobs where job.kind == .deleteRemote {
                #expect(try await catalog.completeDeletion(job.ticket))
            }
            #expect(try await catalog.files(FileQuery()) == [])
        }
    }

    @Test func `deletes at once a row without copies`() async throws {
        try await withCatalog { catalog in
            try await catalog.pool.write { db in
                try db.execute(
                    sql: """
                        INSERT INTO qstore_file
                            (storage, name, hasLocal, remoteName, size, state, task, createdAt, modifiedAt)
                            VALUES ('photos', 'a', 0, 'a', 1, 'remote', 'Transfer', 0, 0)
                        """
                )
            }

            #expect(try await catalog.delete("a", in: "photos")?.state == .deleting)

            #expect(try await catalog.files(FileQuery()) == [])
            #expect(try await catalog.counts().map(\.counts) == [[:]])
            #expect(try await catalog.events(after: 0, limit: 9).map(\.type) == [.transferred, .deleted])
        }
    }

    @Test func `cancels the transfer of a file that SQL makes local`() async throws {
        try await withCatalog { catalog in
            _ = try await catalog.record(newFile("a"))

            try await catalog.pool.write { try $0.execute(sql: "UPDATE qstore_file SET state = 'local'") }

            #expect(try await catalog.claim(.photos()).isEmpty)
        }
    }
}
