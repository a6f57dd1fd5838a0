internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension S3Storage: ExclusiveStorage, DurableStorage, RetryingStorage {
    /// Whether the server knows conditional writes.
    public var isExclusive: Bool { get async throws { try await refusesOverwrites() } }

    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await store(content, as: name, options: options, next: nil)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try await withoutActuallyEscaping(next) {
            try await store(content, as: name, options: options, next: $0)
        }
    }

    private func store(
        _ content: FileContent,
        as wanted: String,
        options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        var name = try validated(wanted)
        try Task.checkCancellation()
        let reader = try await blocking { try content.reader() }
        let isLarge = reader.size.map { $0 >= self.options.multipartFrom } ?? false
        // Asked first, so that nothing is sent in vain; a small file is its own question where the server answers it.
        if !options.replaces {
            var isAsked = isLarge || reader.size == nil
            if !isAsked { isAsked = try await !refusesOverwrites() }
            while isAsked, try await head(location.key(name), name, verb: "stored") != nil {
                guard let next else { throw taken(name) }
                name = try validated(try await next(name))
            }
        }
        var source = PartReader(reader)
        let headers = objectHeaders(for: name, options.contentType ?? content.contentType)
        if !isLarge {
            let bytes = try await source.part(of: Int(self.options.multipartFrom)) ?? []
            if source.isAtEnd {
                try source.checkSize()
                return try await put(bytes, as: name, headers, options, next)
            }
            source.unread(bytes)
        }
        return try await storeInParts(&source, as: name, headers, options)
    }

    /// A name that may be stored, as it is stored.
    func validated(_ name: String) throws -> String {
        try FileName.validate(name)
        _ = try location.key(name)
        return try location.relative(name)
    }

    /// Stores bytes as one object, under the first free name.
    private func put(
        _ bytes: [UInt8],
        as wanted: String,
        _ headers: [(name: String, value: String)],
        _ options: StoreOptions,
        _ next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        let seal = ContentSeal(bytes, self.options.checksum)
        var name = wanted
        while true {
            try Task.checkCancellation()
            do {
                let response = try await put(bytes, as: name, headers, seal, options)
                options.progress?(Int64(bytes.count))
                var stored = StoredObject(name: name, size: Int64(bytes.count))
                if options.computesSHA256 { stored.sha256 = seal.sha256.hexadecimal }
                stored.verifiedBy = try await verify(response, seal, name)
                return stored
            } catch let error as StorageError where error.code == .alreadyExists {
                guard let next else { throw error }
                name = try validated(try await next(name))
            }
        }
    }

    private func put(
        _ bytes: [UInt8],
        as name: String,
        _ headers: [(name: String, value: String)],
        _ seal: ContentSeal,
        _ options: StoreOptions
    ) async throws -> S3Response {
        let key = try location.key(name)
        var request = S3Request("PUT", key, verb: "stored", name: name, headers: headers + seal.headers)
        request.body = bytes
        request.payloadHash = seal.sha256.hexadecimal
        request.progress = options.progress
        request.expectsETag = true
        let isConditional = options.replaces ? false : try await refusesOverwrites()
        if isConditional { request.headers.append(("if-none-match", "*")) }
        for attempt in 1... {
            do {
                return try await client.send(request, refusals: Self.conditionRefusals)
            } catch let refusal as S3Refusal {
                switch refusal.failure.status {
                case 501 where isConditional:
                    // It doesn't know conditions after all: look first, from now on.
                    await conditions.learnUnknown()
                    request.headers.removeAll { $0.name == "if-none-match" }
                    if try await head(key, name, verb: "stored") != nil { throw taken(name) }
                case 412:
                    // A try of ours that was cut may have arrived all the same.
                    if refusal.attempt + attempt > 2, let found = try await head(key, name, verb: "stored"),
                        found.etag == seal.md5.hexadecimal, found.size == bytes.count
                    {
                        return S3Response(status: 200, headers: ["ETag": found.etag], body: FileReader([]))
                    }
                    throw taken(name)
                case 409 where attempt < 8:
                    // Somebody else's store of the same name is under way; it is decided soon.
                    try await client.pause(after: attempt, refusal.failure.retryAfter)
                default:
                    throw refusal.failure.error("stored", name, bucket: bucket)
                }
            }
        }
        preconditionFailure("The loop only ends by returning or throwing.")
    }

    static let conditionRefusals: Set<String> = [
        "NotImplemented", "HTTP 501", "PreconditionFailed", "HTTP 412", "ConditionalRequestConflict", "HTTP 409",
    ]

    /// Compares what the server says it stored with what was sent.
    private func verify(_ response: S3Response, _ seal: ContentSeal, _ name: String) async throws
        -> Checksum.Algorithm?
    {
        let kept = S3Description.checksum(response.headers)
        let tag = S3Description.md5(of: response.headers)
        if let kept, let ours = seal.value(kept.algorithm) {
            guard kept.value == ours.hexadecimal else { throw try await damage(name, kept.value, ours.hexadecimal) }
            return kept.algorithm
        }
        guard let tag else { return nil }
        guard tag == seal.md5.hexadecimal else { throw try await damage(name, tag, seal.md5.hexadecimal) }
        return .md5
    }

    /// Removes what isn't what was sent.
    func damage(_ name: String, _ theirs: String, _ ours: String) async throws -> StorageError {
        try? await delete(name)
        return StorageError(
            .damaged,
            name: name,
            """
            The file \(FileName.quoted(name)) was damaged on its way to the bucket "\(bucket)": its checksum is \(theirs) \
            there, and \(ours) here. It was removed there.
            """
        )
    }

    /// What an object gets besides its bytes.
    package func objectHeaders(for name: String, _ contentType: String?) -> [(name: String, value: String)] {
        var headers = [(name: "content-type", value: contentType ?? ContentType.guess(name))]
        if let value = options.cacheControl { headers.append(("cache-control", value)) }
        if let value = options.contentDisposition { headers.append(("content-disposition", value)) }
        for (name, value) in options.metadata { headers.append(("x-amz-meta-\(name.lowercased())", value)) }
        return headers + placementHeaders
    }

    /// How an object is kept: what a copy needs to be told again.
    var placementHeaders: [(name: String, value: String)] {
        var headers: [(name: String, value: String)] = []
        if let value = options.storageClass { headers.append(("x-amz-storage-class", value)) }
        if let value = options.acl { headers.append(("x-amz-acl", value)) }
        switch options.encryption {
        case .bucketDefault: break
        case .aes256: headers.append(("x-amz-server-side-encryption", "AES256"))
        case .kms(let keyID):
            headers.append(("x-amz-server-side-encryption", "aws:kms"))
            if let keyID { headers.append(("x-amz-server-side-encryption-aws-kms-key-id", keyID)) }
        }
        return headers
    }
}
