import FoundationEssentials
import QueuedStorageCore

/// What a field's type says, as a value.
struct FieldSettings: Sendable {
    let storage: QueuedStorage
    let uploadTo: UploadPath
    let maxLength: Int
    let onDelete: FilePolicy
    let onReplace: FilePolicy
    let attribute: String

    init<Field: QueuedFileField>(_ field: Field.Type) {
        storage = field.storage
        uploadTo = field.uploadTo
        maxLength = field.maxLength
        onDelete = field.onDelete
        onReplace = field.onReplace
        attribute = field.attribute
    }

    /// The wanted name of a file.
    ///
    /// - Parameters:
    ///   - instance: The model, if there is one.
    ///   - filename: What its source calls it.
    /// - Returns: The name; it may be taken.
    /// - Throws: `StorageError` with `invalidName`.
    func name(for instance: (any Sendable)?, filename: String) throws -> String {
        try uploadTo.name(for: filename, owner: instance, in: storage, now: storage.time.now)
    }
}
