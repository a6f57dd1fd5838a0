import QueuedStorageS3
package import TestSupport

/// A remote as operators have it: a real server, or a file, and the words that tell `qstore` of it.
package enum RealRemote: String, CaseIterable, Sendable {
    case s3 = "S3 (moto)"
    case s3OnSwift = "S3 (OpenStack Swift)"
    case cloudFiles = "OpenStack Swift"
    case sftp = "SFTP (OpenSSH)"
    case sftpWithPassword = "SFTP with a password (rclone)"
    case ftp = "FTP (ProFTPD)"
    case ftpEncrypted = "FTP with TLS (ProFTPD)"
    case webDAV = "WebDAV (nginx)"
    case couchDB = "CouchDB"
    case mogileFS = "MogileFS"
    case gridFS = "GridFS"
    case postgres = "PostgreSQL"
    case sqlite = "SQLite"

    /// The script of the server; nil if there is none to start.
    package var script: String? {
        switch self {
        case .s3: "moto"
        case .s3OnSwift, .cloudFiles: "openstack-swift"
        case .sftp: "sftp"
        case .sftpWithPassword: "sftp-password"
        case .ftp, .ftpEncrypted: "ftp"
        case .webDAV: "webdav-nginx"
        case .couchDB: "couchdb"
        case .mogileFS: "mogilefs"
        case .gridFS: "mongodb"
        case .postgres: "postgres"
        case .sqlite: nil
        }
    }

    /// A proxy through which all passes that it says and is told; nil where none can stand.
    ///
    /// - Parameter server: The server behind it; nil for the one that all tests share.
    /// - Returns: The proxy.
    /// - Throws: What keeps the server or the proxy from starting.
    package func proxy(to server: TestServer? = nil) async throws -> FaultyProxy? {
        let shared = try await self.server
        guard let server = server ?? shared, self != .mogileFS else { return nil }
        guard let port = Int(server["passivePort"]), let first = Int(server["firstPassive"]),
            let last = Int(server["lastPassive"])
        else { return try FaultyProxy(to: server.port) }
        return try FaultyProxy(toAll: [port] + Array(first...last))
    }

    /// Whether whoever wants to get in needs a secret that `qstore` is given; OpenSSH's has a key.
    package var hasSecret: Bool { ![.sftp, .mogileFS, .sqlite].contains(self) }

    /// What the server checks of the secret; moto takes any.
    package var checksSecret: Bool { hasSecret && self != .s3 }

    /// Whether it can be spoken to through TLS that somebody else puts around it.
    package var fitsInTLS: Bool { [.s3, .s3OnSwift, .cloudFiles, .couchDB, .gridFS].contains(self) }

    /// Whether it speaks TLS of its own, with a certificate for 127.0.0.1.
    package var hasTLS: Bool { [.ftpEncrypted, .webDAV, .postgres].contains(self) }

    /// Whether a server that was ended comes back with what it had.
    package var survivesEnd: Bool { self != .s3 }

    /// Where this remote is, for a storage called `default`.
    ///
    /// - Parameters:
    ///   - server: The server, where there is one.
    ///   - port: Another port than the server's, such as a proxy's.
    ///   - name: What the host is called.
    ///   - authority: The certificate of whoever speaks TLS at that port; nil where nobody does.
    ///   - isSmall: Whether the part of the server is meant that has little room, where there is one.
    ///   - file: A path that nobody else has, for what is a file.
    /// - Returns: Where it is, and what it wants to hear.
    /// - Throws: What keeps a bucket from being made.
    package func place(
        on server: TestServer?,
        port: Int? = nil,
        host name: String = "127.0.0.1",
        authority: String? = nil,
        isSmall: Bool = false,
        file: String
    ) async throws -> Place {
        guard let server else { return Place(url: "sqlite://\(file)") }
        let host = "\(name):\(port ?? (isSmall ? Int(server["smallPort"]) : nil) ?? server.port)"
        let (http, suffix) = authority == nil ? ("http", "") : ("https", "s")
        let trust = authority.map { "ca=\($0)" }
        switch self {
        case .s3, .s3OnSwift:
            let keys = S3Credentials(accessKeyID: server["s3AccessKeyID"], secretAccessKey: server["s3SecretAccessKey"])
            var options = S3Options()
            (options.endpoint, options.region, options.credentials) = (server["s3Endpoint"], server["s3Region"], keys)
            let bucket = isSmall ? "small-s3" : "remotes"
            try await S3Storage(bucket, options).createBucket()
            let endpoint = "\(http)%3A%2F%2F\(host.replacing(":", with: "%3A"))"
            return Place(
                url: "s3://\(bucket)".with(
                    "region=\(server["s3Region"])",
                    "endpoint=\(endpoint)",
                    "addressing=path",
                    "parallelParts=2",
                    trust
                ),
                secrets: [
                    "ACCESS_KEY_ID": server["s3AccessKeyID"], "SECRET_ACCESS_KEY": server["s3SecretAccessKey"],
                ],
                secret: "SECRET_ACCESS_KEY"
            )
        case .cloudFiles:
            let account = server["storageURL"].replacing("http://127.0.0.1:\(server.port)", with: "\(http)://\(host)")
            return Place(
                url: "swift://\(isSmall ? "small" : "remotes")".with(
                    "auth=\(http)://\(host)/auth/v1.0",
                    "user=\(server["user"].replacing(":", with: "%3A"))",
                    "createsContainer=true",
                    "segmentSize=4194304",
                    "storageURL=\(account)",
                    trust
                ),
                password: server["password"]
            )
        case .sftp:
            return Place(
                url: "sftp://\(server["user"])@\(host)\(server[isSmall ? "small" : "directory"])".with(
                    "key=\(server["key"])",
                    "knownHosts=\(server["knownHosts"])",
                    "sshConfig=none"
                )
            )
        case .sftpWithPassword:
            return Place(
                url: "sftp://\(server["user"])@\(host)\(server["directory"])".with(
                    "knownHosts=\(server["knownHosts"])",
                    "sshConfig=none"
                ),
                password: server["password"]
            )
        case .ftp:
            return Place(url: "ftp://\(server["user"])@\(host)", password: server["password"])
        case .ftpEncrypted:
            return Place(
                url: "ftp://\(server["user"])@\(host)".with("tls=required", "ca=\(server["ca"])"),
                password: server["password"]
            )
        case .webDAV:
            return Place(
                url: "dav\(suffix)://\(server["user"])@\(host)\(isSmall ? "/full" : server["directory"])".with(trust),
                password: server["password"]
            )
        case .couchDB:
            return Place(
                url: "couchdb\(suffix)://\(server["user"])@\(host)/\(server["database"])".with(trust),
                password: server["password"]
            )
        case .mogileFS:
            let trackers = "127.0.0.1:\(server["tracker1"]),127.0.0.1:\(server["tracker2"])"
            return Place(url: "mogilefs://\(trackers)/\(server[isSmall ? "small" : "domain"])")
        case .gridFS:
            return Place(
                url: "mongodb://\(server["user"])@\(host)/\(server["database"])".with(
                    "prefix=remotes",
                    trust.map { "tls=true&\($0)" }
                ),
                password: server["password"]
            )
        case .postgres:
            return Place(
                url: "postgres://\(server["user"])@\(host)/\(server[isSmall ? "small" : "database"])".with(
                    "table=remotes",
                    "tls=verify-full",
                    "ca=\(server["ca"])"
                ),
                password: server["password"]
            )
        case .sqlite: return Place(url: "sqlite://\(file)")
        }
    }

    /// The server that all tests share; nil if there is none.
    package var server: TestServer? {
        get async throws {
            if let script { try await TestServer.shared(script) } else { nil }
        }
    }

    /// Where a remote is, and what it wants to hear.
    package struct Place: Sendable {
        /// The value of `--remote`.
        package let url: String
        /// The variables with the secrets of a storage called `default`.
        package let environment: [String: String]
        /// What nobody may find anywhere.
        package let secret: String?
        private let secretVariable: String?

        fileprivate init(url: String, password: String) {
            self.init(url: url, secrets: ["PASSWORD": password], secret: "PASSWORD")
        }

        fileprivate init(url: String, secrets: [String: String] = [:], secret: String? = nil) {
            self.url = url
            environment = Dictionary(uniqueKeysWithValues: secrets.map { ("QSTORE_DEFAULT_\($0)", $1) })
            self.secret = secret.flatMap { secrets[$0] }
            secretVariable = secret.map { "QSTORE_DEFAULT_\($0)" }
        }

        /// The variables with another secret, which opens nothing.
        package func environment(with wrong: String) -> [String: String] {
            environment.merging(secretVariable.map { [$0: wrong] } ?? [:]) { $1 }
        }
    }
}

extension String {
    /// An address with options behind it.
    fileprivate func with(_ options: String?...) -> String {
        let options = options.compactMap { $0 }
        return options.isEmpty ? self : "\(self)?\(options.joined(separator: "&"))"
    }
}
