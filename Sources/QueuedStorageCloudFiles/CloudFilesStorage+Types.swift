internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

extension StorageTypes {
    /// Adds ``CloudFilesStorage``, also under the name of its predecessor, and its addresses.
    public mutating func registerCloudFiles() {
        register(CloudFilesStorage.typeName, "storages.backends.mosso.CloudFilesStorage") { options in
            let environment = options.secrets.allVariables
            var configuration = CloudFilesStorage.Configuration(
                container: try options.required("container"),
                prefix: try options.string("prefix", "location") ?? "",
                auth: try options.text("auth", or: environment["ST_AUTH"] ?? environment["OS_AUTH_URL"]),
                user: try options.text("user", "username", or: environment["ST_USER"] ?? environment["OS_USERNAME"])
            )
            configuration.authVersion = try options.integer("authVersion")
            configuration.userDomain =
                try options.string("userDomain") ?? environment["OS_USER_DOMAIN_NAME"] ?? "Default"
            configuration.project = try options.string("project") ?? environment["OS_PROJECT_NAME"]
            configuration.projectDomain =
                try options.string("projectDomain") ?? environment["OS_PROJECT_DOMAIN_NAME"] ?? "Default"
            configuration.region = try options.string("region") ?? environment["OS_REGION_NAME"]
            configuration.interface =
                try options.choice("interface", CloudFilesStorage.Configuration.Interface.self) ?? .public
            configuration.storageURL = try options.string("storageURL")
            configuration.baseURL = try options.string("baseURL", "base_url")
            configuration.urlExpires = try options.seconds("urlExpires") ?? configuration.urlExpires
            configuration.createsContainer = try options.bool("createsContainer") ?? false
            configuration.segmentContainer = try options.string("segmentContainer")
            configuration.segmentSize = try options.integer("segmentSize") ?? configuration.segmentSize
            configuration.parallelSegments = try options.integer("parallelSegments") ?? configuration.parallelSegments
            configuration.metadata = try CloudFilesStorage.metadata(options.string("metadata") ?? "")
            configuration.pageSize = try options.integer("pageSize")
            configuration.ca = try options.string("ca")
            configuration.proxy = try options.string("proxy")
            configuration.connections = try options.integer("connections") ?? configuration.connections
            configuration.connectTimeout = try options.seconds("connectTimeout") ?? configuration.connectTimeout
            configuration.timeout = try options.seconds("timeout") ?? configuration.timeout
            configuration.totalTimeout = try options.seconds("totalTimeout")
            let password =
                try options.password() ?? (environment["ST_KEY"] ?? environment["OS_PASSWORD"]).map(Secret.init)
            let key = try options.secret("TEMP_URL_KEY", file: "tempURLKeyFile")
            try options.finish()
            return try CloudFilesStorage(configuration, password: password ?? Secret(""), temporaryURLKey: key)
        }
        register(.swift)
    }
}

extension StorageOptionReader {
    /// Takes an option that must be there, unless something else has its value.
    fileprivate mutating func text(_ name: String, _ other: String = "", or value: String?) throws -> String {
        if let text = try string(name, other), !text.isEmpty { return text }
        guard let value, !value.isEmpty else { return try required(name) }
        return value
    }
}

extension CloudFilesStorage {
    /// Reads `KEY=VALUE,KEY=VALUE`.
    static func metadata(_ text: String) throws -> [String: String] {
        var metadata: [String: String] = [:]
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else {
                throw StorageError(
                    .invalidConfiguration,
                    "the option \"metadata\" of CloudFilesStorage must be KEY=VALUE,KEY=VALUE"
                )
            }
            metadata[String(part[..<equals])] = String(part[part.index(after: equals)...])
        }
        return metadata
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: ConfigurableStorage {
    public static var typeName: String { "CloudFilesStorage" }

    public var optionValues: [String: OptionValue] {
        let it = configuration
        let defaults = Configuration(container: it.container, auth: it.auth, user: it.user)
        let texts: [String: String?] = [
            "container": it.container, "auth": it.auth, "user": it.user,
            "prefix": it.prefix.isEmpty ? nil : it.prefix, "project": it.project, "region": it.region,
            "userDomain": it.userDomain == defaults.userDomain ? nil : it.userDomain,
            "projectDomain": it.projectDomain == defaults.projectDomain ? nil : it.projectDomain,
            "interface": it.interface == defaults.interface ? nil : it.interface.rawValue,
            "storageURL": it.storageURL, "baseURL": it.baseURL, "segmentContainer": it.segmentContainer,
            "metadata": it.metadata.isEmpty
                ? nil : it.metadata.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined(separator: ","),
            "ca": it.ca, "proxy": it.proxy,
        ]
        let numbers: [(String, Int?, Int?)] = [
            ("authVersion", it.authVersion, nil), ("urlExpires", it.urlExpires, defaults.urlExpires),
            ("segmentSize", it.segmentSize, defaults.segmentSize),
            ("parallelSegments", it.parallelSegments, defaults.parallelSegments), ("pageSize", it.pageSize, nil),
            ("connections", it.connections, defaults.connections),
            ("connectTimeout", it.connectTimeout, defaults.connectTimeout), ("timeout", it.timeout, defaults.timeout),
            ("totalTimeout", it.totalTimeout, nil),
        ]
        var values = texts.compactMapValues { $0.map { OptionValue.string($0) } }
        for (name, number, usual) in numbers where number != usual { values[name] = number.map { .integer($0) } }
        if it.createsContainer { values["createsContainer"] = .bool(true) }
        return values
    }
}

extension StorageScheme {
    /// `swift://CONTAINER/PREFIX?auth=URL&user=USER`.
    public static let swift = StorageScheme(
        "swift",
        form: "swift://container/prefix?auth=URL&user=USER",
        type: CloudFilesStorage.typeName
    ) { url in
        guard let container = url.authority.percentDecoded, !container.isEmpty else {
            throw StorageURLError("names no container; write swift://container/prefix?auth=URL&user=USER")
        }
        guard url.user == nil else {
            throw StorageURLError("has a user before the container; write swift://container?auth=URL&user=USER")
        }
        let prefix = url.path.drop { $0 == "/" }
        var options: [String: OptionValue] = ["container": .string(container)]
        if !prefix.isEmpty { options["prefix"] = .string(String(prefix)) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a container of OpenStack Swift.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.cloudFiles(
    ///     "photos", .init(container: "photos", auth: "https://identity.example/auth/v1.0", user: "media:backup"),
    ///     password: Secret(key), local: FileSystemStorage(location: "media"), catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - configuration: What the remote is made with.
    ///   - password: The user's key or password.
    ///   - temporaryURLKey: The account's or container's key for addresses that are valid for a while.
    ///   - local: The local side.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: Transfers the files.
    ///   - options: How the storage retries, deletes and reads.
    /// - Returns: The storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func cloudFiles(
        _ alias: String,
        _ configuration: CloudFilesStorage.Configuration,
        password: Secret,
        temporaryURLKey: Secret? = nil,
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = .transfer,
        options: QueuedStorageOptions = QueuedStorageOptions()
    ) throws -> QueuedStorage {
        try QueuedStorage(
            alias,
            local: local,
            remote: CloudFilesStorage(configuration, password: password, temporaryURLKey: temporaryURLKey),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options
        )
    }
}
