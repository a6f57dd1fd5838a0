public import QueuedStorageCore
import QueuedStorageTransport

extension StorageTypes {
    /// Adds ``CouchDBStorage``, also under the name of its predecessor, and its addresses.
    public mutating func registerCouchDB() {
        register(CouchDBStorage.typeName, "storages.backends.couchdb.CouchDBStorage") { options in
            var configuration = CouchDBStorage.Configuration(
                server: try options.required("server"),
                database: try options.required("database")
            )
            configuration.user = try options.string("user")
            configuration.authentication = try options.choice("authentication", CouchDBStorage.Authentication.self)
            configuration.prefix = try options.string("prefix")
            configuration.createsDatabase = try options.bool("createsDatabase")
            configuration.ca = try options.string("ca")
            configuration.connectTimeout = try options.seconds("connectTimeout")
            configuration.timeout = try options.seconds("timeout")
            configuration.totalTimeout = try options.seconds("totalTimeout")
            configuration.connections = try options.integer("connections")
            configuration.baseURL = try options.string("baseURL", "base_url")
            let password = try options.password()
            try options.finish()
            return try CouchDBStorage(configuration, password: password)
        }
        register(.couchdb)
    }
}

extension StorageScheme {
    /// `couchdb://USER@HOST:PORT/DATABASE`, and `couchdbs` for TLS; the ports are 5984 and 6984 if not said otherwise.
    public static let couchdb = StorageScheme(
        "couchdb",
        "couchdbs",
        form: "couchdb://user@host:port/database",
        type: CouchDBStorage.typeName
    ) { url in
        guard !url.host.isEmpty else { throw StorageURLError("names no host; write couchdb://user@host/database") }
        let database = String(url.path.drop { $0 == "/" }.reversed().drop { $0 == "/" }.reversed())
        guard !database.isEmpty else {
            throw StorageURLError("names no database; write couchdb://user@host/database")
        }
        let isEncrypted = url.scheme == "couchdbs"
        let port = try url.port() ?? (isEncrypted ? 6984 : 5984)
        let host = url.host.contains(":") ? "[\(url.host)]" : url.host
        var options: [String: OptionValue] = [
            "server": .string("\(isEncrypted ? "https" : "http")://\(host):\(port)"), "database": .string(database),
        ]
        options["user"] = url.user.map { .string($0) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a CouchDB database.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.couchDB(
    ///     "photos", .init(server: "https://couchdb.example.org:6984", database: "photos", user: "app"),
    ///     password: password, local: FileSystemStorage(location: "media"), catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - configuration: What the remote is made with.
    ///   - password: The user's password on the server.
    ///   - local: The local side.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func couchDB(
        _ alias: String,
        _ configuration: CouchDBStorage.Configuration,
        password: Secret? = nil,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: CouchDBStorage(configuration, password: password),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
