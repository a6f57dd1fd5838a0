internal import FoundationEssentials
package import QueuedStorageCore

/// The credentials of a storage: looked for when they are first needed, and again before they end.
package actor CredentialCache {
    /// How long before their end credentials are renewed.
    private static let margin: TimeInterval = 300

    private let sources: [any CredentialSource]
    private let time: any TimeSource
    private var current: S3Credentials?
    private var renewal: Task<S3Credentials, any Error>?

    /// Makes a cache.
    ///
    /// - Parameters:
    ///   - sources: The places to look in, in this order.
    ///   - time: Where time comes from.
    package init(_ sources: [any CredentialSource], time: any TimeSource = SystemTime()) {
        self.sources = sources
        self.time = time
    }

    /// Returns credentials that are valid for a while.
    ///
    /// - Parameter expired: Credentials that the server refused, so that others are needed.
    /// - Returns: What the first place has that has any.
    /// - Throws: `StorageError` with `invalidConfiguration` if there are none.
    package func credentials(insteadOf expired: S3Credentials? = nil) async throws -> S3Credentials {
        if let current, !endsSoon(current), expired.map({ !current.isSameKey(as: $0) }) ?? true { return current }
        if let renewal { return try await renewal.value }
        // One renewal for all who wait; it outlives the one who asked first if that one is cancelled.
        let task = Task { try await Self.find(in: sources) }
        renewal = task
        defer { renewal = nil }
        do {
            let found = try await task.value
            current = found
            return found
        } catch {
            // Credentials that still hold for a moment are better than none.
            if let current, expired == nil, !hasEnded(current) { return current }
            throw error
        }
    }

    private func endsSoon(_ credentials: S3Credentials) -> Bool {
        credentials.expiresAt.map { $0.timeIntervalSince(time.now) < Self.margin } ?? false
    }

    private func hasEnded(_ credentials: S3Credentials) -> Bool {
        credentials.expiresAt.map { $0 <= time.now } ?? false
    }

    private static func find(in sources: [any CredentialSource]) async throws -> S3Credentials {
        for source in sources {
            if let found = try await source.credentials() { return found }
        }
        throw StorageError(
            .invalidConfiguration,
            """
            There are no credentials for S3. Set QSTORE_<ALIAS>_ACCESS_KEY_ID and QSTORE_<ALIAS>_SECRET_ACCESS_KEY, or \
            AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or fill ~/.aws/credentials; a public bucket needs the option \
            "anonymous".
            """
        )
    }
}
