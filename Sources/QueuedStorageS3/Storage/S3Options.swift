public import QueuedStorageCore

/// Where a bucket stands in an address.
public enum S3Addressing: String, Hashable, Sendable, CaseIterable {
    /// In the host at Amazon, unless the bucket's name has dots or capitals; in the path elsewhere.
    case automatic
    /// In the path: `https://host/bucket/key`.
    case path
    /// In the host: `https://bucket.host/key`.
    case virtual
}

/// How objects are encrypted where they lie.
public enum S3Encryption: Hashable, Sendable {
    /// By the bucket's own rule.
    case bucketDefault
    /// By keys that the server keeps (SSE-S3).
    case aes256
    /// By a key of the key management service (SSE-KMS); the account's own one if it isn't named.
    case kms(keyID: String? = nil)
}

/// Whether the server itself can refuse to overwrite an object (`If-None-Match: *`).
public enum S3ConditionalWrites: String, Hashable, Sendable, CaseIterable {
    /// Amazon can; another server is tried out once, with an object of the storage's own.
    case automatic
    /// It can.
    case always
    /// It can't: the storage looks first, and two writers at the same moment may both succeed.
    case never
}

/// What there is to choose about a ``S3Storage``.
public struct S3Options: Sendable {
    /// The region; from the environment or the profile if nil, else `us-east-1`.
    public var region: String?
    /// The address of a server that isn't Amazon's, such as `http://127.0.0.1:9000`.
    public var endpoint: String?
    /// Where the bucket stands in addresses.
    public var addressing = S3Addressing.automatic
    /// What all keys begin with, without a slash at either end; names never lead out of it.
    public var location = ""

    /// The keys; from the places that the storage looks in if nil.
    public var credentials: S3Credentials?
    /// The profile of the shared credentials file; it counts more than the environment.
    public var profile: String?
    /// Whether requests aren't signed at all, as a public bucket allows.
    public var isAnonymous = false

    /// The address that files are reached at, in place of the bucket's, such as `https://cdn.example.com`.
    public var baseURL: String?
    /// Whether addresses of the bucket carry a signature.
    public var signsURLs = true
    /// How long a signed address is valid, at most seven days.
    public var urlValidity = Duration.seconds(3600)

    /// The storage class of new objects, such as `STANDARD_IA`.
    public var storageClass: String?
    /// How new objects are encrypted.
    public var encryption = S3Encryption.bucketDefault
    /// A canned access control list of new objects, such as `public-read`; the bucket's rule if nil.
    public var acl: String?
    /// The `Cache-Control` of new objects.
    public var cacheControl: String?
    /// The `Content-Disposition` of new objects.
    public var contentDisposition: String?
    /// Metadata of new objects, by names without `x-amz-meta-`.
    public var metadata: [String: String] = [:]
    /// Whether who asks pays for it.
    public var requesterPays = false

    /// Whether the server itself refuses to overwrite.
    public var conditionalWrites = S3ConditionalWrites.automatic
    /// The checksum that the server keeps with an object that is sent as a whole; none if nil.
    public var checksum: Checksum.Algorithm? = .sha256
    /// From which size a file is sent in parts, in bytes.
    public var multipartFrom: Int64 = 16 << 20
    /// The size of a part, in bytes, at least 5 MiB; it grows for files that would have more than 10,000.
    public var partSize: Int64 = 8 << 20
    /// How many parts of a file are sent at once.
    public var parallelParts = 4

    /// The longest time that connecting may take.
    public var connectTimeout = Duration.seconds(15)
    /// The longest time without a byte in either direction.
    public var idleTimeout = Duration.seconds(60)
    /// The longest time that one request may take, such as that of a part; no limit if nil.
    public var totalTimeout: Duration?
    /// The most connections at once.
    public var maxConnections = 32
    /// The file with the certificates of those who may vouch for the server, in PEM; the system's if nil.
    public var certificateAuthorities: String?
    /// The address of a proxy; what the environment says if nil.
    public var proxy: String?

    /// Has the defaults.
    public init() {}
}
