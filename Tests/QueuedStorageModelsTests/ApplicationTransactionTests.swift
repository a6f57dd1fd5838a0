import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Testing

@Suite struct ApplicationTransactionTests {
    @Test func `records a staged file with the row in the application's own transaction`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()
            #expect(bench.staged.count == 1)

            let saved = try await bench.pool.write { [photo] db in try photo.inserted(db) }

            #expect(saved.id == 1)
            #expect(try await bench.owners() == ["photos/2024/02/29/a.jpg": "photo 1 image"])
            #expect(try await bench.jobs() == ["transfer photos/2024/02/29/a.jpg"])
            #expect(try await saved.image?.text() == "red")
            try await saved.placed()
            #expect(try bench.media == ["photos/2024/02/29/a.jpg": "red"])
        }
    }

    @Test func `refuses to write content that was never staged`() async throws {
        try await withBench { bench in
            let photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))

            await #expect {
                try await bench.pool.write { db in _ = try photo.inserted(db) }
            } throws: {
                ($0 as? ModelError)?.code == .notStaged && "\($0)".contains("\"photo.image\"")
            }

            let count = try await bench.count("photo")
            #expect(count == 0)
        }
    }

    @Test func `refuses a name without its file by SQL that runs no callbacks`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset")
            try await photo.save(in: bench.catalog)
            photo.image = .text("red", "a.jpg")
            let unsaved = photo.image
            try await photo.stageFiles()
            let staged = photo.image

            for file in [unsaved, staged] {
                await #expect(throws: DatabaseError.self) {
                    try await bench.pool.write { db in
                        _ = try Photo.updateAll(db, Photo.column(\.image).set(to: file))
                    }
                }
            }
        }
    }

    @Test func `leaves nothing after a rollback, and can be tried again`() async throws {
        try await withBench { bench in
            struct Regret: Error {}
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()

            await #expect(throws: Regret.self) {
                try await bench.pool.write { [photo] db in
                    _ = try photo.inserted(db)
                    throw Regret()
                }
            }
            #expect(try await bench.owners() == [:])
            #expect(try bench.media == [:])

            let saved = try await bench.pool.write { [photo] db in try photo.inserted(db) }
            try await saved.placed()
            #expect(try bench.media == ["photos/2024/02/29/a.jpg": "red"])
        }
    }

    @Test func `doesn't place a file that a savepoint took back`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()

            try await bench.pool.write { [photo] db in
                try db.inSavepoint {
                    _ = try photo.inserted(db)
                    return .rollback
                }
            }
            #expect(try await bench.owners() == [:])
            #expect(try bench.media == [:])

            let saved = try await bench.pool.write { [photo] db in
                try db.inSavepoint {
                    _ = try photo.inserted(db)
                    return .rollback
                }
                return try photo.inserted(db)
            }
            try await saved.placed()
            #expect(try await bench.owners().count == 1)
            #expect(try bench.media == ["photos/2024/02/29/a.jpg": "red"])
        }
    }

    @Test func `records nothing for an insertion that was ignored`() async throws {
        try await withBench { bench in
            var first = Photo(title: "same")
            try await first.save(in: bench.catalog)
            var photo = Photo(title: "same", image: .text("red", "a.jpg"))
            try await photo.stageFiles()

            _ = try await bench.pool.write { [photo] db in try photo.inserted(db, onConflict: .ignore) }

            #expect(try await bench.owners() == [:])
            await photo.discardStagedFiles()
            #expect(bench.staged == [])
        }
    }

    @Test func `replaces a file in the application's own transaction`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)
            photo.image = .text("new", "b.jpg")
            try await photo.stageFiles()

            try await bench.pool.write { [photo] db in try photo.update(db) }

            #expect(try await bench.owners() == ["photos/2024/02/29/b.jpg": "photo 1 image"])
            #expect(try await bench.tombstones() == ["photos/2024/02/29/a.jpg"])
            #expect(try await bench.jobs().contains("deleteLocal photos/2024/02/29/a.jpg"))
        }
    }

    @Test func `leaves new content alone when only other columns are written`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset")
            try await photo.save(in: bench.catalog)
            photo.title = "Dawn"
            photo.image = .text("new", "b.jpg")

            try await bench.pool.write { [photo] db in try photo.update(db, columns: ["title"]) }

            #expect(try await bench.owners() == [:])
        }
    }

    @Test func `throws when a staged name was taken meanwhile, and succeeds when staged again`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()
            _ = try await bench.photos.save("photos/2024/02/29/a.jpg", .text("thief"))

            await #expect {
                try await bench.pool.write { [photo] db in _ = try photo.inserted(db) }
            } throws: {
                ($0 as? CatalogError)?.code == .nameTaken
            }
            try await photo.stageFiles()
            let saved = try await bench.pool.write { [photo] db in try photo.inserted(db) }

            #expect(saved.image?.name == "photos/2024/02/29/a_AAAAAAA.jpg")
        }
    }

    @Test func `a name that only the remote has any more is taken all the same`() async throws {
        try await withBench { bench in
            let thief = try await bench.photos.save("photos/2024/02/29/a.jpg", .text("thief"))
            // As after a transfer that deletes.
            try FileManager.default.removeItem(atPath: "\(bench.directory)/media/\(thief)")
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()
            let saved = try await bench.pool.write { [photo] db in try photo.inserted(db) }

            #expect(saved.image?.name == "photos/2024/02/29/a_AAAAAAA.jpg")
        }
    }

    @Test func `refuses a connection that would not make the save durable`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.stageFiles()
            try await bench.pool.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = NORMAL") }

            await #expect {
                try await bench.pool.write { [photo] db in _ = try photo.inserted(db) }
            } throws: {
                ($0 as? CatalogError)?.code == .notDurable
            }

            let count = try await bench.count("photo")
            #expect(count == 0)
        }
    }

    @Test func `refuses a table without triggers, or with those of other settings`() async throws {
        try await withBench { bench in
            try await bench.pool.write { try $0.dropQueuedFileTriggers(on: "document") }
            var document = Document(id: "1", scan: .text("x", "x.txt"))
            await #expect { try await document.save(in: bench.catalog) } throws: {
                ($0 as? ModelError)?.code == .noTriggers
            }

            try await bench.pool.write {
                try $0.createQueuedFileTriggers(on: "document", column: "scan", storage: "photos", onDelete: .keep)
            }
            await #expect { try await document.save(in: bench.catalog) } throws: {
                ($0 as? ModelError)?.code == .noTriggers
            }
        }
    }

    @Test func `tells observers of rows that got files`() async throws {
        try await withBench { bench in
            let request = Photo.filter(\.image, "photos/2024/02/29/a.jpg")
            let counts = ValueObservation.tracking { try request.fetchCount($0) }.removeDuplicates()
                .values(in: bench.pool)
            var iterator = counts.makeAsyncIterator()
            #expect(try await iterator.next() == 0)

            var photo = Photo(title: "Sunset", image: .text("red", "a.jpg"))
            try await photo.save(in: bench.catalog)

            #expect(try await iterator.next() == 1)
        }
    }
}
