import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Testing

@Suite struct ModelSavingTests {
    @Test func `saves the row, its file and its job`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("red", "sun set.jpg"))

            try await photo.save(in: bench.catalog)

            #expect(photo.id == 1)
            #expect(photo.image?.name == "photos/2024/02/29/sun_set.jpg")
            #expect(try bench.media == ["photos/2024/02/29/sun_set.jpg": "red"])
            #expect(try await bench.owners() == ["photos/2024/02/29/sun_set.jpg": "photo 1 image"])
            #expect(try await bench.jobs() == ["transfer photos/2024/02/29/sun_set.jpg"])
            #expect(bench.staged == [])
            let row = try await bench.pool.read { try Photo.fetchOne($0) }
            #expect(row?.image == photo.image)
            #expect(try await row?.image?.text() == "red")
        }
    }

    @Test func `saves two fields in one commit`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Two", image: .text("big", "a.jpg"), thumbnail: .text("small", "a.jpg"))

            try await photo.save(in: bench.catalog)

            #expect(
                try await bench.owners() == [
                    "photos/2024/02/29/a.jpg": "photo 1 image", "a.jpg": "photo 1 thumbnail",
                ]
            )
            #expect(try await photo.thumbnail?.text() == "small")
        }
    }

    @Test func `saves a model with a text as its key and a field that isn't optional`() async throws {
        try await withBench { bench in
            var document = Document(id: "A'1", scan: .text("x", "x.pdf"))
            var empty = Document(id: "B")

            try await document.save(in: bench.catalog)
            try await empty.save(in: bench.catalog)

            #expect(try await bench.owners() == ["x.pdf": "document A'1 scan"])
            let row = try await bench.pool.read { try Document.fetchOne($0, key: "B") }
            #expect(row?.scan.isEmpty == true)
        }
    }

    @Test func `writes a UUID key as text into the owner, and finds the row by it`() async throws {
        try await withBench { bench in
            var asset = Asset(id: UUID(), data: .text("x", "x.bin"))

            try await asset.save(in: bench.catalog)

            let owner = try #require(await bench.catalog.file("x.bin", in: "photos")?.owner)
            #expect(owner == FileOwner(model: "asset", row: asset.id.uuidString, field: "file"))
            let found = try await bench.pool.read { try Asset.filter(owner).fetchOne($0) }
            #expect(found?.id == asset.id)
        }
    }

    @Test func `replaces a file and queues the old one's deletion in the same commit`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)
            let commits = try await bench.catalog.lastEventID()

            photo.image = .text("new", "b.jpg")
            try await photo.save(in: bench.catalog)

            #expect(try await bench.owners() == ["photos/2024/02/29/b.jpg": "photo 1 image"])
            #expect(try bench.media == ["photos/2024/02/29/b.jpg": "new"])
            #expect(try await bench.catalog.lastEventID() > commits)
        }
    }

    @Test func `keeps a replaced file where the field says so`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", thumbnail: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)

            photo.thumbnail = .text("new", "b.jpg")
            try await photo.save(in: bench.catalog)

            #expect(try await bench.owners() == ["a.jpg": "nobody", "b.jpg": "photo 1 thumbnail"])
        }
    }

    @Test func `deletes the file with its row`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"), thumbnail: .text("small", "t.jpg"))
            try await photo.save(in: bench.catalog)

            #expect(try await photo.delete(in: bench.catalog))

            #expect(try await bench.owners() == ["t.jpg": "nobody"])
            #expect(try bench.media == ["t.jpg": "small"])
            #expect(try await bench.count("photo") == 0)
        }
    }

    @Test func `clears a field whose file is set to nil`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)

            photo.image = nil
            try await photo.save(in: bench.catalog)

            #expect(try await bench.owners() == [:])
            #expect(try bench.media == [:])
        }
    }

    @Test func `leaves a delayed file without a job until its transfer is asked for`() async throws {
        try await withBench(delayed: true) { bench in
            var photo = Photo(title: "Sunset", image: .text("old", "a.jpg"))
            try await photo.save(in: bench.catalog)
            #expect(try await photo.image?.state == .local)

            try await photo.image?.transfer()

            #expect(try await photo.image?.state == .queued)
            #expect(try await photo.image?.isUsingLocal == true)
        }
    }

    @Test func `finds another name when the name is taken`() async throws {
        try await withBench { bench in
            var first = Photo(title: "1", image: .text("1", "a.jpg"))
            var second = Photo(title: "2", image: .text("2", "a.jpg"))

            try await first.save(in: bench.catalog)
            try await second.save(in: bench.catalog)

            #expect(second.image?.name == "photos/2024/02/29/a_AAAAAAA.jpg")
        }
    }

    @Test func `tries the whole transaction again when the name is taken meanwhile`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "1", image: .text("1", "a.jpg"), thumbnail: .text("t", "t.jpg"))
            try await photo.stageFiles()
            #expect(photo.image?.name == "photos/2024/02/29/a.jpg")
            _ = try await bench.photos.save("photos/2024/02/29/a.jpg", .text("thief"))

            try await photo.save(in: bench.catalog)

            #expect(photo.image?.name == "photos/2024/02/29/a_AAAAAAA.jpg")
            #expect(photo.thumbnail?.name == "t.jpg")
            #expect(try await bench.count("photo") == 1)
            #expect(try await photo.image?.text() == "1")
        }
    }

    @Test func `follows a file that gets another name as something foreign lies under its own`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "1", thumbnail: .text("ours", "a.jpg"))
            try await photo.stageFiles()
            try "foreign".write(toFile: "\(bench.directory)/media/a.jpg", atomically: false, encoding: .utf8)

            try await photo.save(in: bench.catalog)

            #expect(photo.thumbnail?.name == "a_AAAAAAA.jpg")
            #expect(try bench.media == ["a.jpg": "foreign", "a_AAAAAAA.jpg": "ours"])
            let row = try await bench.pool.read { try Photo.fetchOne($0) }
            #expect(row?.thumbnail == photo.thumbnail)
            #expect(try await bench.owners() == ["a_AAAAAAA.jpg": "photo 1 thumbnail"])
        }
    }

    @Test func `gives two fields of one model different names`() async throws {
        try await withBench { bench in
            struct Pair: Model {
                var id: Int64?
                var a: QueuedFieldFile<Photo.Thumbnail>
                var b: QueuedFieldFile<Document.Scan>
                static let databaseTableName = "pair"
                static let fileFields = FileFields<Pair>(\.a, \.b)
            }
            try createPair(bench)
            var pair = Pair(a: .text("1", "x.txt"), b: .text("2", "x.txt"))

            try await pair.save(in: bench.catalog)

            #expect(try bench.media == ["x.txt": "1", "x_AAAAAAA.txt": "2"])

            func createPair(_ bench: Bench) throws {
                try bench.pool.write { db in
                    try db.create(table: "pair") { t in
                        t.autoIncrementedPrimaryKey("id")
                        t.queuedFile("a").notNull()
                        t.queuedFile("b").notNull()
                    }
                    try db.createQueuedFileTriggers(for: Pair.self)
                }
            }
        }
    }

    @Test func `makes names no longer than the field allows`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "1", thumbnail: .text("1", "abcdefghijklmnopqrstuvwxyz.jpg"))

            try await photo.save(in: bench.catalog)

            #expect(photo.thumbnail?.name?.unicodeScalars.count == 20)
        }
    }

    @Test func `refuses a name that leads out of the storage, and keeps nothing`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "1", image: .text("1", "../../../../evil"), thumbnail: .text("t", "t.jpg"))

            await #expect { try await photo.save(in: bench.catalog) } throws: {
                ($0 as? StorageError)?.code == .invalidName
            }
            let count = try await bench.count("photo")
            #expect(count == 0)
            #expect(bench.staged == [])
            #expect(photo.image?.isSaved == false)
        }
    }

    @Test func `leaves nothing when the row is refused`() async throws {
        try await withBench { bench in
            var first = Photo(title: "same")
            try await first.save(in: bench.catalog)
            var second = Photo(title: "same", image: .text("1", "a.jpg"))

            await #expect(throws: DatabaseError.self) { try await second.save(in: bench.catalog) }

            #expect(bench.staged == [])
            #expect(try bench.media == [:])
            #expect(try await bench.owners() == [:])
            second.title = "another"
            try await second.save(in: bench.catalog)
            #expect(try await second.image?.text() == "1")
        }
    }

    @Test func `refuses a catalog that isn't the storage's`() async throws {
        try await withBench { bench in
            let other = try SQLiteCatalog(path: "\(bench.directory)/other.sqlite")
            var photo = Photo(title: "1", image: .text("1", "a.jpg"))

            await #expect { try await photo.save(in: other) } throws: { ($0 as? ModelError)?.code == .wrongCatalog }
        }
    }

    @Test func `removes a temporary source only after the commit`() async throws {
        try await withBench { bench in
            let path = "\(bench.directory)/upload"
            try "x".write(toFile: path, atomically: false, encoding: .utf8)
            var photo = Photo(title: "1", image: .init(.temporaryFile(path), named: "a.jpg"))

            try await photo.save(in: bench.catalog)

            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(try await photo.image?.text() == "x")
        }
    }

    @Test func `saves many models at once`() async throws {
        try await withBench { bench in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 {
                    group.addTask {
                        var photo = Photo(title: "\(index)", image: .text("\(index)", "same.jpg"))
                        try await photo.save(in: bench.catalog)
                        #expect(try await photo.image?.text() == "\(index)")
                    }
                }
                try await group.waitForAll()
            }

            #expect(try await bench.owners().count == 20)
            #expect(try bench.media.count == 20)
        }
    }
}
