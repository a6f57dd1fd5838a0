package import TestSupport

extension RealRemote {
    /// How a configuration file says where this remote is: a type and its options, as YAML writes them in a line.
    ///
    /// It says the same as `place(on:)`, whose secrets it needs.
    ///
    /// - Parameters:
    ///   - server: The server, where there is one.
    ///   - file: A path that nobody else has, for what is a file.
    /// - Returns: The value of `remote`.
    package func yaml(on server: TestServer?, file: String) -> String {
        guard let server else { return "{type: DatabaseStorage, path: '\(file)'}" }
        let options: [(String, String)] =
            switch self {
            case .s3, .s3OnSwift:
                [
                    ("type", "S3Storage"), ("bucket", "remotes"), ("region", server["s3Region"]),
                    ("endpoint", server["s3Endpoint"]), ("addressing", "path"), ("parallelParts", "2"),
                ]
            case .cloudFiles:
                [
                    ("type", "CloudFilesStorage"), ("container", "remotes"), ("auth", server["auth"]),
                    ("user", server["user"]), ("createsContainer", "true"), ("segmentSize", "4194304"),
                ]
            case .sftp:
                [
                    ("type", "SFTPStorage"), ("host", "127.0.0.1"), ("port", server["port"]), ("user", server["user"]),
                    ("directory", server["directory"]), ("key", server["key"]), ("knownHosts", server["knownHosts"]),
                    ("sshConfig", "none"),
                ]
            case .sftpWithPassword:
                [
                    ("type", "SFTPStorage"), ("host", "127.0.0.1"), ("port", server["port"]), ("user", server["user"]),
                    ("directory", server["directory"]), ("knownHosts", server["knownHosts"]), ("sshConfig", "none"),
                ]
            case .ftp:
                [("type", "FTPStorage"), ("host", "127.0.0.1"), ("port", server["port"]), ("user", server["user"])]
            case .ftpEncrypted:
                [
                    ("type", "FTPStorage"), ("host", "127.0.0.1"), ("port", server["port"]), ("user", server["user"]),
                    ("tls", "required"), ("ca", server["ca"]),
                ]
            case .webDAV:
                [
                    ("type", "WebDAVStorage"), ("host", "127.0.0.1"), ("port", server["port"]), ("tls", "false"),
                    ("user", server["user"]), ("directory", server["directory"]),
                ]
            case .couchDB:
                [
                    ("type", "CouchDBStorage"), ("server", "http://127.0.0.1:\(server.port)"),
                    ("database", server["database"]), ("user", server["user"]),
                ]
            case .mogileFS:
                [
                    ("type", "MogileFSStorage"),
                    ("trackers", "127.0.0.1:\(server["tracker1"]),127.0.0.1:\(server["tracker2"])"),
                    ("domain", server["domain"]),
                ]
            case .gridFS:
                [
                    ("type", "GridFSStorage"), ("hosts", "127.0.0.1:\(server.port)"), ("database", server["database"]),
                    ("user", server["user"]), ("prefix", "remotes"),
                ]
            case .postgres:
                [
                    ("type", "DatabaseStorage"), ("host", "127.0.0.1"), ("port", server["port"]),
                    ("database", server["database"]), ("user", server["user"]), ("table", "remotes"),
                    ("tls", "verify-full"), ("ca", server["ca"]),
                ]
            case .sqlite: [("type", "DatabaseStorage"), ("path", file)]
            }
        let words = options.map { name, value in
            // Texts that YAML could take for something else are quoted; numbers and truths aren't.
            Int(value) != nil || value == "true" || value == "false" ? "\(name): \(value)" : "\(name): '\(value)'"
        }
        return "{\(words.joined(separator: ", "))}"
    }
}
