public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage: ConfigurableStorage {
    public static var typeName: String { "FTPStorage" }

    public var optionValues: [String: OptionValue] {
        let defaults = FTPOptions()
        var values: [String: OptionValue] = ["host": .string(host), "port": .integer(port)]
        values["user"] = user.map { .string($0) }
        if !directory.isEmpty { values["directory"] = .string(directory) }
        if options.tls != defaults.tls { values["tls"] = .string(options.tls.rawValue) }
        values["ca"] = options.certificateAuthorities.map { .string($0) }
        if options.isActive { values["active"] = .bool(true) }
        if options.verification != defaults.verification {
            values["verification"] = .string(options.verification.rawValue)
        }
        if !options.usesNetrc { values["netrc"] = .bool(false) }
        if options.connections != defaults.connections { values["connections"] = .integer(options.connections) }
        for (name, value, normal) in [
            ("connectTimeout", options.connectTimeout, defaults.connectTimeout),
            ("idleTimeout", options.idleTimeout, defaults.idleTimeout),
        ] where value != normal {
            values[name] = .string("\(value.milliseconds)ms")
        }
        values["totalTimeout"] = options.totalTimeout.map { .string("\($0.milliseconds)ms") }
        if options.resumableFrom != defaults.resumableFrom {
            values["resumableFrom"] = .integer(Int(options.resumableFrom))
        }
        values["baseURL"] = options.baseURL.map { .string($0) }
        return values
    }
}

extension StorageTypes {
    /// Adds FTP: the kind `FTPStorage`, and the addresses `ftp://` and `ftps://`.
    public mutating func registerFTP() {
        register(FTPStorage.typeName, "storages.backends.ftp.FTPStorage") { try FTPStorage(&$0) }
        register(.ftp)
    }
}

extension StorageScheme {
    /// `ftp://USER@HOST:PORT/DIR`, and `ftps://` for a connection that is encrypted from its first byte on.
    ///
    /// The directory is below the one that sessions begin in; one that begins with two slashes is absolute.
    public static let ftp = StorageScheme(
        "ftp",
        "ftps",
        form: "ftp://USER@HOST:PORT/DIR",
        type: FTPStorage.typeName
    ) { try FTPStorage.options(of: $0) }
}

extension FTPStorage {
    /// The options that an address says.
    fileprivate static func options(of url: StorageURL) throws -> [String: OptionValue] {
        guard !url.host.isEmpty else { throw StorageURLError("names no host; write ftp://USER@HOST/DIR") }
        var options: [String: OptionValue] = ["host": .string(url.host)]
        options["port"] = try url.port().map { .integer($0) }
        options["user"] = url.user.map { .string($0) }
        let directory = String(url.path.dropFirst())
        if !directory.isEmpty { options["directory"] = .string(directory) }
        switch url.scheme {
        case "ftps": options["tls"] = .string(FTPOptions.TLS.implicit.rawValue)
        case "aftp": options["active"] = .bool(true)
        default: break
        }
        return options
    }

    /// Makes a storage of its options.
    convenience init(_ reader: inout StorageOptionReader) throws {
        var values = try Self.place(&reader)
        var options = FTPOptions()
        options.tls = try reader.choice("tls", FTPOptions.TLS.self) ?? values.tls ?? .off
        options.certificateAuthorities = try reader.string("ca")
        options.isActive = try reader.bool("active") ?? values.isActive
        options.verification = try reader.choice("verification", FTPOptions.Verification.self) ?? .size
        options.usesNetrc = try reader.bool("netrc") ?? true
        options.connections = try reader.integer("connections", in: 1...64) ?? options.connections
        options.connectTimeout = try reader.duration("connectTimeout") ?? options.connectTimeout
        options.idleTimeout = try reader.duration("idleTimeout") ?? options.idleTimeout
        options.totalTimeout = try reader.duration("totalTimeout")
        options.resumableFrom = try reader.integer("resumableFrom").map { Int64($0) } ?? options.resumableFrom
        options.baseURL = try reader.string("baseURL", "base_url")
        values.password = try reader.password()
        try reader.finish(
            known: """
                host, port, user, passwordFile, directory, tls, ca, active, verification, netrc, connections, \
                connectTimeout, idleTimeout, totalTimeout, resumableFrom, baseURL
                """
        )
        try self.init(
            host: values.host,
            port: values.port,
            user: values.user,
            password: values.password,
            directory: values.directory,
            options: options
        )
    }

    private struct Values {
        var host = ""
        var port: Int?
        var user: String?
        var password: Secret?
        var directory = ""
        var tls: FTPOptions.TLS?
        var isActive = false
    }

    /// Where the storage is: by its parts, or in one text, as the original wants it.
    private static func place(_ reader: inout StorageOptionReader) throws -> Values {
        var values = Values()
        guard let location = try reader.string("location") else {
            values.host = try reader.required("host")
            values.port = try reader.integer("port", in: 1...65535)
            values.user = try reader.string("user")
            values.directory = try reader.string("directory") ?? ""
            return values
        }
        do {
            let url = try StorageURL(location)
            guard ["ftp", "ftps", "aftp"].contains(url.scheme), url.query == nil else {
                throw StorageURLError("must begin with ftp://, ftps:// or aftp:// (active), and has no question mark")
            }
            let options = try options(of: url)
            if case .string(let directory)? = options["directory"] { values.directory = directory }
            (values.host, values.port, values.user) = (url.host, try url.port(), url.user)
            values.tls = url.scheme == "ftps" ? .implicit : nil
            values.isActive = url.scheme == "aftp"
            return values
        } catch let error as StorageURLError {
            throw StorageError(.invalidConfiguration, "the option \"location\" of \(typeName) \(error.message)")
        }
    }
}

extension QueuedStorage {
    /// A queued storage whose remote is on an FTP server (`QueuedFTPStorage` of django-queued-storage).
    ///
    /// ```swift
    /// let files = try QueuedStorage.ftp("files", host: "ftp.example.com", user: "backup", password: Secret(password),
    ///                                   catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - host: The server's name or address.
    ///   - port: The server's port; 21, or 990 for implicit TLS, if nil.
    ///   - user: The user; anonymous, or whom `.netrc` names, if nil.
    ///   - password: The password; from `.netrc`, if nil.
    ///   - directory: The directory on the server: absolute, or below the one that sessions begin in.
    ///   - remoteOptions: How the remote connects, proves and waits.
    ///   - local: Where files are saved.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: The task that transfers files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The queued storage; nothing is connected yet.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func ftp(
        _ alias: String,
        host: String,
        port: Int? = nil,
        user: String? = nil,
        password: Secret? = nil,
        directory: String = "",
        remoteOptions: FTPOptions = FTPOptions(),
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: FTPStorage(
                host: host,
                port: port,
                user: user,
                password: password,
                directory: directory,
                options: remoteOptions
            ),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
