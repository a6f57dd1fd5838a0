public import GRDB

extension TableDefinition {
    /// Adds a column that holds files' names.
    ///
    /// It refuses what is no name, such as content that isn't saved, and names that are too long.
    /// ```swift
    /// try db.create(table: "photo") { t in
    ///     t.autoIncrementedPrimaryKey("id")
    ///     t.queuedFile("image")
    /// }
    /// try db.createQueuedFileTriggers(for: Photo.self)
    /// ```
    ///
    /// - Parameters:
    ///   - name: The column's name.
    ///   - maxLength: The longest name, in Unicode scalars; as the field's ``QueuedFileField/maxLength``.
    /// - Returns: The column, for more constraints.
    @discardableResult
    public func queuedFile(_ name: String, maxLength: Int = 100) -> ColumnDefinition {
        column(name, .text).check(sql: nameCheck(name, maxLength))
    }
}

extension TableAlteration {
    /// Adds a column that holds files' names.
    ///
    /// - Parameters:
    ///   - name: The column's name.
    ///   - maxLength: The longest name, in Unicode scalars; as the field's ``QueuedFileField/maxLength``.
    /// - Returns: The column, for more constraints.
    @discardableResult
    public func addQueuedFile(_ name: String, maxLength: Int = 100) -> ColumnDefinition {
        add(column: name, .text).check(sql: nameCheck(name, maxLength))
    }
}

private func nameCheck(_ column: String, _ maxLength: Int) -> String {
    let column = column.quotedIdentifier
    return "\(column) IS NULL OR (typeof(\(column)) = 'text' AND length(\(column)) <= \(maxLength))"
}
