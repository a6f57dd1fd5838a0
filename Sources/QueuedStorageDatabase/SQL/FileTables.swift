import QueuedStorageCore

/// A part of a file: what a row of the table of chunks has.
struct Chunk: Sendable {
    var number: Int64
    var bytes: [UInt8]
    var sha256: [UInt8]

    init(number: Int64, bytes: [UInt8]) {
        self.number = number
        self.bytes = bytes
        var hash = Digests(.sha256)
        hash.update(bytes)
        sha256 = hash.bytes(.sha256)
    }
}

/// What is known of a file before it gets its name.
struct NewRow: Sendable {
    var name: String
    var size: Int64
    var chunkSize: Int
    var sha256: [UInt8]?
    var contentType: String?

    /// The name up to its last slash, with it.
    static func directory(of name: String) -> String {
        let directory = FileName.split(name).directory
        return directory == "" ? "" : directory + "/"
    }
}

/// A file, or an upload, as a row has it.
struct FileRow: Sendable {
    var id: Int64
    var size: Int64
    var chunkSize: Int64

    /// No file is longer: 4 EiB.
    static let maxSize: Int64 = 1 << 62
    /// No value of a database is longer: 1 GiB.
    static let maxChunkSize: Int64 = 1 << 30

    /// How many chunks a file of this size has.
    var chunkCount: Int64 { (size + chunkSize - 1) / chunkSize }
}

/// The statements on the tables of files and chunks, in one transaction or none, as the caller has it.
struct FileTables: Sendable {
    let table: TableName
    let dialect: SQLDialect

    private var file: String { table.file }
    private var chunk: String { table.chunk }

    /// Whether what a commit confirms is on the disk; the SQLite database is opened so.
    func commitsDurably(_ session: any SQLSession) throws -> Bool {
        guard dialect == .postgres else { return true }
        let settings = try session.run("SELECT current_setting('synchronous_commit'), current_setting('fsync')").first
        return settings?[0].text != "off" && settings?[1].text == "on"
    }

    // MARK: Finding

    func find(_ name: String, _ session: any SQLSession) throws -> FileRow? {
        try session.run("SELECT id, size, \"chunkSize\" FROM \(file) WHERE name = ?1", .text(name)).first.map(Self.row)
    }

    /// A file, and the beginning of what is wanted of it, so that a small file needs one round trip.
    func open(_ name: String, at offset: Int64, _ session: any SQLSession) throws -> (FileRow, first: SQLRow)? {
        let rows = try session.run(
            """
            SELECT f.id, f.size, f."chunkSize", c.sha256, c.bytes
            FROM \(file) f LEFT JOIN \(chunk) c ON c.file = f.id AND c.number = ?2 / f."chunkSize"
            WHERE f.name = ?1
            """,
            .text(name),
            .integer(offset)
        )
        return try rows.first.map { (try Self.row($0), Array($0[3...])) }
    }

    /// A whole chunk and its checksum, or the part of it that is wanted.
    func chunk(_ number: Int64, of id: Int64, part: Range<Int64>?, _ session: any SQLSession) throws -> SQLRow? {
        let position: [SQLValue] = [.integer(id), .integer(number)]
        guard let part else {
            return try session.run("SELECT sha256, bytes FROM \(chunk) WHERE file = ?1 AND number = ?2", position).first
        }
        return try session.run(
            """
            SELECT NULL, substr(bytes, CAST(?3 AS INTEGER), CAST(?4 AS INTEGER))
            FROM \(chunk) WHERE file = ?1 AND number = ?2
            """,
            position + [.integer(part.lowerBound + 1), .integer(Int64(part.count))]
        ).first
    }

    func value(_ column: String, of name: String, _ session: any SQLSession) throws -> SQLValue? {
        try session.run("SELECT \(column) FROM \(file) WHERE name = ?1", .text(name)).first?[0]
    }

    func isThere(_ id: Int64, _ session: any SQLSession) throws -> Bool {
        try !session.run("SELECT 1 FROM \(file) WHERE id = ?1 AND name IS NOT NULL", .integer(id)).isEmpty
    }

    private static func row(_ row: SQLRow) throws -> FileRow {
        let file = FileRow(id: row[0].integer ?? 0, size: row[1].integer ?? 0, chunkSize: row[2].integer ?? 1)
        // Somebody may have tampered with it; what is computed from these must stay within the numbers that there are.
        guard (0...FileRow.maxSize).contains(file.size), (1...FileRow.maxChunkSize).contains(file.chunkSize) else {
            throw SQLFailure(.damaged, "its row says \(file.size) bytes in chunks of \(file.chunkSize)")
        }
        return file
    }

    // MARK: Listing

    /// The files directly in a directory that come after a name, a page of them.
    func files(in directory: String, after name: String, limit: Int, _ session: any SQLSession) throws -> [String] {
        try session.run(
            "SELECT name FROM \(file) WHERE directory = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
            .text(directory),
            .text(name),
            .integer(Int64(limit))
        ).compactMap { $0[0].text }
    }

    /// The directories directly in a directory: of each, the index is entered once, however much is in it.
    func directories(in directory: String, _ session: any SQLSession) throws -> [String] {
        // What begins with "a/" lies between "a/" and "a0", as 0 comes after the slash.
        let rest = "substr(directory, CAST(?2 AS INTEGER))"
        let component = "substr(\(rest), 1, \(dialect.position)(\(rest), '/') - 1)"
        let end = directory == "" ? "" : "AND directory < ?3"
        return try session.run(
            """
            WITH RECURSIVE child (name) AS (
                SELECT (SELECT \(component) FROM \(file) WHERE directory > ?1 \(end) ORDER BY directory LIMIT 1)
                UNION -- not ALL: a directory without a slash, which only a stranger writes, would come for ever
                SELECT (
                    SELECT \(component) FROM \(file)
                    WHERE directory >= ?1 || child.name || '0' \(end) ORDER BY directory LIMIT 1
                ) FROM child WHERE child.name IS NOT NULL
            )
            SELECT name FROM child WHERE name IS NOT NULL
            """,
            [.text(directory), .integer(Int64(directory.unicodeScalars.count + 1))]
                + (directory == "" ? [] : [.text(String(directory.dropLast()) + "0")])
        ).compactMap { $0[0].text }
    }

    // MARK: Storing

    /// What came of a store in one statement.
    enum Outcome: Sendable { case stored, taken, damaged }

    /// Stores a file of one chunk, or of none.
    func store(_ new: NewRow, _ chunk: Chunk?, _ session: any SQLSession) throws -> Outcome {
        let values: [SQLValue] = [
            .text(new.name), .text(NewRow.directory(of: new.name)), .integer(new.size), .integer(Int64(new.chunkSize)),
            SQLValue(new.sha256), SQLValue(new.contentType),
        ]
        let columns = "name, directory, size, \"chunkSize\", sha256, \"contentType\""
        switch dialect {
        case .postgres:
            // It isn't even seen if what arrived isn't what was sent.
            let rows = try session.run(
                """
                WITH new AS (
                    INSERT INTO \(file) (\(columns)) SELECT ?1, ?2, ?3, ?4, ?5::bytea, ?6::text WHERE sha256(?7) = ?8
                    ON CONFLICT (name) DO NOTHING RETURNING id
                ), part AS (
                    INSERT INTO \(self.chunk) (file, number, bytes) SELECT id, 0, ?7 FROM new WHERE length(?7) > 0
                    RETURNING 1
                )
                SELECT (SELECT count(*) FROM new), CASE WHEN sha256(?7) = ?8 THEN 1 ELSE 0 END
                """,
                values + [.bytes(chunk?.bytes ?? []), .bytes(chunk?.sha256 ?? Chunk(number: 0, bytes: []).sha256)]
            )
            guard rows.first?[1].integer == 1 else { return .damaged }
            return rows.first?[0].integer == 1 ? .stored : .taken
        case .sqlite:
            let rows = try session.run(
                """
                INSERT INTO \(file) (\(columns)) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                ON CONFLICT (name) DO NOTHING RETURNING id
                """,
                values
            )
            guard let id = rows.first?[0].integer else { return .taken }
            if let chunk { _ = try insert([chunk], of: id, session) }
            return .stored
        }
    }

    /// Makes an upload, or finds it.
    func begin(_ upload: String, chunkSize: Int, _ session: any SQLSession) throws -> FileRow {
        try session.run(
            "INSERT INTO \(file) (upload, \"chunkSize\") VALUES (?1, ?2) ON CONFLICT (upload) DO NOTHING",
            .text(upload),
            .integer(Int64(chunkSize))
        )
        guard let row = try find(upload: upload, session) else {
            throw SQLFailure(.failed, "the upload \(FileName.quoted(upload)) was removed while it began; try again")
        }
        return row
    }

    func find(upload: String, _ session: any SQLSession) throws -> FileRow? {
        try session.run(
            "SELECT id, 0, \"chunkSize\" FROM \(file) WHERE upload = ?1",
            .text(upload)
        ).first.map(Self.row)
    }

    /// Adds chunks, and tells whether the database vouches for them.
    ///
    /// - Returns: True if the database computed the same checksums; where it can't compute any, true as well.
    func insert(_ chunks: [Chunk], of id: Int64, _ session: any SQLSession) throws -> Bool {
        switch dialect {
        case .postgres:
            var arguments: [SQLValue] = [.integer(id)]
            let values = chunks.map { chunk in
                arguments += [.integer(chunk.number), .bytes(chunk.bytes)]
                return "(?1, ?\(arguments.count - 1), ?\(arguments.count))"
            }
            let rows = try session.run(
                """
                INSERT INTO \(chunk) (file, number, bytes) VALUES \(values.joined(separator: ", "))
                RETURNING number, sha256
                """,
                arguments
            )
            return Self.vouches(rows, for: chunks)
        case .sqlite:
            for part in chunks {
                try session.run(
                    "INSERT INTO \(chunk) (file, number, sha256, bytes) VALUES (?1, ?2, ?3, ?4)",
                    .integer(id),
                    .integer(part.number),
                    .bytes(part.sha256),
                    .bytes(part.bytes)
                )
            }
            return true
        }
    }

    /// Puts a chunk in place of the one with its number, which was too short.
    func extend(_ part: Chunk, of id: Int64, _ session: any SQLSession) throws -> Bool {
        let position: [SQLValue] = [.integer(id), .integer(part.number), .bytes(part.bytes)]
        switch dialect {
        case .postgres:
            let rows = try session.run(
                "UPDATE \(chunk) SET bytes = ?3 WHERE file = ?1 AND number = ?2 RETURNING number, sha256",
                position
            )
            return Self.vouches(rows, for: [part])
        case .sqlite:
            let rows = try session.run(
                "UPDATE \(chunk) SET bytes = ?3, sha256 = ?4 WHERE file = ?1 AND number = ?2 RETURNING number",
                position + [.bytes(part.sha256)]
            )
            return rows.count == 1
        }
    }

    private static func vouches(_ rows: [SQLRow], for chunks: [Chunk]) -> Bool {
        let theirs = Dictionary(rows.map { ($0[0].integer ?? -1, $0[1].bytes ?? []) }) { first, _ in first }
        return rows.count == chunks.count && chunks.allSatisfy { theirs[$0.number] == $0.sha256 }
    }

    /// How many bytes an upload has, and in how many chunks.
    func extent(of id: Int64, _ session: any SQLSession) throws -> (size: Int64, chunks: Int64, isContiguous: Bool) {
        let row = try session.run(
            """
            SELECT CAST(coalesce(sum(length(bytes)), 0) AS BIGINT), count(*), coalesce(max(number), -1)
            FROM \(chunk) WHERE file = ?1
            """,
            .integer(id)
        )[0]
        let (size, count, last) = (row[0].integer ?? 0, row[1].integer ?? 0, row[2].integer ?? -1)
        return (size, count, last == count - 1)
    }

    /// Gives an upload its name, in a transaction of its own or the caller's.
    ///
    /// - Returns: False if the upload isn't there any more, or isn't whole.
    /// - Throws: ``SQLFailure`` with `alreadyExists` if the name is taken.
    func publish(_ id: Int64, _ upload: String, as new: NewRow, createdAt: Int64? = nil, _ session: any SQLSession)
        throws
        -> Bool
    {
        try session.run(
            """
            UPDATE \(file) SET name = ?3, directory = ?4, upload = NULL, size = ?5, sha256 = ?6, "contentType" = ?7,
                "modifiedAt" = \(dialect.now), "createdAt" = coalesce(?8, \(dialect.now))
            WHERE id = ?1 AND upload = ?2
                AND (SELECT coalesce(sum(length(bytes)), 0) FROM \(chunk) c WHERE c.file = ?1) = ?5
                AND (SELECT coalesce(max(number), -1) FROM \(chunk) c WHERE c.file = ?1) = ?9 - 1
                AND (SELECT count(*) FROM \(chunk) c WHERE c.file = ?1) = ?9
            RETURNING id
            """,
            .integer(id),
            .text(upload),
            .text(new.name),
            .text(NewRow.directory(of: new.name)),
            .integer(new.size),
            SQLValue(new.sha256),
            SQLValue(new.contentType),
            SQLValue(createdAt),
            .integer((new.size + Int64(new.chunkSize) - 1) / Int64(new.chunkSize))
        ).count == 1
    }

    // MARK: Removing

    /// Deletes a file of few chunks at once.
    ///
    /// - Returns: False if there is none, or it is larger.
    func delete(_ name: String, upTo size: Int64, _ session: any SQLSession) throws -> Bool {
        try !session.run(
            "DELETE FROM \(file) WHERE name = ?1 AND size <= ?2 RETURNING id",
            .text(name),
            .integer(size)
        ).isEmpty
    }

    /// Takes a file's name away, so that its chunks can go one after the other.
    ///
    /// - Returns: What had the name, and since when; nil if nothing had it.
    func unname(_ name: String, _ session: any SQLSession) throws -> (id: Int64, createdAt: Int64)? {
        try session.run(
            """
            UPDATE \(file) SET name = NULL, directory = NULL, upload = 'removed-' || id, "modifiedAt" = \(dialect.now)
            WHERE name = ?1 RETURNING id, "createdAt"
            """,
            .text(name)
        ).first.map { ($0[0].integer ?? 0, $0[1].integer ?? 0) }
    }

    /// Keeps everybody else from publishing an upload.
    ///
    /// - Returns: False if it is published, or gone.
    func claim(_ id: Int64, _ session: any SQLSession) throws -> Bool {
        try !session.run(
            "UPDATE \(file) SET upload = 'removed-' || id WHERE id = ?1 AND upload IS NOT NULL RETURNING id",
            .integer(id)
        ).isEmpty
    }

    /// Removes some chunks, from a number on; true if there may be more.
    func removeChunks(of id: Int64, from number: Int64 = 0, limit: Int, _ session: any SQLSession) throws -> Bool {
        try session.run(
            """
            DELETE FROM \(chunk) WHERE file = ?1 AND number IN (
                SELECT number FROM \(chunk) WHERE file = ?1 AND number >= ?2 ORDER BY number LIMIT ?3
            ) RETURNING number
            """,
            .integer(id),
            .integer(number),
            .integer(Int64(limit))
        ).count == limit
    }

    func removeRow(_ id: Int64, _ session: any SQLSession) throws {
        try session.run("DELETE FROM \(file) WHERE id = ?1 AND upload IS NOT NULL", .integer(id))
    }

    /// What isn't published: uploads, and files whose removal isn't done.
    func unpublished(_ session: any SQLSession) throws -> [(id: Int64, upload: String, size: Int64, touchedAt: Int64)] {
        try session.run(
            """
            SELECT f.id, f.upload, CAST(coalesce(sum(length(c.bytes)), 0) AS BIGINT),
                coalesce(max(c."createdAt"), f."modifiedAt")
            FROM \(file) f LEFT JOIN \(chunk) c ON c.file = f.id
            WHERE f.upload IS NOT NULL
            GROUP BY f.id, f.upload, f."modifiedAt"
            """
        ).map { ($0[0].integer ?? 0, $0[1].text ?? "", $0[2].integer ?? 0, $0[3].integer ?? 0) }
    }

    // MARK: Checking and copying

    /// Looks whether chunks still have the checksums that they had when they came.
    ///
    /// - Returns: The numbers and sizes of the chunks up to the first that is damaged or missing, a page of them.
    func soundChunks(of id: Int64, from first: Int64, limit: Int, _ session: any SQLSession) throws -> [Int64] {
        let test = dialect == .postgres ? "CASE WHEN sha256(bytes) = sha256 THEN 1 ELSE 0 END, NULL" : "sha256, bytes"
        let rows = try session.run(
            """
            SELECT number, length(bytes), \(test) FROM \(chunk)
            WHERE file = ?1 AND number >= ?2 ORDER BY number LIMIT ?3
            """,
            .integer(id),
            .integer(first),
            .integer(Int64(limit))
        )
        var sizes: [Int64] = []
        for row in rows {
            guard row[0].integer == first + Int64(sizes.count) else { break }
            if dialect == .postgres {
                guard row[2].integer == 1 else { break }
            } else {
                guard let bytes = row[3].bytes, row[2].bytes == Chunk(number: 0, bytes: bytes).sha256 else { break }
            }
            sizes.append(row[1].integer ?? 0)
        }
        return sizes
    }

    /// Copies some chunks; the database computes their checksums anew where it can.
    ///
    /// - Returns: How many of them are there now, with the checksum of the original.
    func copyChunks(of id: Int64, to copy: Int64, _ numbers: Range<Int64>, _ session: any SQLSession) throws -> Int64 {
        let checksum = dialect == .sqlite ? "sha256, " : ""
        try session.run(
            """
            INSERT INTO \(chunk) (file, number, \(checksum)bytes) SELECT ?1, number, \(checksum)bytes FROM \(chunk)
            WHERE file = ?2 AND number >= ?3 AND number < ?4
            """,
            .integer(copy),
            .integer(id),
            .integer(numbers.lowerBound),
            .integer(numbers.upperBound)
        )
        return try session.run(
            """
            SELECT count(*) FROM \(chunk) a JOIN \(chunk) b ON b.file = ?2 AND b.number = a.number AND b.sha256 = a.sha256
            WHERE a.file = ?1 AND a.number >= ?3 AND a.number < ?4
            """,
            .integer(copy),
            .integer(id),
            .integer(numbers.lowerBound),
            .integer(numbers.upperBound)
        )[0][0].integer ?? 0
    }
}
