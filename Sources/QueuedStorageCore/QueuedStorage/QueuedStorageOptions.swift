/// How a queued storage retries, deletes and reads.
///
/// What is nil here comes from the environment variables of django-queued-storage, else from the default:
/// `QUEUED_STORAGE_RETRIES` (5, or `none` for no limit), `QUEUED_STORAGE_RETRY_DELAY` (60, in seconds) and
/// `QUEUED_STORAGE_CACHE_PREFIX` (`queued_storage`).
public struct QueuedStorageOptions: Hashable, Sendable {
    /// How many retries follow a transfer's first try.
    public enum Retries: Hashable, Sendable {
        /// So many.
        case count(Int)
        /// As many as it takes.
        case unlimited
    }

    /// Which side is read when both have a file.
    public enum Side: String, Codable, CaseIterable, Hashable, Sendable {
        /// The local copy.
        case local
        /// The remote's copy.
        case remote
    }

    /// What a transfer compares where the remote vouches with no checksum of its own for what it stored.
    public enum Verification: String, Codable, CaseIterable, Hashable, Sendable {
        /// The size; every byte is read back only before a local copy is deleted.
        case size
        /// Every byte, read back.
        case readback
    }

    /// How many retries follow the first try (Celery's `max_retries`).
    public var retries: Retries?
    /// The delay before the first retry (Celery's `default_retry_delay`); later ones double.
    public var retryDelay: Duration?
    /// How long the local copy stays after a transfer that deletes it.
    public var localGrace: Duration
    /// How long the local copy stays at least where the remote is no ``DurableStorage``.
    ///
    /// After it the remote's copy is compared once more. If it is gone, or something else, the file is sent again. 0 means
    /// that the remote is believed at once.
    public var durabilityGrace: Duration
    /// What a transfer compares where the remote vouches with no checksum for what it stored.
    public var verification: Verification
    /// How many transfers may begin in a span of time, in each worker process (Celery's `rate_limit`).
    public var rateLimit: RateLimit?
    /// Which side is read when both have a file.
    public var preferredSide: Side
    /// Whether saving hashes bytes even where they can be cloned without being read.
    public var hashesOnSave: Bool
    /// How long sending, and comparing, may stand still before the attempt is given up.
    public var stallTimeout: Duration
    /// How long an attempt to transfer may take in all before it is given up; no limit if nil.
    public var attemptTimeout: Duration?
    /// What cache keys begin with.
    public var cachePrefix: String?

    /// Makes options.
    ///
    /// - Parameters:
    ///   - retries: How many retries follow the first try.
    ///   - retryDelay: The delay before the first retry.
    ///   - localGrace: How long the local copy stays after a transfer that deletes it.
    ///   - durabilityGrace: How long it stays at least where the remote can't promise durability.
    ///   - verification: What a transfer compares where the remote vouches with no checksum.
    ///   - rateLimit: How many transfers may begin in a span of time.
    ///   - preferredSide: Which side is read when both have a file.
    ///   - hashesOnSave: Whether saving hashes bytes even where they can be cloned without being read.
    ///   - stallTimeout: How long an attempt may stand still.
    ///   - attemptTimeout: How long an attempt may take in all.
    ///   - cachePrefix: What cache keys begin with.
    public init(
        retries: Retries? = nil,
        retryDelay: Duration? = nil,
        localGrace: Duration = .zero,
        durabilityGrace: Duration = .seconds(60),
        verification: Verification = .size,
        rateLimit: RateLimit? = nil,
        preferredSide: Side = .remote,
        hashesOnSave: Bool = false,
        stallTimeout: Duration = .seconds(300),
        attemptTimeout: Duration? = nil,
        cachePrefix: String? = nil
    ) {
        self.retries = retries
        self.retryDelay = retryDelay
        self.localGrace = localGrace
        self.durabilityGrace = durabilityGrace
        self.verification = verification
        self.rateLimit = rateLimit
        self.preferredSide = preferredSide
        self.hashesOnSave = hashesOnSave
        self.stallTimeout = stallTimeout
        self.attemptTimeout = attemptTimeout
        self.cachePrefix = cachePrefix
    }
}

extension QueuedStorageOptions {
    /// The options with what is nil taken from the environment, else from the defaults, and checked.
    ///
    /// - Parameters:
    ///   - alias: The storage's alias, for the error's sentence.
    ///   - environment: The environment variables.
    /// - Returns: What failures mean, and what cache keys begin with.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names the wrong option.
    package func resolved(alias: String, environment: [String: String]) throws -> (
        policy: RetryPolicy, cachePrefix: String
    ) {
        func wrong(_ message: String) -> StorageError {
            StorageError(.invalidConfiguration, "the storage \"\(alias)\": \(message)")
        }
        var policy = RetryPolicy()
        switch retries {
        case .unlimited: policy.retries = nil
        case .count(let count): policy.retries = count
        case nil:
            if let text = environment["QUEUED_STORAGE_RETRIES"], !text.isEmpty {
                guard text.lowercased() == "none" || Int(text) != nil else {
                    throw wrong("QUEUED_STORAGE_RETRIES is \"\(text)\"; it must be a whole number, or none")
                }
                policy.retries = Int(text)
            }
        }
        if let retries = policy.retries, retries < 0 { throw wrong("retries is \(retries); it must be 0 or more") }
        if let retryDelay {
            policy.delay = retryDelay
        } else if let text = environment["QUEUED_STORAGE_RETRY_DELAY"], !text.isEmpty {
            guard let seconds = Double(text), seconds.isFinite else {
                throw wrong("QUEUED_STORAGE_RETRY_DELAY is \"\(text)\"; it must be a number of seconds")
            }
            // Durations end somewhere; what is out of bounds stays so.
            policy.delay = .seconds(min(max(-1, seconds), 1e12))
        }
        guard policy.delay >= .zero, policy.delay <= .seconds(366 * 86400) else {
            throw wrong("retryDelay is \(policy.delay); it must be from 0 to 366 days")
        }
        guard localGrace >= .zero else { throw wrong("localGrace is \(localGrace); it must not be negative") }
        guard durabilityGrace >= .zero else {
            throw wrong("durabilityGrace is \(durabilityGrace); it must not be negative")
        }
        guard stallTimeout > .zero else { throw wrong("stallTimeout is \(stallTimeout); it must be above 0") }
        if let attemptTimeout, attemptTimeout <= .zero {
            throw wrong("attemptTimeout is \(attemptTimeout); it must be above 0")
        }
        return (policy, cachePrefix ?? environment["QUEUED_STORAGE_CACHE_PREFIX"] ?? "queued_storage")
    }
}
