public import FoundationEssentials
public import QueuedStorageCore
internal import Synchronization

/// A storage that keeps its files in tables of an SQL database: SQLite or PostgreSQL.
///
/// ```swift
/// let archive = try DatabaseStorage(sqlite: "/mnt/archive/files.sqlite")
/// let central = try DatabaseStorage(postgres: PostgresOptions(host: "db.example.org", database: "files", user: "app"))
/// ```
///
/// A file lies there in chunks, so that neither side ever has it whole in memory, and is seen once all of it is there:
/// the chunks come in short transactions, and one last statement gives the file its name. The table has each name once,
/// so that the database itself decides who gets it. The tables are made when they are first needed.
///
/// While a file is replaced or deleted, those who read it through this value or a copy of it read on; others are told to open it again.
public struct DatabaseStorage: Sendable {
    let database: any SQLDatabase
    let tables: FileTables
    let chunkSize: Int
    let baseURL: String?
    let place: String
    let options: [String: OptionValue]
    let readings = Readings<Int64>()
    let running = RunningChecksums()

    /// How many bytes go to the database at once, in whole chunks.
    static let batchSize = 4 << 20

    /// Keeps files in an SQLite database.
    ///
    /// - Parameters:
    ///   - path: The database's file, which is made if need be; its directory must exist. It may not be a catalog's.
    ///   - table: The name of the table of files; letters, digits and underscores.
    ///   - chunkSize: How many bytes a row has, 64 KiB to 8 MiB; 256 KiB if nil. Files that are there keep theirs.
    ///   - busyTimeout: How long to wait for another process that writes.
    ///   - baseURL: The address under which clients reach the files, if they can.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public init(
        sqlite path: String,
        table: String? = nil,
        chunkSize: Int? = nil,
        busyTimeout: Duration = .seconds(30),
        baseURL: String? = nil
    ) throws {
        let name = try TableName(table ?? TableName.standard, allowsSchema: false)
        let path = FileName.absolute(path)
        database = SQLiteDatabase(path: path, table: name, busyTimeout: busyTimeout)
        tables = FileTables(table: name, dialect: .sqlite)
        self.chunkSize = try Self.checked(chunkSize) ?? 256 << 10
        self.baseURL = baseURL
        place = "sqlite://\(FileName.percentEncoded(path))"
        var options: [String: OptionValue] = ["path": .string(path), "table": .string(name.text)]
        options["chunkSize"] = chunkSize.map { .integer($0) }
        options["baseURL"] = baseURL.map { .string($0) }
        self.options = options
    }

    /// Keeps files in a PostgreSQL database, version 12 or newer.
    ///
    /// - Parameters:
    ///   - options: Where the server is, and how to speak to it.
    ///   - table: The name of the table of files; letters, digits and underscores, and before it a schema and a dot.
    ///   - chunkSize: How many bytes a row has, 64 KiB to 8 MiB; 512 KiB if nil. Files that are there keep theirs.
    ///   - baseURL: The address under which clients reach the files, if they can.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public init(
        postgres options: PostgresOptions,
        table: String? = nil,
        chunkSize: Int? = nil,
        baseURL: String? = nil
    ) throws {
        let name = try TableName(table ?? TableName.standard, allowsSchema: true)
        let database = PostgresDatabase(options, table: name)
        self.database = database
        tables = FileTables(table: name, dialect: .postgres)
        self.chunkSize = try Self.checked(chunkSize) ?? 512 << 10
        self.baseURL = baseURL
        place = database.place
        var values = options.values
        values["table"] = .string(name.text)
        values["chunkSize"] = chunkSize.map { .integer($0) }
        values["baseURL"] = baseURL.map { .string($0) }
        self.options = values
    }

    private static func checked(_ chunkSize: Int?) throws -> Int? {
        guard let chunkSize, !(64 << 10...8 << 20).contains(chunkSize) else { return chunkSize }
        throw StorageError(
            .invalidConfiguration,
            "the option \"chunkSize\" is \(chunkSize); it is a number of bytes from 65536 to 8388608"
        )
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: Storage {
    public var fingerprint: String { "\(place)?table=\(tables.table.text)" }

    public func exists(_ name: String) async throws -> Bool {
        // A name that is too long is one that nothing has; it may still be cut.
        try FileName.validateComponents(name, limitsLength: false)
        let key = try FileName.relative(name, to: "/files")
        return try await act("looked up", name, .read) { try tables.value("1", of: key, $0) != nil }
    }

    public func size(_ name: String) async throws -> Int64 {
        let key = try resolve(name)
        guard let file = try await act("looked up", name, .read, { try tables.find(key, $0) }) else {
            throw missing(name)
        }
        return file.size
    }

    /// Whether a name can be; somebody else may have written the row.
    private static func isComponent(_ text: String) -> Bool {
        !["", ".", ".."].contains(text) && !text.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        let key = try directory == "" ? "" : resolve(directory)
        let prefix = key == "" ? "" : key + "/"
        let directories = try await act("listed", directory, .read) { try tables.directories(in: prefix, $0) }
        var files: [String] = []
        while true {
            let last = files.last ?? ""
            let page = try await act("listed", directory, .read) { [pageSize = 5000] in
                try tables.files(in: prefix, after: last, limit: pageSize, $0)
            }
            guard page.isEmpty || page.last.map({ NameKey($0) }) != NameKey(last) else {
                throw StorageError(.failed, "\(database.address) couldn't be listed: the same names come for ever.")
            }
            files += page
            if page.count < 5000 { break }
        }
        return DirectoryListing(
            directories: directories.filter(Self.isComponent),
            files: files.map { String(Substring($0.utf8.dropFirst(prefix.utf8.count))) }.filter(Self.isComponent)
        )
    }

    public func url(_ name: String) async throws -> String {
        guard let baseURL else {
            throw StorageError(
                .notSupported,
                name: name,
                "A database has no addresses of files; give the storage a baseURL."
            )
        }
        return try FileName.url(name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date {
        throw StorageError(.notSupported, name: name, "The database doesn't keep when files are read.")
    }

    public func createdAt(_ name: String) async throws -> Date { try await instant("\"createdAt\"", of: name) }

    public func modifiedAt(_ name: String) async throws -> Date { try await instant("\"modifiedAt\"", of: name) }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let key = try resolve(name)
        await removeUnread()
        // What is small, and read by nobody, goes in one statement.
        if !readings.isReading(key),
            try await act("deleted", name, .statement, { try tables.delete(key, upTo: Int64(Self.batchSize), $0) })
        {
            return
        }
        if let id = try await act("deleted", name, .statement, { try tables.unname(key, $0)?.id }) {
            try await removeRest(of: id, named: key)
        }
    }
}

// MARK: - What all of them do

extension DatabaseStorage {
    /// A name's only spelling, or why nothing can have it.
    func resolve(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        let key = try FileName.relative(name, to: "/files")
        guard key.utf8.count <= Self.maxNameByteCount else {
            throw FileName.refusal(name, "it is longer than \(Self.maxNameByteCount) bytes")
        }
        return key
    }

    /// The longest name, in bytes: an index entry of PostgreSQL has about 2,700.
    static let maxNameByteCount = 1024

    /// Runs statements, and says of a failure which file it befell.
    func act<Value: Sendable>(
        _ verb: String,
        _ name: String,
        _ work: SQLWork,
        isCancellable: Bool = true,
        _ body: @escaping @Sendable (any SQLSession) throws -> Value
    ) async throws -> Value {
        do {
            return try await database.perform(work, isCancellable: isCancellable, body)
        } catch let failure as SQLFailure {
            throw StorageError(
                failure.code,
                name: name == "" ? nil : name,
                "\(subject(name)) couldn't be \(verb) in \(database.address): \(failure.reason)"
                    + (failure.detail.map { " (\($0))." } ?? "."),
                retryAfter: failure.retryAfter
            )
        }
    }

    private func subject(_ name: String) -> String {
        name == "" ? "What is there" : "The file \(FileName.quoted(name))"
    }

    func missing(_ name: String) -> StorageError {
        StorageError(
            .notFound,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be found in \(database.address): there is no such file."
        )
    }

    private func value(_ column: String, of name: String) async throws -> SQLValue {
        let key = try resolve(name)
        let found = try await act("looked up", name, .read) { try tables.value(column, of: key, $0) }
        guard let found else { throw missing(name) }
        return found
    }

    private func instant(_ column: String, of name: String) async throws -> Date {
        Date(timeIntervalSince1970: Double(try await value(column, of: name).integer ?? 0) / 1000)
    }

    /// Removes the chunks of what has no name any more, a few at a time, unless somebody reads them.
    func removeRest(of id: Int64, named name: String) async throws {
        if readings.letGo(id, of: name) { try await removeRest(of: id) }
    }

    /// Removes the chunks and the row of what isn't published.
    func removeRest(of id: Int64) async throws {
        let few = max(1, 4 * Self.batchSize / chunkSize)
        while try await act(
            "removed",
            "",
            .statement,
            isCancellable: false,
            {
                try tables.removeChunks(of: id, limit: few, $0)
            }
        ) {}
        try await act("removed", "", .statement, isCancellable: false) { try tables.removeRow(id, $0) }
    }

    /// Removes what was deleted while it was read, and isn't read any more.
    ///
    /// What can't be removed stays a left-over.
    func removeUnread() async {
        for id in readings.unread() { try? await removeRest(of: id) }
    }
}
