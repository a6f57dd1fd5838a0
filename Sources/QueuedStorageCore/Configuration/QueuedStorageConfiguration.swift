public import FoundationEssentials

/// What a queued storage is made of, as plain data that can be kept and exchanged (`deconstruct` of django-queued-storage).
///
/// ```json
/// { "alias": "photos", "local": "FileSystemStorage", "localOptions": { "location": "media" },
///   "remote": "FileSystemStorage", "remoteOptions": { "location": "/mnt/archive" },
///   "delayed": false, "task": "Transfer" }
/// ```
/// Kinds of storages and tasks go by our names or by the dotted paths of the originals. Unknown keys are refused.
public struct QueuedStorageConfiguration: Hashable, Sendable {
    /// The name by which jobs and the catalog know the storage.
    public var alias: String
    /// The kind of the local storage.
    public var local: String?
    /// The options of the local storage.
    public var localOptions: [String: OptionValue]
    /// The kind of the remote storage.
    public var remote: String?
    /// The options of the remote storage.
    public var remoteOptions: [String: OptionValue]
    /// Whether files wait to be transferred until asked for.
    public var delayed: Bool
    /// The name of the task that transfers files.
    public var task: String
    /// What cache keys begin with; an empty prefix is one.
    public var cachePrefix: String?
    /// How many retries follow the first try; from the environment, else 5, if nil.
    public var retries: Int?
    /// The delay before the first retry, in seconds; from the environment, else 60, if nil.
    public var retryDelay: Double?
    /// How many transfers may begin in a span of time, such as `10/m`.
    public var rateLimit: RateLimit?

    /// Describes a queued storage.
    ///
    /// - Parameters:
    ///   - alias: The name by which jobs and the catalog know the storage.
    ///   - local: The kind of the local storage.
    ///   - localOptions: The options of the local storage.
    ///   - remote: The kind of the remote storage.
    ///   - remoteOptions: The options of the remote storage.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: The name of the task that transfers files.
    ///   - cachePrefix: What cache keys begin with.
    public init(
        alias: String = "default",
        local: String? = nil,
        localOptions: [String: OptionValue] = [:],
        remote: String? = nil,
        remoteOptions: [String: OptionValue] = [:],
        delayed: Bool = false,
        task: String = "Transfer",
        cachePrefix: String? = nil
    ) {
        self.alias = alias
        self.local = local
        self.localOptions = localOptions
        self.remote = remote
        self.remoteOptions = remoteOptions
        self.delayed = delayed
        self.task = task
        self.cachePrefix = cachePrefix
    }

    /// The kinds of storages that a convenience class of django-queued-storage joined.
    ///
    /// - Parameter className: The class, such as `QueuedS3BotoStorage`.
    /// - Returns: A configuration with local and remote set; nil if there was no such class.
    public static func successor(of className: String) -> Self? {
        let remotes = [
            "QueuedFileSystemStorage": nil,
            "QueuedS3BotoStorage": "storages.backends.s3boto.S3BotoStorage",
            "QueuedCouchDBStorage": "storages.backends.couchdb.CouchDBStorage",
            "QueuedDatabaseStorage": "storages.backends.database.DatabaseStorage",
            "QueuedFTPStorage": "storages.backends.ftp.FTPStorage",
            "QueuedMogileFSStorage": "storages.backends.mogile.MogileFSStorage",
            "QueuedGridFSStorage": "storages.backends.mongodb.GridFSStorage",
            "QueuedCloudFilesStorage": "storages.backends.mosso.CloudFilesStorage",
            "QueuedSFTPStorage": "storages.backends.sftpstorage.SFTPStorage",
        ]
        guard let remote = remotes[className] else { return nil }
        return Self(local: "django.core.files.storage.FileSystemStorage", remote: remote)
    }
}

extension QueuedStorageConfiguration: Codable {
    private enum CodingKeys: String, CodingKey, CaseIterable {
        case alias, local, localOptions, remote, remoteOptions, delayed, task, cachePrefix, retries, retryDelay,
            rateLimit
    }

    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Reads a configuration; unknown keys are refused.
    public init(from decoder: any Decoder) throws {
        let known = Set(CodingKeys.allCases.map(\.rawValue))
        let keys = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let unknown = keys.sorted().first(where: { !known.contains($0) }) {
            throw StorageError(
                .invalidConfiguration,
                "a queued storage has no key \"\(unknown)\"; its keys are \(CodingKeys.allCases.map(\.rawValue).joined(separator: ", "))"
            )
        }
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            alias: try values.decodeIfPresent(String.self, forKey: .alias) ?? "default",
            local: try values.decodeIfPresent(String.self, forKey: .local),
            localOptions: try values.decodeIfPresent([String: OptionValue].self, forKey: .localOptions) ?? [:],
            remote: try values.decodeIfPresent(String.self, forKey: .remote),
            remoteOptions: try values.decodeIfPresent([String: OptionValue].self, forKey: .remoteOptions) ?? [:],
            delayed: try values.decodeIfPresent(Bool.self, forKey: .delayed) ?? false,
            task: try values.decodeIfPresent(String.self, forKey: .task) ?? "Transfer",
            cachePrefix: try values.decodeIfPresent(String.self, forKey: .cachePrefix)
        )
        retries = try values.decodeIfPresent(Int.self, forKey: .retries)
        retryDelay = try values.decodeIfPresent(Double.self, forKey: .retryDelay)
        rateLimit = try values.decodeIfPresent(RateLimit.self, forKey: .rateLimit)
    }
}

/// A storage that can say of what it was made.
public protocol ConfigurableStorage: Storage {
    /// The kind's name in ``StorageTypes``.
    static var typeName: String { get }

    /// The options that make the same storage again; secrets are left out.
    var optionValues: [String: OptionValue] { get }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: ConfigurableStorage {
    public static var typeName: String { "FileSystemStorage" }

    public var optionValues: [String: OptionValue] {
        var values: [String: OptionValue] = ["location": .string(configuration.location)]
        values["baseURL"] = configuration.baseURL.map { .string($0) }
        values["fileMode"] = configuration.fileMode.map { .integer($0) }
        values["directoryMode"] = configuration.directoryMode.map { .integer($0) }
        values["allowOverwrite"] = configuration.allowOverwrite.map { .bool($0) }
        values["createsLocation"] = configuration.createsLocation.map { .bool($0) }
        return values
    }
}

extension QueuedStorageOptions {
    /// The options that a configuration says.
    ///
    /// - Parameter configuration: The configuration.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if one can't be.
    init(_ configuration: QueuedStorageConfiguration) throws {
        self.init(
            retries: configuration.retries.map { .count($0) },
            retryDelay: try configuration.retryDelay.map { seconds in
                guard let delay = Duration(bounded: seconds) else {
                    throw StorageError(
                        .invalidConfiguration,
                        "the retryDelay of a queued storage must be a number of seconds, of at most 100 years"
                    )
                }
                return delay
            },
            rateLimit: configuration.rateLimit
        )
    }
}

extension QueuedStorage {
    /// Makes a queued storage of its configuration.
    ///
    /// - Parameters:
    ///   - configuration: What it is made of.
    ///   - catalog: What is known of every file.
    ///   - types: The kinds of storages and tasks that the configuration can name.
    ///   - environment: The environment variables; `QSTORE_<ALIAS>_PASSWORD` and the like are the remote's secrets.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names what is wrong.
    public convenience init(
        _ configuration: QueuedStorageConfiguration,
        catalog: any Catalog,
        types: StorageTypes = .builtIn,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        let secrets = StorageSecrets(alias: configuration.alias, environment: environment)
        let local = try types.make(configuration.local, configuration.localOptions, role: "local", secrets: .none)
        let remote = try types.make(configuration.remote, configuration.remoteOptions, role: "remote", secrets: secrets)
        guard let local = local as? any LocalStorage else {
            throw StorageError(
                .invalidConfiguration,
                "a storage of the kind \"\(configuration.local ?? "")\" can't be the local side: it can't keep bytes without a name"
            )
        }
        try self.init(
            configuration.alias,
            local: local,
            remote: remote,
            catalog: catalog,
            delayed: configuration.delayed,
            task: try types.task(configuration.task),
            cachePrefix: configuration.cachePrefix,
            options: try QueuedStorageOptions(configuration)
        )
    }

    /// What the storage is made of, as plain data.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/notSupported`` if one side can't say of what it was made.
    public var configuration: QueuedStorageConfiguration {
        get throws {
            let (local, remote) = (try Self.configurable(local), try Self.configurable(remote))
            var configuration = QueuedStorageConfiguration(
                alias: alias,
                local: type(of: local).typeName,
                localOptions: local.optionValues,
                remote: type(of: remote).typeName,
                remoteOptions: remote.optionValues,
                delayed: isDelayed,
                task: task.name,
                cachePrefix: options.cachePrefix
            )
            if case .count(let count) = options.retries { configuration.retries = count }
            configuration.retryDelay = options.retryDelay?.seconds
            configuration.rateLimit = options.rateLimit
            return configuration
        }
    }

    private static func configurable(_ storage: any Storage) throws -> any ConfigurableStorage {
        guard let storage = storage as? any ConfigurableStorage else {
            throw StorageError(.notSupported, "a \(type(of: storage)) can't say of what it was made")
        }
        return storage
    }
}
