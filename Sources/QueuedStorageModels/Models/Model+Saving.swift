import GRDB
public import QueuedStorageCore
public import QueuedStorageSQLite

extension Model {
    /// Inserts or updates the row, and saves the new content of its fields: the row, its files and their jobs are in one
    /// commit, after the bytes are synced.
    ///
    /// A name that somebody else takes meanwhile is replaced by another, and everything is tried again. Files that give way
    /// are deleted in the same commit. After an error the model is as it was, and nothing of the new content stays behind,
    /// unless nobody can say whether the commit happened.
    ///
    /// - Parameter catalog: The catalog of the fields' storages, in the database that has the model's table.
    /// - Throws: ``ModelError``; `StorageError` if bytes can't be kept, or a name isn't allowed; `CatalogError`, with
    ///   `outcomeUnknown` if nobody can say whether the commit happened; `DatabaseError`.
    public mutating func save(in catalog: SQLiteCatalog) async throws {
        try Self.require(catalog)
        var row = self
        let staged = try await row.stage()
        do {
            let (saved, old) = try await row.saved(in: catalog)
            for staged in saved.stagedFiles {
                staged.commit()
                try? await staged.placed()
            }
            self = saved.withStoredNames()
            await Self.removeCopies(ofDeleted: old)
        } catch let error as CatalogError where error.code == .outcomeUnknown {
            for staged in row.stagedFiles { staged.doubt() }
            throw error
        } catch {
            for staged in row.stagedFiles { staged.reset(isCertain: true) }
            for staged in staged { await staged.discard() }
            throw error
        }
    }

    /// Puts new content into a field, and saves the model.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - filename: What to make the name of, together with the field's ``QueuedFileField/uploadTo``.
    ///   - field: The field's property.
    ///   - catalog: As for ``save(in:)``.
    /// - Throws: As ``save(in:)``; the field is as it was then.
    public mutating func save<Value: QueuedFieldValue>(
        _ content: FileContent,
        named filename: String,
        as field: WritableKeyPath<Self, Value>,
        in catalog: SQLiteCatalog
    ) async throws {
        var changed = self
        changed[keyPath: field] = Value(fieldFile: QueuedFieldFile(content, named: filename))
        try await changed.save(in: catalog)
        self = changed
    }

    /// Deletes the row, and its files as their fields' ``QueuedFileField/onDelete`` says, in one commit.
    ///
    /// - Parameter catalog: As for ``save(in:)``.
    /// - Returns: Whether there was such a row.
    /// - Throws: `CatalogError`, `DatabaseError`.
    @discardableResult
    public func delete(in catalog: SQLiteCatalog) async throws -> Bool {
        try Self.require(catalog)
        let (isDeleted, old) = try await catalog.write { [self] db in
            let old = try presentNames(db)
            return (try delete(db), old)
        }
        await Self.removeCopies(ofDeleted: old)
        return isDeleted
    }

    /// Writes the row and what belongs to it, under other names if need be.
    private func saved(in catalog: SQLiteCatalog) async throws -> (Self, [String?]) {
        while true {
            do {
                return try await catalog.write { [self] db in
                    let old = try presentNames(db)
                    var row = self
                    try row.save(db)
                    return (row, old)
                }
            } catch let error as CatalogError where error.code == .nameTaken {
                for staged in stagedFiles { staged.reset(isCertain: true) }
                try await chooseNames()
            }
        }
    }

    private static func require(_ catalog: SQLiteCatalog) throws {
        for field in fileFields.fields {
            let storage = field.settings().storage
            guard storage.catalog as? SQLiteCatalog === catalog else {
                throw ModelError(
                    .wrongCatalog,
                    "the storage \"\(storage.alias)\" of \"\(databaseTableName).\(field.column)\" has another catalog than "
                        + "the one to save in"
                )
            }
        }
    }

    // MARK: Old files

    /// The names that the row's fields have in the database, in their order.
    private func presentNames(_ db: Database) throws -> [String?] {
        let key = try FieldTriggers.key(of: Self.databaseTableName, db)
        guard let id = try databaseDictionary[key], !id.isNull else { return [] }
        let columns = Self.fileFields.fields.map { $0.column.quotedIdentifier }.joined(separator: ", ")
        let row = try Row.fetchOne(
            db,
            sql: """
                SELECT \(columns) FROM \(Self.databaseTableName.quotedIdentifier) \
                WHERE \(key.quotedIdentifier) = ?
                """,
            arguments: [id]
        )
        return row?.databaseValues.map { String.fromDatabaseValue($0) } ?? []
    }

    private static func removeCopies(ofDeleted names: [String?]) async {
        for (field, name) in zip(fileFields.fields, names) {
            if let name { await field.settings().storage.removeCopies(ofDeleted: [name]) }
        }
    }

    private func withStoredNames() -> Self {
        var row = self
        for field in Self.fileFields.fields {
            if case .staged(let staged) = field.get(row) { field.set(&row, .stored(staged.name)) }
        }
        return row
    }
}
