import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageModels

struct Photo: Model {
    var id: Int64?
    var title: String
    var image: QueuedFieldFile<Image>?
    var thumbnail: QueuedFieldFile<Thumbnail>?

    enum Image: QueuedFileField {
        static var storage: QueuedStorage { present }
        static let uploadTo: UploadPath = "photos/%Y/%m/%d"
    }

    enum Thumbnail: QueuedFileField {
        static var storage: QueuedStorage { present }
        static let maxLength = 20
        static let onDelete = FilePolicy.keep
        static let onReplace = FilePolicy.keep
    }

    static let fileFields = FileFields<Photo>(\.image, \.thumbnail)
}

/// A model with a text as its key, and a field that must be there.
struct Document: Model {
    var id: String
    var scan = QueuedFieldFile<Scan>()

    enum Scan: QueuedFileField {
        static var storage: QueuedStorage { present }
    }

    static let fileFields = FileFields<Document>(\.scan)
}

struct Asset: Model {
    var id: UUID
    var data: QueuedFieldFile<Contents>?

    enum Contents: QueuedFileField {
        static var storage: QueuedStorage { present }
    }

    enum CodingKeys: String, CodingKey { case id, data = "file" }

    static let fileFields = FileFields<Asset>(FileFields.Column("file", \.data))
}

private var present: QueuedStorage {
    guard let bench = Bench.current else { preconditionFailure("a field's storage was asked for without a bench") }
    return bench.photos
}

extension QueuedFieldFile {
    /// New content of a text.
    static func text(_ text: String, _ filename: String) -> Self { Self(.text(text), named: filename) }

    /// What the file holds.
    func text() async throws -> String { try await String(decoding: open().collect(), as: UTF8.self) }
}
