public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: ConfigurableStorage {
    public static var typeName: String { "WebDAVStorage" }

    public var optionValues: [String: OptionValue] {
        var values: [String: OptionValue] = [
            "host": .string(options.host), "tls": .bool(options.isEncrypted), "directory": .string(options.directory),
            "connectTimeout": .number(options.connectTimeout.seconds),
            "idleTimeout": .number(options.idleTimeout.seconds),
            "maxConnections": .integer(options.maxConnections),
        ]
        values["port"] = options.port.map { .integer($0) }
        values["user"] = options.user.map { .string($0) }
        values["baseURL"] = options.baseURL.map { .string($0) }
        values["ca"] = options.certificateAuthorities.map { .string($0) }
        values["totalTimeout"] = options.totalTimeout.map { .number($0.seconds) }
        return values
    }
}

extension StorageTypes {
    /// Adds ``WebDAVStorage`` and its addresses, `dav://` and `davs://`.
    public mutating func registerWebDAV() {
        register(WebDAVStorage.typeName) { reader in
            var options = WebDAVOptions(host: try reader.required("host"))
            options.port = try reader.integer("port", in: 1...65535)
            options.isEncrypted = try reader.bool("tls") ?? true
            options.directory = try reader.string("directory") ?? "/"
            options.user = try reader.string("user")
            options.password = try reader.password()
            options.baseURL = try reader.string("baseURL", "base_url")
            options.certificateAuthorities = try reader.string("ca")
            options.connectTimeout = try reader.duration("connectTimeout") ?? options.connectTimeout
            options.idleTimeout = try reader.duration("idleTimeout") ?? options.idleTimeout
            options.totalTimeout = try reader.duration("totalTimeout")
            options.maxConnections = try reader.integer("maxConnections", in: 1...1000) ?? options.maxConnections
            try reader.finish()
            return try WebDAVStorage(options)
        }
        register(.webDAV)
    }
}

extension StorageScheme {
    /// `dav://USER@HOST:PORT/DIRECTORY`, and `davs://` over TLS.
    public static let webDAV = StorageScheme(
        "dav",
        "davs",
        form: "davs://USER@HOST/DIRECTORY",
        type: WebDAVStorage.typeName
    ) { url in
        guard !url.host.isEmpty else { throw StorageURLError("names no host; write davs://USER@HOST/DIRECTORY") }
        var options: [String: OptionValue] = [
            "host": .string(url.host), "tls": .bool(url.scheme == "davs"),
            "directory": .string(url.path.isEmpty ? "/" : url.path),
        ]
        options["port"] = try url.port().map { .integer($0) }
        options["user"] = url.user.map { .string($0) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a WebDAV server.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.webDAV(
    ///     "photos",
    ///     WebDAVOptions(host: "cloud.example", directory: "/dav/photos", user: "joe", password: secret),
    ///     local: FileSystemStorage(location: "media"),
    ///     catalog: catalog
    /// )
    /// ```
    ///
    /// - Parameters:
    ///   - alias: How jobs and configuration name it.
    ///   - remote: Where the server is, who logs in there, and how long to wait for it.
    ///   - local: Where a save lands at once.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether a transfer waits until somebody asks for it.
    ///   - task: What a transfer does.
    ///   - options: How it retries, and whether it limits its rate.
    /// - Returns: The queued storage.
    /// - Throws: `StorageError` with `invalidConfiguration` if an option can't be meant.
    public static func webDAV(
        _ alias: String,
        _ remote: WebDAVOptions,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = Transfer(),
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: WebDAVStorage(remote),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
