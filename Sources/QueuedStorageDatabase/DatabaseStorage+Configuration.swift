public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: ConfigurableStorage {
    public static var typeName: String { "DatabaseStorage" }

    public var optionValues: [String: OptionValue] { options }
}

extension PostgresOptions {
    /// The options as a configuration has them, without the password.
    var values: [String: OptionValue] {
        var values: [String: OptionValue] = ["database": .string(database)]
        values["host"] = host.map { .string($0) }
        values["port"] = port.map { .integer($0) }
        values["user"] = user.map { .string($0) }
        values["tls"] = tls.map { .string($0.rawValue) }
        values["ca"] = rootCertificates.map { .string($0) }
        values["connections"] = .integer(connectionLimit)
        values["connectTimeout"] = .number(connectTimeout.seconds)
        values["statementTimeout"] = .number(statementTimeout.seconds)
        return values
    }
}

extension StorageTypes {
    /// Adds ``DatabaseStorage`` and its addresses, `sqlite:///FILE?table=T` and `postgres://USER@HOST:PORT/DB?table=T`.
    public mutating func registerDatabase() {
        register("DatabaseStorage", "storages.backends.database.DatabaseStorage") { options in
            try DatabaseStorage(&options)
        }
        register(.sqlite)
        register(.postgres)
    }
}

extension DatabaseStorage {
    /// Makes a storage of its options: `path` of SQLite, or `database` and the others of PostgreSQL.
    fileprivate init(_ reader: inout StorageOptionReader) throws {
        let path = try reader.string("path")
        let table = try reader.string("table", "db_table")
        let chunkSize = try reader.integer("chunkSize")
        let baseURL = try reader.string("baseURL", "base_url")
        if let path {
            guard !path.isEmpty else {
                throw StorageError(
                    .invalidConfiguration,
                    "DatabaseStorage needs the option \"path\", the database's file"
                )
            }
            let timeout = try reader.duration("busyTimeout")
            try reader.finish()
            try self.init(
                sqlite: path,
                table: table,
                chunkSize: chunkSize,
                busyTimeout: timeout ?? .seconds(30),
                baseURL: baseURL
            )
            return
        }
        let database = try reader.required("database")
        let options = PostgresOptions(
            host: try reader.string("host"),
            port: try reader.integer("port", in: 1...65_535),
            database: database,
            user: try reader.string("user"),
            password: try reader.password(),
            tls: try reader.choice("tls", PostgresOptions.TLSMode.self),
            rootCertificates: try reader.string("ca"),
            connectTimeout: try reader.duration("connectTimeout") ?? .seconds(10),
            statementTimeout: try reader.duration("statementTimeout") ?? .seconds(60),
            connectionLimit: try reader.integer("connections", in: 1...1000) ?? 8
        )
        try reader.finish()
        try self.init(postgres: options, table: table, chunkSize: chunkSize, baseURL: baseURL)
    }
}

extension StorageScheme {
    /// A file of SQLite: `sqlite:///FILE?table=T`.
    public static let sqlite = StorageScheme("sqlite", form: "sqlite:///FILE", type: "DatabaseStorage") { url in
        guard url.authority.isEmpty, url.user == nil, url.path.utf8.count > 1 else {
            throw StorageURLError("names no file; a file's address has three slashes: sqlite:///directory/file.sqlite")
        }
        return ["path": .string(url.path)]
    }

    /// A database of PostgreSQL: `postgres://USER@HOST:PORT/DB?table=T`.
    public static let postgres = StorageScheme(
        "postgres",
        "postgresql",
        form: "postgres://USER@HOST:PORT/DB",
        type: "DatabaseStorage"
    ) { url in
        let database = String(url.path.drop { $0 == "/" })
        guard !database.isEmpty else {
            throw StorageURLError("names no database; write postgres://USER@HOST:PORT/DB")
        }
        var options: [String: OptionValue] = ["database": .string(database)]
        options["user"] = url.user.map { .string($0) }
        // The directory of a socket is written with %2F for its slashes.
        if !url.host.isEmpty {
            options["host"] = .string(url.host.replacing("%2F", with: "/").replacing("%2f", with: "/"))
        }
        options["port"] = try url.port().map { .integer($0) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a database.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.database(
    ///     "photos",
    ///     remote: DatabaseStorage(sqlite: "/mnt/archive/files.sqlite"),
    ///     local: FileSystemStorage(location: "media"),
    ///     catalog: catalog
    /// )
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - remote: The database.
    ///   - local: The local storage.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The queued storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func database(
        _ alias: String,
        remote: DatabaseStorage,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: remote,
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
