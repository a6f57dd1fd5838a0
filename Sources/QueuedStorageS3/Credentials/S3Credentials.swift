public import FoundationEssentials
package import QueuedStorageCore

/// Who asks, and what proves it.
public struct S3Credentials: Sendable {
    /// The public half of the key.
    public var accessKeyID: String
    /// The private half of the key.
    package var secretAccessKey: Secret
    /// What goes with a key that is valid for a while only.
    package var sessionToken: Secret?
    /// When the key ends, if it does.
    public var expiresAt: Date?

    /// Makes credentials.
    ///
    /// - Parameters:
    ///   - accessKeyID: The public half of the key.
    ///   - secretAccessKey: The private half of the key; no description shows it.
    ///   - sessionToken: What goes with a key that is valid for a while only.
    ///   - expiresAt: When the key ends, if it does.
    public init(
        accessKeyID: String,
        secretAccessKey: String,
        sessionToken: String? = nil,
        expiresAt: Date? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = Secret(secretAccessKey)
        self.sessionToken = sessionToken.map { Secret($0) }
        self.expiresAt = expiresAt
    }

    /// Tells whether two are the same key.
    func isSameKey(as other: S3Credentials) -> Bool {
        accessKeyID == other.accessKeyID && secretAccessKey.value == other.secretAccessKey.value
            && sessionToken?.value == other.sessionToken?.value
    }
}

/// A place where credentials may lie.
package protocol CredentialSource: Sendable {
    /// Looks for credentials.
    ///
    /// - Returns: What lies there now; nil if this place has none, so that the next one is asked.
    /// - Throws: `StorageError` if the place was chosen on purpose and doesn't work.
    func credentials() async throws -> S3Credentials?
}

/// Credentials that don't change.
package struct FixedCredentials: CredentialSource {
    private let value: S3Credentials

    /// Keeps credentials.
    ///
    /// - Parameter value: The credentials.
    package init(_ value: S3Credentials) { self.value = value }

    package func credentials() -> S3Credentials? { value }
}
