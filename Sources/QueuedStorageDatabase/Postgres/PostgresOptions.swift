public import QueuedStorageCore

/// Where a PostgreSQL server is, and how to speak to it.
///
/// What is nil here, libpq looks up where it always does: `PGHOST`, `PGUSER` and the like, `~/.pgpass`, and service files.
public struct PostgresOptions: Sendable {
    /// How far the connection is protected, by libpq's names (`sslmode`).
    public enum TLSMode: String, CaseIterable, Sendable {
        /// Never encrypted.
        case disable
        /// Encrypted if the server insists.
        case allow
        /// Encrypted if the server can; nobody is authenticated.
        case prefer
        /// Encrypted; the certificate isn't looked at.
        case require
        /// Encrypted, with a certificate of a known authority.
        case verifyCA = "verify-ca"
        /// Encrypted, with a certificate of a known authority for this host.
        case verifyFull = "verify-full"
    }

    /// The host's name or address, or the directory of its socket; several may be joined by commas.
    public var host: String?
    /// The port; 5432 if nil.
    public var port: Int?
    /// The database.
    public var database: String
    /// The user.
    public var user: String?
    /// The password; libpq looks into `~/.pgpass` if nil.
    public var password: Secret?
    /// How far the connection is protected; ``TLSMode/verifyFull`` if nil, except to this machine, where it is
    /// ``TLSMode/prefer``.
    public var tls: TLSMode?
    /// A file with the certificates of the authorities that are trusted; libpq's own, else the system's, if nil.
    public var rootCertificates: String?
    /// How long to wait for a connection.
    public var connectTimeout: Duration
    /// How long a statement may take; the server gives it up then.
    public var statementTimeout: Duration
    /// How many connections there may be at a time.
    public var connectionLimit: Int

    /// Describes a server.
    ///
    /// - Parameters:
    ///   - host: The host's name or address, or the directory of its socket.
    ///   - port: The port.
    ///   - database: The database.
    ///   - user: The user.
    ///   - password: The password.
    ///   - tls: How far the connection is protected.
    ///   - rootCertificates: A file with the certificates of the authorities that are trusted.
    ///   - connectTimeout: How long to wait for a connection.
    ///   - statementTimeout: How long a statement may take.
    ///   - connectionLimit: How many connections there may be at a time.
    public init(
        host: String? = nil,
        port: Int? = nil,
        database: String,
        user: String? = nil,
        password: Secret? = nil,
        tls: TLSMode? = nil,
        rootCertificates: String? = nil,
        connectTimeout: Duration = .seconds(10),
        statementTimeout: Duration = .seconds(60),
        connectionLimit: Int = 8
    ) {
        self.host = host
        self.port = port
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls
        self.rootCertificates = rootCertificates
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.connectionLimit = connectionLimit
    }
}
