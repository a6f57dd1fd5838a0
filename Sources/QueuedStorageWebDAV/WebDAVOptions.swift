public import QueuedStorageCore

/// Where a WebDAV server is, who logs in there, and how long to wait for it.
public struct WebDAVOptions: Sendable {
    /// The server's name or address; an IPv6 address without brackets.
    public var host: String
    /// The port; that of HTTP or HTTPS if nil.
    public var port: Int?
    /// Whether the connection is encrypted.
    public var isEncrypted: Bool
    /// The directory that the files are in, as a path on the server.
    public var directory: String
    /// The user, if one must log in.
    public var user: String?
    /// The user's password.
    public var password: Secret?
    /// The address under which clients reach the files; that of the server itself if nil.
    public var baseURL: String?
    /// The file with the certificates of those who may vouch for the server, in PEM; the system's if nil.
    public var certificateAuthorities: String?
    /// The longest time that connecting may take.
    public var connectTimeout: Duration = .seconds(15)
    /// The longest time without a byte in either direction.
    public var idleTimeout: Duration = .seconds(60)
    /// The longest time that one request may take; no limit if nil.
    public var totalTimeout: Duration?
    /// The most connections at once.
    public var maxConnections = 16

    /// Makes options with the defaults.
    ///
    /// - Parameters:
    ///   - host: The server's name or address.
    ///   - port: The port; that of HTTP or HTTPS if nil.
    ///   - isEncrypted: Whether the connection is encrypted.
    ///   - directory: The directory that the files are in, as a path on the server.
    ///   - user: The user, if one must log in.
    ///   - password: The user's password.
    public init(
        host: String,
        port: Int? = nil,
        isEncrypted: Bool = true,
        directory: String = "/",
        user: String? = nil,
        password: Secret? = nil
    ) {
        self.host = host
        self.port = port
        self.isEncrypted = isEncrypted
        self.directory = directory
        self.user = user
        self.password = password
    }

    /// Scheme, host and port, without a path.
    var origin: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return (isEncrypted ? "https://" : "http://") + host.lowercased() + (port.map { ":\($0)" } ?? "")
    }

    /// The components of the directory.
    var components: [String] { directory.split(separator: "/").map(String.init) }
}
