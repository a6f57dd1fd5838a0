public import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Storage: ConfigurableStorage {
    /// `S3Storage`.
    public static var typeName: String { "S3Storage" }

    /// The options that differ from the defaults, without keys.
    public var optionValues: [String: OptionValue] {
        let defaults = S3Options()
        var values: [String: OptionValue] = ["bucket": .string(bucket), "region": .string(client.region)]
        let texts = [
            ("endpoint", options.endpoint), ("profile", options.profile), ("baseURL", options.baseURL),
            ("storageClass", options.storageClass), ("acl", options.acl), ("cacheControl", options.cacheControl),
            ("contentDisposition", options.contentDisposition), ("ca", options.certificateAuthorities),
            ("proxy", options.proxy),
        ]
        for (name, text) in texts { values[name] = text.map { .string($0) } }
        if options.location != "" { values["location"] = .string(options.location) }
        if options.addressing != .automatic { values["addressing"] = .string(options.addressing.rawValue) }
        if options.conditionalWrites != .automatic {
            values["conditionalWrites"] = .string(options.conditionalWrites.rawValue)
        }
        switch options.encryption {
        case .bucketDefault: break
        case .aes256: values["encryption"] = .string(S3EncryptionName.aes256.rawValue)
        case .kms(let keyID):
            values["encryption"] = .string(S3EncryptionName.kms.rawValue)
            values["kmsKey"] = keyID.map { .string($0) }
        }
        if options.checksum != defaults.checksum {
            values["checksum"] = .string(options.checksum?.description ?? "none")
        }
        if options.isAnonymous { values["anonymous"] = .bool(true) }
        if !options.signsURLs { values["signedURLs"] = .bool(false) }
        if options.requesterPays { values["requesterPays"] = .bool(true) }
        let numbers = [
            ("multipartFrom", options.multipartFrom, defaults.multipartFrom),
            ("partSize", options.partSize, defaults.partSize),
            ("parallelParts", Int64(options.parallelParts), Int64(defaults.parallelParts)),
            ("maxConnections", Int64(options.maxConnections), Int64(defaults.maxConnections)),
            ("urlValidity", options.urlValidity.components.seconds, defaults.urlValidity.components.seconds),
            ("connectTimeout", options.connectTimeout.components.seconds, defaults.connectTimeout.components.seconds),
            ("idleTimeout", options.idleTimeout.components.seconds, defaults.idleTimeout.components.seconds),
        ]
        for (name, value, usual) in numbers where value != usual { values[name] = .integer(Int(value)) }
        values["totalTimeout"] = options.totalTimeout.map { .string("\($0.milliseconds)ms") }
        if !options.metadata.isEmpty {
            let pairs = options.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            values["metadata"] = .string(pairs.joined(separator: ";"))
        }
        return values
    }
}

/// The words that the option `encryption` knows.
private enum S3EncryptionName: String, CaseIterable {
    case aes256 = "AES256"
    case kms = "aws:kms"
}

/// The words that the option `checksum` knows.
private enum S3ChecksumName: String, CaseIterable {
    case sha256, crc32c, none
}

extension S3Options {
    /// Takes the options that a configuration or an address says.
    ///
    /// - Parameter reader: The options by name, ours or those of django-storages.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option which is wrong.
    init(_ reader: inout StorageOptionReader) throws {
        self.init()
        region = try reader.string("region", "region_name")
        endpoint = try reader.string("endpoint", "endpoint_url")
        addressing = try reader.choice("addressing", S3Addressing.self) ?? addressing
        location = try reader.string("location") ?? location
        profile = try reader.string("profile", "session_profile")
        isAnonymous = try reader.bool("anonymous") ?? isAnonymous
        baseURL = try reader.string("baseURL", "base_url")
        if let domain = try reader.string("customDomain", "custom_domain"), baseURL == nil {
            baseURL = domain.contains("://") ? domain : "https://\(domain)"
        }
        signsURLs = try reader.bool("signedURLs", "querystring_auth") ?? signsURLs
        urlValidity = try reader.duration("urlValidity", "querystring_expire") ?? urlValidity
        storageClass = try reader.string("storageClass")
        let keyID = try reader.string("kmsKey")
        switch try reader.choice("encryption", S3EncryptionName.self) {
        case .aes256?: encryption = .aes256
        case .kms?: encryption = .kms(keyID: keyID)
        case nil: if let keyID { encryption = .kms(keyID: keyID) }
        }
        acl = try reader.string("acl", "default_acl")
        cacheControl = try reader.string("cacheControl")
        contentDisposition = try reader.string("contentDisposition")
        for pair in try reader.string("metadata")?.split(separator: ";") ?? [] {
            guard let equals = pair.firstIndex(of: "=") else {
                throw StorageError(
                    .invalidConfiguration,
                    "the option \"metadata\" of S3Storage must be written as name=value;name=value"
                )
            }
            metadata[String(pair[..<equals])] = String(pair[pair.index(after: equals)...])
        }
        requesterPays = try reader.bool("requesterPays") ?? requesterPays
        conditionalWrites = try reader.choice("conditionalWrites", S3ConditionalWrites.self) ?? conditionalWrites
        switch try reader.choice("checksum", S3ChecksumName.self) {
        case .sha256?: checksum = .sha256
        case .crc32c?: checksum = .crc32c
        case S3ChecksumName.none?: checksum = nil
        case nil: break
        }
        multipartFrom = try reader.integer("multipartFrom").map { Int64($0) } ?? multipartFrom
        partSize = try reader.integer("partSize").map { Int64($0) } ?? partSize
        parallelParts = try reader.integer("parallelParts") ?? parallelParts
        maxConnections = try reader.integer("maxConnections") ?? maxConnections
        connectTimeout = try reader.duration("connectTimeout") ?? connectTimeout
        idleTimeout = try reader.duration("idleTimeout") ?? idleTimeout
        totalTimeout = try reader.duration("totalTimeout")
        certificateAuthorities = try reader.string("ca")
        proxy = try reader.string("proxy")
    }

    /// Takes the keys of a storage's own environment variables, which count more than all other places.
    ///
    /// - Parameter secrets: The storage's secrets.
    /// - Throws: `StorageError` with `invalidConfiguration` if there is one half of a key only.
    mutating func takeKeys(_ secrets: StorageSecrets) throws {
        switch (secrets["ACCESS_KEY_ID"], secrets["SECRET_ACCESS_KEY"]) {
        case (nil, nil): break
        case (let id?, let secret?):
            credentials = S3Credentials(
                accessKeyID: id.value,
                secretAccessKey: secret.value,
                sessionToken: secrets["SESSION_TOKEN"]?.value
            )
        case (let id, _):
            throw StorageError(
                .invalidConfiguration,
                """
                The environment has QSTORE_<ALIAS>_\(id == nil ? "SECRET_ACCESS_KEY" : "ACCESS_KEY_ID") without its other \
                half; set both QSTORE_<ALIAS>_ACCESS_KEY_ID and QSTORE_<ALIAS>_SECRET_ACCESS_KEY, or none.
                """
            )
        }
    }
}

extension StorageTypes {
    /// Adds ``S3Storage``, under its name and those of the originals, and the addresses that begin with `s3://`.
    public mutating func registerS3() {
        register(
            S3Storage.typeName,
            "storages.backends.s3boto.S3BotoStorage",
            "storages.backends.s3boto3.S3Boto3Storage",
            "storages.backends.s3.S3Storage"
        ) { reader in
            guard let bucket = try reader.string("bucket", "bucket_name"), bucket != "" else {
                throw StorageError(.invalidConfiguration, "S3Storage needs the option \"bucket\"")
            }
            var options = try S3Options(&reader)
            try options.takeKeys(reader.secrets)
            try reader.finish()
            return try S3Storage(bucket, options, environment: .of(reader.secrets))
        }
        register(.s3)
    }
}

extension ProcessEnvironment {
    /// The variables that a configuration was read with; this process's own if it was read without any.
    static func of(_ secrets: StorageSecrets) -> ProcessEnvironment {
        secrets.allVariables.isEmpty ? .current : ProcessEnvironment(secrets.allVariables)
    }
}

extension StorageScheme {
    /// Addresses of buckets: `s3://BUCKET/PREFIX?region=R&endpoint=URL&addressing=path|virtual`.
    public static let s3 = StorageScheme(
        "s3",
        form: "s3://BUCKET/PREFIX?region=R&endpoint=URL",
        type: S3Storage.typeName
    ) { url in
        guard url.user == nil else {
            throw StorageURLError(
                """
                names a user; keys don't belong into an address: give them in the environment (AWS_ACCESS_KEY_ID, \
                AWS_SECRET_ACCESS_KEY) or in ~/.aws/credentials
                """
            )
        }
        guard !url.authority.isEmpty else { throw StorageURLError("names no bucket; write s3://BUCKET/PREFIX") }
        var options: [String: OptionValue] = ["bucket": .string(url.authority)]
        var location = url.path[...]
        while location.utf8.first == UInt8(ascii: "/") { location = location.dropFirst() }
        if location != "" { options["location"] = .string(String(location)) }
        return options
    }
}

extension QueuedStorage {
    /// Makes a queued storage whose remote is a bucket: the successor of `QueuedS3BotoStorage`.
    ///
    /// ```swift
    /// let photos = try QueuedStorage.s3("photos", bucket: "photos", options, local: FileSystemStorage(location: "media"),
    ///     catalog: catalog)
    /// ```
    ///
    /// - Parameters:
    ///   - alias: How jobs and configurations call it; its keys may stand in `QSTORE_<ALIAS>_ACCESS_KEY_ID` and
    ///     `QSTORE_<ALIAS>_SECRET_ACCESS_KEY`.
    ///   - bucket: The bucket's name.
    ///   - remoteOptions: What there is to choose about the bucket.
    ///   - local: The local side.
    ///   - catalog: What is known of every file.
    ///   - delayed: Whether files wait to be transferred until asked for.
    ///   - task: The task that transfers files.
    ///   - options: What there is to choose about the queue.
    ///   - environment: The environment variables that keys and other settings may come from.
    /// - Returns: The queued storage.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public static func s3(
        _ alias: String = "default",
        bucket: String,
        _ remoteOptions: S3Options = S3Options(),
        local: any LocalStorage = FileSystemStorage(location: "media"),
        catalog: any Catalog,
        delayed: Bool = false,
        task: any TransferTask = Transfer(),
        options: QueuedStorageOptions = QueuedStorageOptions(),
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> QueuedStorage {
        var remoteOptions = remoteOptions
        if remoteOptions.credentials == nil, !remoteOptions.isAnonymous {
            try remoteOptions.takeKeys(StorageSecrets(alias: alias, environment: environment))
        }
        return try QueuedStorage(
            alias,
            local: local,
            remote: S3Storage(bucket, remoteOptions, environment: ProcessEnvironment(environment)),
            catalog: catalog,
            delayed: delayed,
            task: task,
            options: options,
            environment: environment
        )
    }
}
