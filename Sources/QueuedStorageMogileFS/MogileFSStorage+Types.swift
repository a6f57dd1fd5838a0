public import QueuedStorageCore

extension StorageTypes {
    /// Adds ``MogileFSStorage``, also under the name of its predecessor, and its addresses.
    public mutating func registerMogileFS() {
        register(MogileFSStorage.typeName, "storages.backends.mogile.MogileFSStorage") { options in
            let trackers = try options.required("trackers")
            var configuration = MogileFSStorage.Configuration(
                trackers: trackers.split(separator: ",", omittingEmptySubsequences: false).map(String.init),
                domain: try options.required("domain"),
                fileClass: try options.string("class", "mogile_class")
            )
            configuration.verifiesChecksum = try options.bool("verifiesChecksum")
            configuration.connectTimeout = try options.seconds("connectTimeout")
            configuration.timeout = try options.seconds("timeout")
            configuration.totalTimeout = try options.seconds("totalTimeout")
            configuration.retryTrackerAfter = try options.seconds("retryTrackerAfter")
            configuration.connections = try options.integer("connections")
            configuration.baseURL = try options.string("baseURL", "base_url")
            try options.finish()
            return try MogileFSStorage(configuration)
        }
        register(.mogilefs)
    }
}

extension StorageScheme {
    /// `mogilefs://HOST:PORT,HOST:PORT/DOMAIN?class=C`.
    public static let mogilefs = StorageScheme(
        "mogilefs",
        form: "mogilefs://tracker:port,tracker:port/domain?class=CLASS",
        type: MogileFSStorage.typeName
    ) { url in
        guard !url.authority.isEmpty else {
            throw StorageURLError("names no tracker; write mogilefs://tracker:port/domain")
        }
        guard url.user == nil else { throw StorageURLError("names a user, which MogileFS doesn't know") }
        let domain = url.path.dropFirst()
        guard !domain.isEmpty, !domain.contains("/") else {
            throw StorageURLError("must name one domain; write mogilefs://tracker:port/domain")
        }
        return ["trackers": .string(url.authority), "domain": .string(String(domain))]
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a MogileFS.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.mogileFS(
    ///     "photos", .init(trackers: ["10.0.0.1:7001", "10.0.0.2:7001"], domain: "photos"),
    ///     local: FileSystemStorage(location: "media"), catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - configuration: What the remote is made with.
    ///   - local: The local side.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func mogileFS(
        _ alias: String,
        _ configuration: MogileFSStorage.Configuration,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: MogileFSStorage(configuration),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
