import GRDB
import QueuedStorageKit

/// A photo and its preview.
struct Photo: Model {
    var id: Int64?
    var title: String
    var image: QueuedFieldFile<Image>?
    var preview: QueuedFieldFile<Preview>?

    enum Image: QueuedFileField {
        static var storage: QueuedStorage { App.shared.photos }
        static let uploadTo: UploadPath = "%Y/%m"
    }

    enum Preview: QueuedFileField {
        static var storage: QueuedStorage { App.shared.previews }
        static let uploadTo: UploadPath = "%Y/%m"
    }

    static let fileFields = FileFields<Photo>(\.image, \.preview)

    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("photo") { db in
            try db.create(table: "photo") { t in
                t.autoIncrementedPrimaryKey("id")
                t.column("title", .text).notNull()
                t.queuedFile("image")
                t.queuedFile("preview")
            }
            try db.createQueuedFileTriggers(for: Photo.self)
        }
        return migrator
    }
}
