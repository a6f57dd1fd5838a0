public import GRDB
import QueuedStorageCore
import QueuedStorageSQLite

/// A record with files: a GRDB record whose file fields are saved, replaced and deleted with its row, in one commit.
///
/// ```swift
/// struct Photo: Model {
///     var id: Int64?
///     var title: String
///     var image: QueuedFieldFile<Image>?
///
///     enum Image: QueuedFileField {
///         static let storage = photos
///         static let uploadTo: UploadPath = "photos/%Y/%m/%d"
///     }
///     static let fileFields = FileFields<Photo>(\.image)
/// }
///
/// migrator.registerMigration("photos") { db in            // after SQLiteCatalog(pool) has made its own tables
///     try db.create(table: "photo") { t in
///         t.autoIncrementedPrimaryKey("id")
///         t.column("title", .text).notNull()
///         t.queuedFile("image")
///     }
///     try db.createQueuedFileTriggers(for: Photo.self)
/// }
///
/// var photo = Photo(title: "Sunset", image: .init(.file("sunset.jpg")))
/// try await photo.save(in: catalog)                       // bytes durable; row, file and job in one commit
/// ```
/// Queries, associations, migrations and observation are GRDB's own. In a transaction of the application's own, the bytes
/// are kept first, and the file is recorded with the row:
/// ```swift
/// try await photo.stageFiles()
/// try await pool.write { [photo] db in try photo.inserted(db) }
/// ```
/// A file that gives way to another, or whose row is deleted, is deleted in the same commit, also by plain SQL: triggers
/// see to it. A file that two rows of a table have stays until the last lets go. Two rows can't swap their files, though:
/// SQLite runs triggers row by row, so that a file is let go before the other row takes it.
///
/// If you implement `aroundInsert` or `aroundUpdate` of your own, wrap ``recordingFiles(_:columns:write:)`` around what
/// they do; without it, content that isn't saved can't be written to its column.
public protocol Model: Codable, FetchableRecord, MutablePersistableRecord, Sendable {
    /// The type of the primary key.
    associatedtype ID: Sendable
    /// The primary key; an `Int64?` is set by inserting.
    var id: ID { get set }
    /// The fields that hold files.
    static var fileFields: FileFields<Self> { get }
}

// MARK: - Recording

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension Model {
    public func aroundInsert(_ db: Database, insert: () throws -> InsertionSuccess) throws {
        try recordingFiles(db, columns: nil) { try insert().persistenceContainer }
    }

    public func aroundUpdate(_ db: Database, columns: Set<String>, update: () throws -> PersistenceSuccess) throws {
        try recordingFiles(db, columns: columns) { try update().persistenceContainer }
    }
}

extension Model where ID == Int64? {
    /// Sets the primary key that the row got.
    ///
    /// - Parameter inserted: The row.
    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

extension Model {
    /// Writes the row, and records the files of its fields that are staged, all or nothing.
    ///
    /// - Parameters:
    ///   - db: The connection.
    ///   - columns: The columns that are written; all if nil.
    ///   - write: Writes the row.
    /// - Throws: ``ModelError`` with ``ModelError/Code/notStaged``, ``ModelError/Code/noTriggers``,
    ///   ``ModelError/Code/wrongTable``; `CatalogError` as `SQLiteCatalog.record`; what `write` throws.
    public func recordingFiles(
        _ db: Database,
        columns: Set<String>?,
        write: () throws -> PersistenceContainer
    ) throws {
        var pending: [(column: String, staged: StagedFieldFile)] = []
        for field in Self.fileFields.fields where columns?.contains(field.column) ?? true {
            switch field.get(self) {
            case .empty, .stored: try FieldTriggers.require(Self.self, field, alias: nil, db)
            case .staged(let staged):
                try FieldTriggers.require(Self.self, field, alias: staged.storage.alias, db)
                pending.append((field.column, staged))
            case .unsaved(let file):
                throw ModelError(
                    .notStaged,
                    "the content \"\(file.filename)\" of \"\(Self.databaseTableName).\(field.column)\" isn't kept yet: "
                        + "use save(in:), or stageFiles() before the transaction"
                )
            }
        }
        guard !pending.isEmpty else {
            _ = try write()
            return
        }
        let isNew = try pending.map { try $0.staged.begin(db) }
        do {
            try db.inSavepoint {
                let row = try write()
                for (index, (column, staged)) in pending.enumerated() where isNew[index] {
                    // An insertion that was ignored has written nothing.
                    guard let owner = try Self.owner(of: staged.name, in: column, row, db) else {
                        staged.reset()
                        continue
                    }
                    try staged.record(owner, in: db)
                }
                return .commit
            }
        } catch {
            for (index, (_, staged)) in pending.enumerated() where isNew[index] { staged.reset() }
            throw error
        }
    }

    /// The row that was just written, if it has the name in its column.
    private static func owner(
        of name: String,
        in column: String,
        _ row: PersistenceContainer,
        _ db: Database
    ) throws -> FileOwner? {
        let key = try FieldTriggers.key(of: databaseTableName, db)
        let keys = try String.fetchAll(
            db,
            sql: """
                SELECT \(FieldTriggers.text(of: key, in: databaseTableName)) \
                FROM \(databaseTableName.quotedIdentifier) WHERE \(column.quotedIdentifier) = ?
                """,
            arguments: [name]
        )
        let written = row[key].flatMap { FieldTriggers.text($0.databaseValue) }
        return keys.last { written == nil || $0 == written }.map {
            FileOwner(model: databaseTableName, row: $0, field: column)
        }
    }
}
