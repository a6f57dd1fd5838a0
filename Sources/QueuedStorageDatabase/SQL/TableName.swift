import QueuedStorageCore

/// The name of the table that has the files; the other tables and indexes are named after it.
struct TableName: Hashable, Sendable {
    /// The schema; where the connection looks first if nil.
    let schema: String?
    let name: String

    /// The table's name if none is given.
    static let standard = "storedFile"

    /// Names a table.
    ///
    /// - Parameters:
    ///   - text: Letters, digits and underscores, at most 40; of PostgreSQL also `SCHEMA.TABLE`.
    ///   - allowsSchema: Whether a schema may stand before it.
    /// - Throws: `StorageError` with `invalidConfiguration`.
    init(_ text: String, allowsSchema: Bool) throws {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (1...(allowsSchema ? 2 : 1)).contains(parts.count), parts.allSatisfy(Self.isIdentifier) else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"table\" is \(FileName.quoted(text)); a table's name begins with a letter or an underscore, and has "
                    + "at most 40 letters (a to z), digits and underscores"
                    + (allowsSchema ? "; a schema and a dot may stand before it" : "")
            )
        }
        name = parts[parts.count - 1]
        schema = parts.count > 1 ? parts[0] : nil
        guard !["qstore_", "sqlite_", "pg_"].contains(where: { name.lowercased().hasPrefix($0) }) else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"table\" is \"\(text)\"; names that begin with qstore_, sqlite_ or pg_ belong to the catalog and "
                    + "to the databases themselves"
            )
        }
    }

    private static func isIdentifier(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 40 else { return false }
        let isLetter = { (byte: UInt8) in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) || byte == UInt8(ascii: "_")
        }
        return isLetter(first)
            && text.utf8.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    /// The name as it was given.
    var text: String { schema.map { "\($0).\(name)" } ?? name }
    /// The table of files, quoted.
    var file: String { qualified(name) }
    /// The table of chunks, quoted.
    var chunk: String { qualified(name + "_chunk") }

    private func qualified(_ table: String) -> String { (schema.map { "\"\($0)\"." } ?? "") + "\"\(table)\"" }

    /// A schema's SQL with the names filled in.
    func fill(_ template: String) -> String {
        template.replacing("{file}", with: file).replacing("{chunk}", with: chunk)
            .replacing("{listing}", with: "\"\(name)_listing\"")
    }
}
