public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage: ConfigurableStorage {
    public static var typeName: String { "GridFSStorage" }

    public var optionValues: [String: OptionValue] {
        let options = database.options
        var values: [String: OptionValue] = [
            "hosts": .string(options.hosts.joined(separator: ",")), "database": .string(options.database),
            "prefix": .string(options.prefix), "tls": .bool(options.usesTLS),
            "connections": .integer(options.connectionLimit),
            "serverSelectionTimeout": .number(options.serverSelectionTimeout.seconds),
            "connectTimeout": .number(options.connectTimeout.seconds),
            "socketTimeout": .number(options.socketTimeout.seconds),
        ]
        values["user"] = options.user.map { .string($0) }
        values["authSource"] = options.authSource.map { .string($0) }
        values["replicaSet"] = options.replicaSet.map { .string($0) }
        values["ca"] = options.rootCertificates.map { .string($0) }
        values["clientCertificate"] = options.clientCertificate.map { .string($0) }
        values["baseURL"] = baseURL.map { .string($0) }
        return values
    }
}

extension StorageTypes {
    /// Adds ``GridFSStorage`` and its address, `mongodb://USER@HOST:PORT/DB?prefix=fs`.
    public mutating func registerGridFS() {
        register("GridFSStorage", "storages.backends.mongodb.GridFSStorage") { reader in
            let options = GridFSOptions(
                hosts: (try reader.string("hosts", "host") ?? "localhost").split(separator: ",").map(String.init),
                database: try reader.required("database"),
                prefix: try reader.string("prefix") ?? "fs",
                user: try reader.string("user"),
                password: try reader.password(),
                authSource: try reader.string("authSource"),
                replicaSet: try reader.string("replicaSet"),
                usesTLS: try reader.bool("tls") ?? false,
                rootCertificates: try reader.string("ca"),
                clientCertificate: try reader.string("clientCertificate"),
                serverSelectionTimeout: try reader.duration("serverSelectionTimeout") ?? .seconds(15),
                connectTimeout: try reader.duration("connectTimeout") ?? .seconds(10),
                socketTimeout: try reader.duration("socketTimeout") ?? .seconds(60),
                connectionLimit: try reader.integer("connections", in: 1...1000) ?? 8
            )
            let baseURL = try reader.string("baseURL", "base_url")
            try reader.finish()
            return try GridFSStorage(options, baseURL: baseURL)
        }
        register(.mongodb)
    }
}

extension StorageScheme {
    /// A bucket of GridFS: `mongodb://USER@HOST:PORT/DB?prefix=fs`.
    public static let mongodb = StorageScheme(
        "mongodb",
        form: "mongodb://USER@HOST:PORT/DB",
        type: "GridFSStorage"
    ) { url in
        let database = String(url.path.drop { $0 == "/" })
        guard !url.authority.isEmpty, !database.isEmpty else {
            throw StorageURLError("names no host or no database; write mongodb://USER@HOST:PORT/DB")
        }
        var options: [String: OptionValue] = ["hosts": .string(url.authority), "database": .string(database)]
        options["user"] = url.user.map { .string($0) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a bucket of GridFS.
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - remote: Where the deployment is, and how to speak to it.
    ///   - local: The local storage.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The queued storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func gridFS(
        _ alias: String,
        remote: GridFSOptions,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: GridFSStorage(remote),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
