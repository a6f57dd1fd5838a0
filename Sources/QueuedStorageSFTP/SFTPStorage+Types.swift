public import QueuedStorageCore

extension StorageTypes {
    /// Adds ``SFTPStorage``, also under the name of its predecessor, and its addresses.
    public mutating func registerSFTP() {
        register(SFTPStorage.typeName, "storages.backends.sftpstorage.SFTPStorage") { options in
            var configuration = SFTPStorage.Configuration(
                host: try options.required("host"),
                directory: try options.string("directory", "root_path") ?? "~"
            )
            configuration.user = try options.string("user")
            configuration.port = try options.integer("port", in: 1...65535)
            configuration.key = try options.string("key")
            configuration.agent = try options.string("agent")
            configuration.knownHosts = try options.string("knownHosts", "known_host_file")
            configuration.sshConfig = try options.string("sshConfig")
            configuration.proxyJump = try options.string("proxyJump")
            configuration.ssh = try options.string("ssh")
            configuration.compression = try options.bool("compression")
            configuration.connectTimeout = try options.seconds("connectTimeout")
            configuration.timeout = try options.seconds("timeout")
            configuration.keepAlive = try options.seconds("keepAlive")
            configuration.idleTimeout = try options.seconds("idleTimeout")
            configuration.connections = try options.integer("connections", in: 1...32)
            configuration.fileMode = try options.mode("fileMode", "file_mode")
            configuration.directoryMode = try options.mode("directoryMode", "dir_mode")
            configuration.uid = try options.integer("uid", in: 0...Int(UInt32.max))
            configuration.gid = try options.integer("gid", in: 0...Int(UInt32.max))
            configuration.baseURL = try options.string("baseURL", "base_url")
            configuration.createsDirectory = try options.bool("createsDirectory")
            let password = try options.password()
            try options.finish()
            return try SFTPStorage(configuration, password: password)
        }
        register(.sftp)
    }
}

extension StorageScheme {
    /// `sftp://USER@HOST:PORT/DIRECTORY?key=FILE&knownHosts=FILE`; `/~/DIRECTORY` is in the user's home.
    public static let sftp = StorageScheme(
        "sftp",
        form: "sftp://user@host:port/directory?key=FILE&knownHosts=FILE",
        type: SFTPStorage.typeName
    ) { url in
        guard !url.host.isEmpty else { throw StorageURLError("names no host; write sftp://user@host/directory") }
        guard !url.path.isEmpty else {
            throw StorageURLError("names no directory; write sftp://user@host/directory, or /~ for the user's home")
        }
        let isHome = url.path == "/~" || url.path.hasPrefix("/~/")
        var options: [String: OptionValue] = [
            "host": .string(url.host),
            "directory": .string(isHome ? String(url.path.dropFirst()) : url.path),
        ]
        options["user"] = url.user.map { .string($0) }
        options["port"] = try url.port().map { .integer($0) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a directory reached by SFTP.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.sftp(
    ///     "photos", .init(host: "files.example.org", directory: "/srv/photos", user: "backup"),
    ///     local: FileSystemStorage(location: "media"), catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - configuration: What the remote is made with.
    ///   - password: The user's password on the server, for servers that take no key.
    ///   - local: The local side.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func sftp(
        _ alias: String,
        _ configuration: SFTPStorage.Configuration,
        password: Secret? = nil,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = Transfer(),
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: SFTPStorage(configuration, password: password),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
