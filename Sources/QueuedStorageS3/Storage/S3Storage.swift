public import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

/// Files as objects of a bucket: at Amazon S3, or at any server that speaks its protocol.
///
/// ```swift
/// let remote = try S3Storage("photos", options)       // options: S3Options, all of them with a default
/// ```
/// Every request is signed (signature version 4) with credentials that are looked for in this order: those of the options,
/// the chosen profile, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the shared credentials file, the container's
/// endpoint, the instance's metadata service.
public final class S3Storage: Sendable {
    /// The bucket.
    public let bucket: String
    /// What there was to choose.
    public let options: S3Options

    let client: S3Client
    package let location: S3Location
    let conditions: ConditionalWrites

    /// Makes a storage; nothing is asked of the server yet.
    ///
    /// - Parameters:
    ///   - bucket: The bucket's name.
    ///   - options: What there is to choose.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option which is wrong.
    public convenience init(_ bucket: String, _ options: S3Options = S3Options()) throws {
        try self.init(bucket, options, environment: .current)
    }

    package init(
        _ bucket: String,
        _ options: S3Options,
        environment: ProcessEnvironment,
        time: any TimeSource = SystemTime()
    ) throws {
        try options.validate()
        let files = ProfileFiles(environment, profile: options.profile)
        let region =
            try options.region ?? environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"]
            ?? files.settings()?["region"] ?? "us-east-1"
        let endpoint = try S3Endpoint(
            bucket: bucket,
            region: region,
            endpoint: options.endpoint,
            addressing: options.addressing
        )
        let transport = Transport(options: options.transport)
        let sources = options.credentialSources(environment, files, options.transport)
        self.bucket = bucket
        self.options = options
        location = try S3Location(options.location)
        client = S3Client(
            endpoint: endpoint,
            region: region,
            credentials: options.isAnonymous ? nil : CredentialCache(sources, time: time),
            transport: transport,
            time: time,
            requesterPays: options.requesterPays
        )
        conditions = ConditionalWrites(options.conditionalWrites, isAmazon: endpoint.isAmazon)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension S3Storage: Storage {
    public var fingerprint: String {
        let endpoint = client.endpoint
        let host = endpoint.isVirtual ? String(endpoint.host.dropFirst(bucket.count + 1)) : endpoint.host
        return "s3:\(host)/\(bucket)/\(location.prefix)"
    }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let key = try location.key(name)
        do {
            _ = try await client.send(S3Request("DELETE", key, verb: "deleted", name: name))
        } catch let error as StorageError where error.code == .notFound {
            // What is absent is deleted.
        }
    }

    public func exists(_ name: String) async throws -> Bool {
        guard name != "" else { return true }
        // A name that is too long is one that nothing has; it may still be cut.
        guard let key = try location.existingKey(name) else { return false }
        return try await head(key, name, verb: "looked up") != nil
    }

    public func size(_ name: String) async throws -> Int64 {
        try await description(of: name).size
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        guard let date = try await description(of: name).modifiedAt else {
            throw StorageError(.notSupported, name: name, "The server doesn't say when a file was changed.")
        }
        return date
    }

    /// Objects are never changed: when one was last changed is when it was made.
    public func createdAt(_ name: String) async throws -> Date { try await modifiedAt(name) }

    public func accessedAt(_ name: String) async throws -> Date {
        // What is missing is missed.
        _ = try await description(of: name)
        throw StorageError(.notSupported, name: name, "S3 doesn't keep when a file was last read.")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension S3Storage: ChecksumStorage {
    public func checksum(_ name: String) async throws -> Checksum? {
        try await description(of: name, withChecksum: true).checksum
    }
}

extension S3Storage {
    /// What the server says of an object.
    func description(of name: String, withChecksum: Bool = false) async throws -> S3Description {
        let key = try location.key(name)
        guard let found = try await head(key, name, verb: "described", withChecksum: withChecksum) else {
            throw missing(name, "described")
        }
        return found
    }

    /// What the server says of an object; nil if there is none.
    func head(_ key: String, _ name: String, verb: String, withChecksum: Bool = false) async throws -> S3Description? {
        var request = S3Request("HEAD", key, verb: verb, name: name)
        request.expectsETag = true
        if withChecksum { request.headers.append(("x-amz-checksum-mode", "ENABLED")) }
        do {
            return S3Description(try await client.send(request).headers)
        } catch let error as StorageError where error.code == .notFound {
            return nil
        }
    }

    func missing(_ name: String, _ verb: String) -> StorageError {
        StorageError(
            .notFound,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be \(verb) in the bucket \"\(bucket)\": there is no such file."
        )
    }

    /// Makes the bucket; one that is the caller's already is made.
    ///
    /// - Throws: `StorageError` with `denied` if the credentials don't allow it.
    public func createBucket() async throws {
        var request = S3Request("PUT", nil, verb: "made")
        if client.endpoint.isAmazon, client.region != "us-east-1" {
            request.body = Array(
                """
                <CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>\
                \(client.region.xmlEscaped)</LocationConstraint></CreateBucketConfiguration>
                """.utf8
            )
        }
        do {
            _ = try await client.send(request, refusals: ["BucketAlreadyOwnedByYou"])
        } catch is S3Refusal {
            // It is there.
        }
    }

    func taken(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be stored in the bucket \"\(bucket)\": the name is taken."
        )
    }
}
