public import GRDB

extension Database {
    /// Makes the triggers that keep the files of a model's fields right, whoever changes its rows, in place of those that
    /// there are.
    ///
    /// Call it in the migration that makes the table, and again in one that follows when a field is added, renamed, or gets
    /// another storage or policy. Files that rows have already are theirs from then on.
    ///
    /// - Parameter model: The model; its table is there.
    /// - Throws: ``ModelError`` with ``ModelError/Code/wrongTable``, also if the catalog's tables aren't there yet.
    public func createQueuedFileTriggers<Record: Model>(for model: Record.Type) throws {
        for field in Record.fileFields.fields { try FieldTriggers(model, field).create(self) }
    }

    /// Makes the triggers that keep the files of one column right, for a table without a ``Model``.
    ///
    /// - Parameters:
    ///   - table: The table.
    ///   - column: The column with the files' names.
    ///   - alias: The alias of the storage that has the files.
    ///   - onDelete: What becomes of the file whose row is deleted.
    ///   - onReplace: What becomes of the file that gives way to another.
    /// - Throws: ``ModelError`` with ``ModelError/Code/wrongTable``.
    public func createQueuedFileTriggers(
        on table: String,
        column: String,
        storage alias: String,
        onDelete: FilePolicy = .delete,
        onReplace: FilePolicy = .delete
    ) throws {
        let triggers = FieldTriggers(
            table: table,
            column: column,
            location: .alias(alias),
            onDelete: onDelete,
            onReplace: onReplace
        )
        try triggers.create(self)
    }

    /// Removes the triggers of a table's files; before the table is dropped, or made anew and renamed.
    ///
    /// One of them is on the catalog's own table, and would refer to a table that is gone.
    ///
    /// - Parameter table: The table.
    /// - Throws: `DatabaseError`.
    public func dropQueuedFileTriggers(on table: String) throws {
        let names = try String.fetchAll(
            self,
            sql: """
                SELECT name FROM sqlite_master WHERE type IN ('trigger', 'index')
                    AND substr(name, 1, length(?1)) = ?1 AND tbl_name IN (?2, 'qstore_file')
                """,
            arguments: ["qstore_\(table)_", table]
        )
        for name in names {
            try execute(sql: "DROP TRIGGER IF EXISTS \(name.quotedIdentifier)")
            try execute(sql: "DROP INDEX IF EXISTS \(name.quotedIdentifier)")
        }
    }
}
