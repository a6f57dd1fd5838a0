public import Foundation
public import GRDB
import QueuedStorageSchemas

/// A file that came in through a drop folder without a model of its own: one row of the table `ingestedFile`.
///
/// Its storage is the drop folder's, so that the row names it by its alias. Who deletes the row deletes the file, and the
/// other way round.
/// ```sql
/// ingestedFile (id, storage, file, originalPath, metadata, createdAt)
/// ```
public struct IngestedFile: Codable, Identifiable, Hashable, Sendable {
    /// The row's identifier; never used again.
    public var id: Int64?
    /// The alias of the storage that has the file.
    public var storage: String
    /// The file's name in the storage.
    public var file: String
    /// The absolute path under which it was dropped.
    public var originalPath: String
    /// The sidecar's JSON object, as it was written; nil if there was none.
    public var metadata: String?
    /// When it came in, by the clock of who took it, in whole milliseconds.
    public var createdAt: Date

    /// Describes a file that came in.
    ///
    /// - Parameters:
    ///   - id: The row's identifier; nil until it is inserted.
    ///   - storage: The alias of the storage that has the file.
    ///   - file: The file's name in the storage.
    ///   - originalPath: The absolute path under which it was dropped.
    ///   - metadata: The sidecar's JSON object.
    ///   - createdAt: When it came in.
    public init(
        id: Int64? = nil,
        storage: String,
        file: String,
        originalPath: String,
        metadata: String? = nil,
        createdAt: Date
    ) {
        self.id = id
        self.storage = storage
        self.file = file
        self.originalPath = originalPath
        self.metadata = metadata
        self.createdAt = createdAt
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension IngestedFile: FetchableRecord, MutablePersistableRecord {
    public static let databaseTableName = "ingestedFile"

    public static func databaseDateDecodingStrategy(for column: String) -> DatabaseDateDecodingStrategy {
        .custom { value in
            Int64.fromDatabaseValue(value).map { Date(timeIntervalSince1970: Double($0) / 1000) }
        }
    }

    public static func databaseDateEncodingStrategy(for column: String) -> DatabaseDateEncodingStrategy {
        .millisecondsSince1970
    }

    public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

extension IngestedFile {
    /// Makes the table and its triggers in a catalog's database, unless they are there.
    ///
    /// - Parameter db: The connection.
    /// - Throws: `DatabaseError`.
    public static func createTable(_ db: Database) throws {
        let triggers = FieldTriggers(
            table: databaseTableName,
            column: "file",
            location: .column("storage"),
            onDelete: .delete,
            onReplace: .delete
        )
        guard try !db.tableExists(databaseTableName) else { return }
        try db.execute(sql: Schemas.ingestedFileV1)
        try triggers.create(db)
    }
}
