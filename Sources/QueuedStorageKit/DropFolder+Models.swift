public import Logging
import QueuedStorageCore
public import QueuedStorageIngest
public import QueuedStorageModels
import QueuedStorageSQLite

extension DropFolder {
    /// Describes a drop folder whose files become models.
    ///
    /// ```swift
    /// let inbox = try DropFolder("inbox", into: Photo.Image.self) { file in Photo(title: file.stem) }
    /// ```
    /// - Parameters:
    ///   - path: The folder's path.
    ///   - field: The field that the files go to; its storage's catalog must be an `SQLiteCatalog`, in the database that
    ///     has the model's table.
    ///   - mode: When the files are transferred; as `options` have it if nil.
    ///   - options: What else is to be said: what is taken, and what becomes of it.
    ///   - logger: Where to say what happened.
    ///   - make: Makes a model of a file; its field is filled in afterwards. An error sends the file to quarantine.
    /// - Throws: `StorageError` with `invalidConfiguration` if the catalog is another one.
    public convenience init<Field: QueuedFileField, Record: Model>(
        _ path: String,
        into field: Field.Type,
        mode: DropFolderOptions.Mode? = nil,
        options: DropFolderOptions = DropFolderOptions(),
        logger: Logger = Logger(label: "DropFolder"),
        make: @escaping @Sendable (IncomingFile) throws -> Record
    ) throws {
        guard let catalog = field.storage.catalog as? SQLiteCatalog else {
            throw StorageError(
                .invalidConfiguration,
                "the drop folder \"\(path)\" can't make models: the catalog of \"\(field.storage.alias)\" is no SQLiteCatalog"
            )
        }
        var options = options
        if let mode { options.mode = mode }
        self.init(path, into: ModelSink(field, in: catalog, make: make), options: options, logger: logger)
    }
}
