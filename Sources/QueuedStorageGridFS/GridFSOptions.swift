public import QueuedStorageCore

/// Where a MongoDB deployment is, and how to speak to it.
public struct GridFSOptions: Sendable {
    /// The hosts, each with its port if that isn't 27017: one, or members of a replica set, or routers.
    public var hosts: [String]
    /// The database.
    public var database: String
    /// What the names of the two collections begin with.
    public var prefix: String
    /// The user.
    public var user: String?
    /// The password.
    public var password: Secret?
    /// The database that knows the user; `admin` if nil.
    public var authSource: String?
    /// The replica set that the hosts are members of.
    public var replicaSet: String?
    /// Whether to speak TLS; certificates are always looked at then.
    public var usesTLS: Bool
    /// A file with the certificates of the authorities that are trusted; the system's if nil.
    public var rootCertificates: String?
    /// A file with the client's own certificate and key.
    public var clientCertificate: String?
    /// How long to look for a server that takes writes.
    public var serverSelectionTimeout: Duration
    /// How long to wait for a connection.
    public var connectTimeout: Duration
    /// How long to wait for an answer.
    public var socketTimeout: Duration
    /// How many connections there may be at a time.
    public var connectionLimit: Int

    /// Describes a deployment.
    ///
    /// - Parameters:
    ///   - hosts: The hosts, each with its port if that isn't 27017.
    ///   - database: The database.
    ///   - prefix: What the names of the two collections begin with.
    ///   - user: The user.
    ///   - password: The password.
    ///   - authSource: The database that knows the user.
    ///   - replicaSet: The replica set that the hosts are members of.
    ///   - usesTLS: Whether to speak TLS.
    ///   - rootCertificates: A file with the certificates of the authorities that are trusted.
    ///   - clientCertificate: A file with the client's own certificate and key.
    ///   - serverSelectionTimeout: How long to look for a server that takes writes.
    ///   - connectTimeout: How long to wait for a connection.
    ///   - socketTimeout: How long to wait for an answer.
    ///   - connectionLimit: How many connections there may be at a time.
    public init(
        hosts: [String] = ["localhost"],
        database: String,
        prefix: String = "fs",
        user: String? = nil,
        password: Secret? = nil,
        authSource: String? = nil,
        replicaSet: String? = nil,
        usesTLS: Bool = false,
        rootCertificates: String? = nil,
        clientCertificate: String? = nil,
        serverSelectionTimeout: Duration = .seconds(15),
        connectTimeout: Duration = .seconds(10),
        socketTimeout: Duration = .seconds(60),
        connectionLimit: Int = 8
    ) {
        self.hosts = hosts
        self.database = database
        self.prefix = prefix
        self.user = user
        self.password = password
        self.authSource = authSource
        self.replicaSet = replicaSet
        self.usesTLS = usesTLS
        self.rootCertificates = rootCertificates
        self.clientCertificate = clientCertificate
        self.serverSelectionTimeout = serverSelectionTimeout
        self.connectTimeout = connectTimeout
        self.socketTimeout = socketTimeout
        self.connectionLimit = connectionLimit
    }
}
