import Crypto
import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// An address by which anybody may read an object until a moment.
///
/// Source: OpenStack Swift, "Temporary URL middleware".
struct TemporaryURL: Sendable {
    /// How an address is signed, in the order of preference.
    enum Digest: String, CaseIterable, Sendable {
        case sha256
        case sha512
        case sha1
    }

    /// The address of the account.
    var storageURL: String
    /// Container and object, as they are.
    var path: String
    /// Container and object, percent-encoded.
    var encodedPath: String
    /// The last moment, in seconds since 1970.
    var expires: Int
    var digest: Digest

    /// The address with its signature.
    func signed(_ key: Secret) -> String {
        let parts = storageURL.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        let account = parts.count > 3 ? String(parts[3]) : ""
        // The server signs the path as it is once decoded.
        let text = "GET\n\(expires)\n/\(account.percentDecoded ?? account)/\(path)"
        let signature = Self.hmac(Array(text.utf8), SymmetricKey(data: Data(key.value.utf8)), digest).hexadecimal
        return "\(storageURL)/\(encodedPath)?temp_url_sig=\(signature)&temp_url_expires=\(expires)"
    }

    private static func hmac(_ text: [UInt8], _ key: SymmetricKey, _ digest: Digest) -> [UInt8] {
        switch digest {
        case .sha256: Array(HMAC<SHA256>.authenticationCode(for: text, using: key))
        case .sha512: Array(HMAC<SHA512>.authenticationCode(for: text, using: key))
        case .sha1: Array(HMAC<Insecure.SHA1>.authenticationCode(for: text, using: key))
        }
    }
}
