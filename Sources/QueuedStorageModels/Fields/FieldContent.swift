import QueuedStorageCore

/// What a file field holds, whatever its type.
enum FieldContent: Sendable {
    /// No file.
    case empty
    /// A file of the storage.
    case stored(String)
    /// Bytes that are yet to be kept.
    case unsaved(UnsavedFile)
    /// Bytes that are kept, and recorded with the row.
    case staged(StagedFieldFile)
}

/// Bytes that are yet to be kept, and what their source calls them.
struct UnsavedFile: Sendable {
    var filename: String
    var content: FileContent
}

extension FieldContent {
    /// The file's name; of content that isn't saved, the wanted one.
    var name: String? {
        switch self {
        case .empty: nil
        case .stored(let name): name
        case .unsaved(let file): file.filename
        case .staged(let staged): staged.name
        }
    }
}
