import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Testing

@Suite struct FieldFileTests {
    @Test func `says of an empty field that it has no file`() async throws {
        try await withBench { _ in
            let empty = QueuedFieldFile<Photo.Image>()
            let message = "The 'image' attribute has no file associated with it."
            func isRight(_ error: any Error) -> Bool {
                (error as? ModelError)?.code == .noFile && "\(error)" == message
            }

            await #expect { try await empty.size } throws: { isRight($0) }
            await #expect { try await empty.url } throws: { isRight($0) }
            #expect { try empty.path } throws: { isRight($0) }
            await #expect { try await empty.open() } throws: { isRight($0) }
            await #expect { try await empty.transfer() } throws: { isRight($0) }
            let state = try await empty.state
            #expect(state == nil)
            #expect(empty == "")
        }
    }

    @Test func `compares and hashes by name, byte by byte`() {
        typealias File = QueuedFieldFile<Photo.Image>

        #expect(File(name: "a.jpg") == File(.text("x"), named: "a.jpg"))
        #expect(File(name: "a.jpg") == "a.jpg")
        #expect(File(name: "\u{E9}") != File(name: "e\u{301}"))
        #expect(Set([File(name: "a"), File(name: "a"), File(name: "b")]).count == 2)
        #expect(File(name: "") == File())
    }

    @Test func `takes the name of the file that it is made of`() {
        #expect(QueuedFieldFile<Photo.Image>(.file("/tmp/x/sunset.jpg")) == "sunset.jpg")
        #expect(QueuedFieldFile<Photo.Image>(.text("x")) == "file")
    }

    @Test func `survives coding, and refuses to encode what isn't saved`() throws {
        let photo = Photo(id: 3, title: "x", image: .init(name: "a.jpg"))

        let data = try JSONEncoder().encode(photo)

        #expect(String(decoding: data, as: UTF8.self).contains(#""image":"a.jpg""#))
        let decoded = try JSONDecoder().decode(Photo.self, from: data)
        #expect(decoded.image == photo.image)
        #expect(decoded.thumbnail == nil)
        #expect(try JSONDecoder().decode(Document.self, from: Data(#"{"id":"1","scan":null}"#.utf8)).scan.isEmpty)
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Document.self, from: Data(#"{"id":"1"}"#.utf8)) }
        #expect(throws: EncodingError.self) {
            try JSONEncoder().encode(Photo(title: "x", image: .text("x", "a.jpg")))
        }
    }

    @Test func `reads content that isn't saved, staged or saved alike`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x", image: .text("hello", "a.jpg"))
            #expect(try await photo.image?.text() == "hello")
            #expect(try await photo.image?.size == 5)

            try await photo.stageFiles()
            #expect(try await photo.image?.text() == "hello")
            #expect(try await photo.image?.size == 5)
            #expect(photo.image?.isSaved == false)

            try await photo.save(in: bench.catalog)
            #expect(try await photo.image?.text() == "hello")
            #expect(try await photo.image?.size == 5)
            #expect(try await photo.image?.url == "/media/photos/2024/02/29/a.jpg")
            #expect(try photo.image?.path == "\(bench.directory)/media/photos/2024/02/29/a.jpg")
            #expect(try await String(decoding: photo.image?.open(range: 0..<2).collect() ?? [], as: UTF8.self) == "he")
        }
    }

    @Test func `saves a file without its row, which takes it up later`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x", image: .init())
            try await photo.image?.save("a.jpg", .text("hello"))
            #expect(try await bench.owners() == ["photos/2024/02/29/a.jpg": "nobody"])

            try await photo.save(in: bench.catalog)

            #expect(try await bench.owners() == ["photos/2024/02/29/a.jpg": "photo 1 image"])
        }
    }

    @Test func `deletes a file with its name in the row`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x", image: .text("x", "a.jpg"))
            try await photo.save(in: bench.catalog)

            try await photo.image?.delete()

            #expect(photo.image?.isEmpty == true)
            #expect(try await bench.owners() == [:])
            #expect(try bench.media == [:])
            let row = try await bench.pool.read { try Photo.fetchOne($0) }
            #expect(row != nil && row?.image == nil)
        }
    }

    @Test func `puts a saved file's content into a field and saves the row`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x")

            try await photo.save(.text("x"), named: "a.jpg", as: \.image, in: bench.catalog)

            #expect(photo.id == 1)
            #expect(try await photo.image?.text() == "x")
        }
    }

    @Test func `tells who a transferred file belongs to`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x", image: .text("hello", "a.jpg"))
            try await photo.save(in: bench.catalog)
            let handle = try #require(try await photo.image?.transfer())

            try await TransferWorker(catalog: bench.catalog, storages: [bench.photos]).runUntilIdle()

            let file = try await handle.value
            #expect(file.owner == FileOwner(model: "photo", row: "1", field: "image"))
            let event = try #require(try await bench.catalog.events(after: 0, limit: 100).last)
            #expect(event.type == .transferred)
            let owner = try #require(event.owner)
            let row = try await bench.pool.read { try Photo.filter(owner).fetchOne($0) }
            #expect(row?.title == "x")
            try await photo.image?.durable(on: .remote)
            #expect(try await photo.image?.state == .remote)
            #expect(try await photo.image?.isUsingLocal == false)
        }
    }

    @Test func `tells the owner already when the file is queued`() async throws {
        try await withBench { bench in
            var photo = Photo(title: "x", image: .text("hello", "a.jpg"))

            try await photo.save(in: bench.catalog)

            let event = try #require(try await bench.catalog.events(after: 0, limit: 100).first)
            #expect(event.type == .queued && event.owner?.row == "1")
        }
    }

    @Test func `discards staged bytes with the last copy of the model`() async throws {
        try await withBench { bench in
            var photo: Photo? = Photo(title: "x", image: .text("hello", "a.jpg"))
            try await photo?.stageFiles()
            #expect(bench.staged.count == 1)

            await photo?.discardStagedFiles()

            #expect(bench.staged == [])
            await #expect {
                try await bench.pool.write { [photo] db in _ = try photo?.inserted(db) }
            } throws: {
                ($0 as? ModelError)?.code == .notStaged
            }
            photo = nil
        }
    }
}
