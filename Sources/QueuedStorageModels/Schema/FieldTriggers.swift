import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSchemas

/// The triggers that keep the files of one column of a table right.
struct FieldTriggers {
    /// Where a row's file is.
    enum Location {
        /// In the storage with an alias.
        case alias(String)
        /// In the storage whose alias a column has.
        case column(String)
    }

    let table: String
    let column: String
    let location: Location
    let onDelete: FilePolicy
    let onReplace: FilePolicy
}

extension FieldTriggers {
    /// The triggers of a model's field.
    init<Record: Model>(_ model: Record.Type, _ field: FileField<Record>) {
        let settings = field.settings()
        table = model.databaseTableName
        column = field.column
        location = .alias(settings.storage.alias)
        onDelete = settings.onDelete
        onReplace = settings.onReplace
    }

    /// Makes them, in place of those that there are.
    func create(_ db: Database) throws {
        guard try db.tableExists("qstore_file") else {
            throw ModelError(
                .wrongTable,
                "the database has no catalog yet, which the triggers of \"\(table).\(column)\" need: make the SQLiteCatalog "
                    + "with it before the migrations"
            )
        }
        guard try db.columns(in: table).contains(where: { $0.name == column }) else {
            throw ModelError(.wrongTable, "the table \"\(table)\" has no column \"\(column)\" for files")
        }
        try drop(db)
        try db.execute(sql: sql(key: Self.key(of: table, db)))
    }

    /// Removes them, if they are there.
    func drop(_ db: Database) throws {
        for event in ["inserted", "updated", "deleted", "renamed"] {
            try db.execute(sql: "DROP TRIGGER IF EXISTS \(name(event).quotedIdentifier)")
        }
        try db.execute(sql: "DROP INDEX IF EXISTS \(name("index").quotedIdentifier)")
    }

    /// Makes sure that a model's field has its triggers, and that they do what it says.
    ///
    /// The field's storage isn't asked for: in a transaction of the application's own, nobody knows on which thread.
    ///
    /// - Parameters:
    ///   - model: The model.
    ///   - field: The field.
    ///   - alias: The alias of the storage that new content is kept in, if there is any.
    ///   - db: The connection.
    /// - Throws: ``ModelError`` with ``ModelError/Code/noTriggers``.
    static func require<Record: Model>(
        _ model: Record.Type,
        _ field: FileField<Record>,
        alias: String?,
        _ db: Database
    ) throws {
        let table = model.databaseTableName
        let wanted = (alias.map { [storage($0)] } ?? []) + [policies(field.onReplace, field.onDelete)]
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = ? AND tbl_name = ?"
            ),
            arguments: [name(table, field.column, "inserted"), table]
        )
        let sql = try rows.next().map { $0[0] as String }
        while try rows.next() != nil {}
        if let sql, wanted.allSatisfy({ sql.contains($0) }) { return }
        let problem = sql == nil ? "no triggers for" : "triggers for other settings of"
        throw ModelError(
            .noTriggers,
            "the table \"\(table)\" has \(problem) the files in \"\(field.column)\"; a migration must call "
                + "createQueuedFileTriggers"
        )
    }

    private static func name(_ table: String, _ column: String, _ event: String) -> String {
        "qstore_\(table)_\(column)_\(event)"
    }

    private static func storage(_ alias: String) -> String { "storage: \(alias);" }

    private static func policies(_ onReplace: FilePolicy, _ onDelete: FilePolicy) -> String {
        "replaced: \(onReplace.rawValue); deleted: \(onDelete.rawValue);"
    }

    private func name(_ event: String) -> String { Self.name(table, column, event) }

    /// What the triggers are made for, in one line.
    private var settings: String {
        let policies = Self.policies(onReplace, onDelete)
        return if case .alias(let alias) = location { "\(Self.storage(alias)) \(policies)" } else { policies }
    }

    private func sql(key: String) -> String {
        var values: [String: String] = [
            "table": table.quotedIdentifier,
            "column": column.quotedIdentifier,
            "model": table.sqlText,
            "field": column.sqlText,
            "settings": settings,
            "onReplace": onReplace.assignments,
            "onDelete": onDelete.assignments,
        ]
        for event in ["inserted", "updated", "deleted", "renamed", "index"] {
            values[event] = name(event).quotedIdentifier
        }
        for row in ["NEW", "OLD", "other"] {
            values["key \(row)"] = Self.text(of: key, in: row)
            values["storage \(row)"] = storage(in: row)
        }
        values["storage"] = storage(in: nil)
        // One pass, so that no value is taken for a placeholder.
        var result = ""
        for (index, part) in Schemas.modelFieldV1.split(separator: "{", omittingEmptySubsequences: false).enumerated() {
            guard index > 0, let end = part.firstIndex(of: "}"), let value = values[String(part[..<end])] else {
                result += index > 0 ? "{\(part)" : part
                continue
            }
            result += value + part[part.index(after: end)...]
        }
        return result
    }

    private func storage(in row: String?) -> String {
        switch location {
        case .alias(let alias): alias.sqlText
        case .column(let column): (row.map { "\($0)." } ?? "") + column.quotedIdentifier
        }
    }
}

// MARK: - Keys

extension FieldTriggers {
    /// The column that is a table's primary key; `rowid` if it has none.
    static func key(of table: String, _ db: Database) throws -> String {
        let columns = try db.primaryKey(table).columns
        guard columns.count == 1 else {
            throw ModelError(.wrongTable, "the table \"\(table)\" with files needs a primary key of one column")
        }
        return columns[0]
    }

    /// The SQL of a row's primary key as a text: 16 bytes as a UUID, other bytes in hexadecimal digits.
    static func text(of key: String, in row: String) -> String {
        let key = (["NEW", "OLD"].contains(row) ? row : row.quotedIdentifier) + "." + key.quotedIdentifier
        let parts = [(1, 8), (9, 4), (13, 4), (17, 4), (21, 12)].map { "substr(hex(\(key)), \($0.0), \($0.1))" }
        return """
            CASE typeof(\(key)) WHEN 'blob' THEN iif(length(\(key)) = 16, \(parts.joined(separator: " || '-' || ")), \
            hex(\(key))) ELSE CAST(\(key) AS TEXT) END
            """
    }

    /// A primary key as the same text; nil where only SQLite knows it.
    static func text(_ key: DatabaseValue) -> String? {
        switch key.storage {
        case .int64(let number): String(number)
        case .string(let text): text
        case .blob(let data):
            UUID.fromDatabaseValue(key).map { data.count == 16 ? $0.uuidString : nil }
                ?? data.map {
                    String($0 >> 4, radix: 16, uppercase: true) + String($0 & 15, radix: 16, uppercase: true)
                }
                .joined()
        case .null, .double: nil
        }
    }
}

extension FilePolicy {
    /// What is set in the catalog's row of a file that no row has any longer.
    fileprivate var assignments: String {
        switch self {
        case .keep: "ownerModel = NULL, ownerRow = NULL, ownerField = NULL"
        case .delete: "state = 'deleting', generation = generation + 1"
        }
    }
}

extension String {
    /// The text as SQL.
    var sqlText: String { quoted("'") }

    /// The name of a table, column or trigger as SQL; GRDB's own quoting leaves quotes in it alone.
    var quotedIdentifier: String { quoted("\"") }

    private func quoted(_ quote: Character) -> String {
        "\(quote)" + split(separator: quote, omittingEmptySubsequences: false).joined(separator: "\(quote)\(quote)")
            + "\(quote)"
    }
}
