import Foundation
import GRDB
public import QueuedStorageCore
public import QueuedStorageSQLite

/// Hands the files of a drop folder to a model: each becomes a row with the file in its field, in one commit.
///
/// ```swift
/// let sink = ModelSink(Photo.Image.self, in: catalog) { file in Photo(title: file["title"] ?? file.stem) }
/// ```
/// A file's name is made by the field's ``QueuedFileField/uploadTo``, below which the drop's sub-directories are kept:
/// `trip/cat.jpg` becomes `photos/2026/01/05/trip/cat.jpg`. The collision rules are the drop folder's: on `replace`, the
/// row that has the file keeps it with the new content, and no row is made.
public struct ModelSink: DropSink {
    /// What is known of a drop before its bytes are kept.
    private struct Plan {
        var name: String
        var maxLength: Int?
        var record: Recorder
    }

    private let storage: QueuedStorage
    private let prepare: @Sendable () async throws -> Void
    private let plan: @Sendable (DroppedFile) throws -> Plan

    /// Makes a sink for a model's field.
    ///
    /// - Parameters:
    ///   - field: The field, one of the model's ``Model/fileFields``.
    ///   - catalog: The catalog of the field's storage, in the database that has the model's table.
    ///   - make: Makes a model of a file; its field is filled in afterwards. An error sends the file to quarantine.
    public init<Field: QueuedFileField, Record: Model>(
        _ field: Field.Type,
        in catalog: SQLiteCatalog,
        make: @escaping @Sendable (IncomingFile) throws -> Record
    ) {
        guard let field = Record.fileFields.fields.first(where: { $0.fieldType == field }) else {
            preconditionFailure("\(Field.self) isn't among the fileFields of \(Record.self)")
        }
        let settings = field.settings()
        storage = settings.storage
        prepare = {}
        plan = { [storage] drop in
            let row = try Self.refusing(drop) { try make(IncomingFile(drop)) }
            let (directory, base) = FileName.split(drop.name)
            let made = FileName.split(try settings.name(for: row, filename: base))
            return Plan(
                name: FileName.append(FileName.append(made.base, to: directory), to: made.directory),
                maxLength: settings.maxLength
            ) { new in
                try await catalog.write { db in
                    if let replaced = try Self.replacing(new, in: db) { return replaced }
                    let staged = StagedFieldFile(new, in: storage)
                    var row = row
                    field.set(&row, .staged(staged))
                    try Self.refusing(drop) { try row.insert(db) }
                    guard let file = staged.recorded else {
                        throw ModelError(
                            .wrongTable,
                            "the row of \"\(new.name)\" was not inserted into \"\(Record.databaseTableName)\""
                        )
                    }
                    return file
                }
            }
        }
    }

    /// Makes a sink that keeps an ``IngestedFile`` for each file, in the catalog's database.
    ///
    /// Names are the paths below the drop folder. The table is made when the sink is first used.
    ///
    /// - Parameters:
    ///   - storage: The storage that gets the files.
    ///   - catalog: The storage's catalog.
    public init(_ storage: QueuedStorage, in catalog: SQLiteCatalog) {
        self.storage = storage
        prepare = { try await catalog.write { try IngestedFile.createTable($0) } }
        plan = { drop in
            let at = storage.time.now
            return Plan(name: drop.name) { new in
                try await catalog.write { db in
                    if let replaced = try Self.replacing(new, in: db) {
                        if let owner = replaced.owner, owner.model == IngestedFile.databaseTableName {
                            try db.execute(
                                sql:
                                    "UPDATE ingestedFile SET originalPath = ?, metadata = ?, createdAt = ? WHERE id = ?",
                                arguments: [
                                    drop.originalPath, drop.metadata, Int64(at.timeIntervalSince1970 * 1000), owner.row,
                                ]
                            )
                        }
                        return replaced
                    }
                    let row = try IngestedFile(
                        storage: storage.alias,
                        file: new.name,
                        originalPath: drop.originalPath,
                        metadata: drop.metadata,
                        createdAt: at
                    ).inserted(db)
                    var new = new
                    new.owner = FileOwner(
                        model: IngestedFile.databaseTableName,
                        row: row.id.map(String.init) ?? "",
                        field: "file"
                    )
                    return try SQLiteCatalog.record(new, in: db)
                }
            }
        }
    }

    /// Says of an error that concerns the file itself that trying again doesn't help.
    private static func refusing<Value>(_ drop: DroppedFile, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
            throw StorageError(.notSupported, name: drop.name, "no row can be made of \"\(drop.name)\"", cause: error)
        } catch let error where !(error is StorageError || error is CatalogError || error is DatabaseError) {
            throw StorageError(.notSupported, name: drop.name, "no row can be made of \"\(drop.name)\"", cause: error)
        }
    }

    /// Replaces a file that a row has already; nil if there is none.
    private static func replacing(_ new: NewFile, in db: Database) throws -> StoredFile? {
        guard new.replaces, let old = try SQLiteCatalog.file(new.name, in: new.storage, db), old.owner != nil else {
            return nil
        }
        return try SQLiteCatalog.record(new, in: db)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension ModelSink {
    public var alias: String { storage.alias }

    public var occupiedPaths: [String] { storage.occupiedPaths }

    public var savingPaths: [String] { storage.savingPaths }

    public func begin(_ folder: DropFolderRegistration) async throws {
        try await storage.begin(folder)
        try await prepare()
    }

    public func take(_ drop: DroppedFile) async throws -> DropOutcome {
        let plan = try plan(drop)
        var drop = drop
        drop.name = plan.name
        return try await storage.take(drop, maxLength: plan.maxLength, record: plan.record)
    }

    public func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState] {
        try await storage.recorded(takenEntries: entries)
    }

    public func forget(takenEntries entries: [String]) async throws {
        try await storage.forget(takenEntries: entries)
    }
}
