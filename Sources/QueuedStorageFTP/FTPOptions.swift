import QueuedStorageCore
import QueuedStorageTransport

/// How an FTP storage connects, proves and waits.
public struct FTPOptions: Hashable, Sendable {
    /// How connections are encrypted.
    public enum TLS: String, CaseIterable, Sendable {
        /// Not at all: user, password and content can be read on the way.
        case off
        /// Where the server offers it; who can change what passes can switch it off.
        case optional
        /// Always, asked for after connecting (`AUTH TLS`), for commands and content.
        case required
        /// Always, from the first byte on, for commands and content (`ftps://`, port 990).
        case implicit
    }

    /// What is compared before a file gets its name, where the server computes no checksum.
    public enum Verification: String, CaseIterable, Sendable {
        /// The number of bytes.
        case size
        /// All bytes, which are read back.
        case readback
    }

    /// How connections are encrypted.
    public var tls = TLS.off
    /// The file with the certificates of those who may vouch for the server, in PEM; the system's if nil.
    public var certificateAuthorities: String?
    /// Whether the server connects to us for content, instead of us to the server.
    public var isActive = false
    /// What is compared before a file gets its name, where the server computes no checksum.
    public var verification = Verification.size
    /// Whether a password, and a user, that aren't given may stand in `~/.netrc`.
    public var usesNetrc = true
    /// The most connections to the server at once.
    public var connections = 8
    /// The longest time that connecting and logging in may take.
    public var connectTimeout = Duration.seconds(15)
    /// The longest time without a byte or an answer.
    public var idleTimeout = Duration.seconds(30)
    /// The longest time that one command or one file's transfer may take; no limit if nil.
    public var totalTimeout: Duration?
    /// The smallest file, in bytes, of which a cut transfer goes on where it was cut.
    public var resumableFrom: Int64 = 8 << 20
    /// The address under which clients reach the files, if they can.
    public var baseURL: String?

    /// Makes options with the defaults.
    public init() {}
}
