import ArgumentParser
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite

/// Saves a row with two file fields, as an application does, in the working directory.
struct SaveModel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "save-model", shouldDisplay: false)

    @Argument var act: String
    @Argument var first: String
    @Argument var second: String

    func run() async throws {
        let app = App.shared
        try await app.pool.write { db in
            guard try !db.tableExists("photo") else { return }
            try db.create(table: "photo") { table in
                table.autoIncrementedPrimaryKey("id")
                table.queuedFile("image")
                table.queuedFile("thumbnail")
            }
            try db.createQueuedFileTriggers(for: Photo.self)
        }
        var photo = Photo()
        if act == "update", let found = try await app.pool.read({ try Photo.fetchOne($0) }) { photo = found }
        photo.image = .init(.text(first), named: "image.txt")
        photo.thumbnail = .init(.text(second), named: "thumbnail.txt")
        try await photo.save(in: app.catalog)
        print("saved")
    }
}

/// The application: its database, and a storage that `qstore` knows by the same name.
private struct App: Sendable {
    static let shared: App = {
        do {
            return try App()
        } catch {
            fatalError("the database can't be opened: \(error)")
        }
    }()

    let pool: DatabasePool
    let catalog: SQLiteCatalog
    let files: QueuedStorage

    private init() throws {
        pool = try DatabasePool(path: "q.sqlite")
        catalog = try SQLiteCatalog(pool)
        files = try QueuedStorage(
            "default",
            local: FileSystemStorage(location: "local"),
            remote: FileSystemStorage(location: "remote"),
            catalog: catalog
        )
    }
}

private struct Photo: Model {
    var id: Int64?
    var image: QueuedFieldFile<Image>?
    var thumbnail: QueuedFieldFile<Thumbnail>?

    enum Image: QueuedFileField {
        static var storage: QueuedStorage { App.shared.files }
    }

    enum Thumbnail: QueuedFileField {
        static var storage: QueuedStorage { App.shared.files }
    }

    static let fileFields = FileFields<Photo>(\.image, \.thumbnail)
}
