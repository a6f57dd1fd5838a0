import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Testing

@Suite struct ModelSinkTests {
    /// A drop folder, as far as a sink sees one: files that were taken already.
    private struct Inbox {
        let path: String
        var folder: DropFolderRegistration { DropFolderRegistration(id: "inbox", path: path, storage: "photos") }

        init(_ bench: Bench) throws {
            path = "\(bench.directory)/inbox"
            try FileManager.default.createDirectory(
                atPath: "\(path)/.qstore/taken/token",
                withIntermediateDirectories: true
            )
            try "inbox".write(toFile: "\(path)/.qstore/id", atomically: false, encoding: .utf8)
        }

        func drop(
            _ name: String,
            _ text: String,
            metadata: String? = nil,
            onCollision: DroppedFile.Collision = .rename,
            isOurs: Bool = true
        ) throws -> DroppedFile {
            let entry = "token/\(UUID().uuidString)"
            let place = "\(path)/.qstore/taken/\(entry)"
            try text.write(toFile: place, atomically: false, encoding: .utf8)
            let file = try OpenFile(source: place)
            let taken = TakenFile(
                inbox: path,
                inboxID: "inbox",
                entry: entry,
                isOurs: isOurs,
                file: file,
                status: try file.status()
            )
            return DroppedFile(
                name: name,
                taken: taken,
                metadata: metadata,
                originalPath: "\(path)/\(name)",
                onCollision: onCollision
            )
        }
    }

    private func withPhotoSink(_ body: (Bench, Inbox, ModelSink) async throws -> Void) async throws {
        try await withBench { bench in
            let inbox = try Inbox(bench)
            let sink = ModelSink(Photo.Image.self, in: bench.catalog) { file in
                Photo(title: file["title"] ?? file.stem)
            }
            try await sink.begin(inbox.folder)
            try await body(bench, inbox, sink)
        }
    }

    @Test(arguments: [true, false])
    func `makes a row of a file, in one commit`(_ isOurs: Bool) async throws {
        try await withPhotoSink { bench, inbox, sink in
            let drop = try inbox.drop("trip/day 1/cat.jpg", "meow", isOurs: isOurs)

            guard case .saved(let file, let state) = try await sink.take(drop) else {
                Issue.record("the file was skipped")
                return
            }

            #expect(file.name == "photos/2024/02/29/trip/day 1/cat.jpg")
            #expect(file.owner == FileOwner(model: "photo", row: "1", field: "image"))
            let copied = CopiedEntry(
                drop.taken,
                sha256: "404cdd7bc109c432f8cc2443b45bcfe95980f5107215c645236e577929ac3e52"
            )
            #expect(state == (isOurs ? .placed : .copied(copied)))
            let row = try #require(try await bench.pool.read { try Photo.fetchOne($0) })
            #expect(row.title == "cat")
            #expect(try await row.image?.text() == "meow")
            let entry = "inbox/\(drop.taken.entry)"
            let recorded = try await sink.recorded(takenEntries: [entry])
            #expect(isOurs || recorded == [entry: .copied(copied)])
            try await sink.forget(takenEntries: [entry])
        }
    }

    @Test func `fills the model from the sidecar`() async throws {
        try await withPhotoSink { bench, inbox, sink in
            _ = try await sink.take(inbox.drop("a.jpg", "x", metadata: #"{"title": "Sunset", "stars": 5}"#))

            let row = try await bench.pool.read { try Photo.fetchOne($0) }
            #expect(row?.title == "Sunset")
        }
    }

    @Test func `finds another name for the second file of a name`() async throws {
        try await withPhotoSink { bench, inbox, sink in
            _ = try await sink.take(inbox.drop("a.jpg", "1", metadata: #"{"title": "1"}"#))
            _ = try await sink.take(inbox.drop("a.jpg", "2", metadata: #"{"title": "2"}"#))

            #expect(
                try await bench.owners() == [
                    "photos/2024/02/29/a.jpg": "photo 1 image",
                    "photos/2024/02/29/a_AAAAAAA.jpg": "photo 2 image",
                ]
            )
        }
    }

    @Test func `keeps the row of a file that is replaced`() async throws {
        try await withPhotoSink { bench, inbox, sink in
            _ = try await sink.take(inbox.drop("a.jpg", "1", onCollision: .replace))
            _ = try await sink.take(inbox.drop("a.jpg", "2", onCollision: .replace))

            let rows = try await bench.pool.read { try Photo.fetchAll($0) }
            #expect(rows.count == 1)
            #expect(try await rows.first?.image?.text() == "2")
            #expect(try await bench.owners() == ["photos/2024/02/29/a.jpg": "photo 1 image"])
        }
    }

    @Test func `skips a file whose name is taken, if so asked`() async throws {
        try await withPhotoSink { bench, inbox, sink in
            _ = try await sink.take(inbox.drop("a.jpg", "1"))

            guard case .skipped = try await sink.take(inbox.drop("a.jpg", "2", onCollision: .skip)) else {
                Issue.record("the file was saved")
                return
            }
            #expect(try await bench.count("photo") == 1)
        }
    }

    @Test func `says that trying again doesn't help when the row is refused, and leaves the file`() async throws {
        try await withPhotoSink { bench, inbox, sink in
            _ = try await sink.take(inbox.drop("a.jpg", "1", metadata: #"{"title": "same"}"#))
            let drop = try inbox.drop("b.jpg", "2", metadata: #"{"title": "same"}"#)

            await #expect { try await sink.take(drop) } throws: { ($0 as? StorageError)?.code == .notSupported }

            #expect(try await bench.count("photo") == 1)
            #expect(try await bench.owners().count == 1)
            #expect(FileManager.default.fileExists(atPath: "\(inbox.path)/.qstore/taken/\(drop.taken.entry)"))
        }
    }

    @Test func `sends a file to quarantine that no model can be made of`() async throws {
        try await withBench { bench in
            struct Unfit: Error {}
            let inbox = try Inbox(bench)
            let sink = ModelSink(Photo.Image.self, in: bench.catalog) { _ -> Photo in throw Unfit() }
            try await sink.begin(inbox.folder)
            let drop = try inbox.drop("a.jpg", "1")

            await #expect { try await sink.take(drop) } throws: { ($0 as? StorageError)?.code == .notSupported }
        }
    }

    // MARK: Without a model

    @Test func `keeps a row of each file that came in without a model`() async throws {
        try await withBench { bench in
            let inbox = try Inbox(bench)
            let sink = ModelSink(bench.photos, in: bench.catalog)
            try await sink.begin(inbox.folder)
            try await sink.begin(inbox.folder)

            _ = try await sink.take(inbox.drop("sub/a.jpg", "1", metadata: #"{"k":1}"#))

            let row = try #require(try await bench.pool.read { try IngestedFile.fetchOne($0) })
            #expect(row.storage == "photos" && row.file == "sub/a.jpg" && row.metadata == #"{"k":1}"#)
            #expect(row.originalPath == "\(inbox.path)/sub/a.jpg")
            #expect(row.createdAt == FrozenTime().now)
            #expect(try await bench.owners() == ["sub/a.jpg": "ingestedFile 1 file"])
        }
    }

    @Test func `deletes such a row with its file, and the file with its row`() async throws {
        try await withBench { bench in
            let inbox = try Inbox(bench)
            let sink = ModelSink(bench.photos, in: bench.catalog)
            try await sink.begin(inbox.folder)
            _ = try await sink.take(inbox.drop("a.jpg", "1"))
            _ = try await sink.take(inbox.drop("b.jpg", "2"))

            try await bench.photos.delete("a.jpg")
            #expect(try await bench.count("ingestedFile") == 1)

            _ = try await bench.pool.write { try IngestedFile.deleteAll($0) }
            #expect(try await bench.owners() == [:])
        }
    }

    @Test func `updates such a row when its file is replaced`() async throws {
        try await withBench { bench in
            let inbox = try Inbox(bench)
            let sink = ModelSink(bench.photos, in: bench.catalog)
            try await sink.begin(inbox.folder)
            _ = try await sink.take(inbox.drop("a.jpg", "1", onCollision: .replace))
            _ = try await sink.take(inbox.drop("a.jpg", "2", metadata: #"{"v":2}"#, onCollision: .replace))

            let rows = try await bench.pool.read { try IngestedFile.fetchAll($0) }
            #expect(rows.map(\.metadata) == [#"{"v":2}"#])
            let text = try await String(decoding: bench.photos.open("a.jpg").collect(), as: UTF8.self)
            #expect(text == "2")
        }
    }
}
