public import QueuedStorageCore

extension SFTPStorage {
    /// What an SFTP storage is made with, as plain data; what is left out has its default.
    /// ```json
    /// {"host": "files.example.org", "user": "backup", "directory": "/srv/media", "key": "/etc/qstore/id_ed25519"}
    /// ```
    /// OpenSSH's own configuration (`~/.ssh/config`, `/etc/ssh/ssh_config`) holds where nothing is said here: keys, agent, jump
    /// hosts, certificates, ciphers. The password is no part of it.
    public struct Configuration: Codable, Hashable, Sendable {
        /// The server: a host name, an address, or a `Host` of the SSH configuration.
        public var host: String
        /// The directory on the server; `~/…` is in the user's home, a path without `/` at its beginning too.
        public var directory: String
        /// The port; as the SSH configuration has it, else 22, if nil.
        public var port: Int?
        /// The user; as the SSH configuration has it, else that of the process, if nil.
        public var user: String?
        /// The file of the private key, which alone is offered then; as the SSH configuration has it if nil.
        public var key: String?
        /// The socket of the agent, `none` for none, or `SSH_AUTH_SOCK`; as the SSH configuration has it if nil.
        public var agent: String?
        /// The file of known host keys, which alone counts then; as the SSH configuration has it if nil.
        public var knownHosts: String?
        /// A file of SSH configuration that is read instead of the user's and the machine's; `none` for neither.
        public var sshConfig: String?
        /// The hosts to go through, as `ProxyJump` of ssh_config(5) has them.
        public var proxyJump: String?
        /// The program; `ssh` on the path if nil.
        public var ssh: String?
        /// Whether SSH compresses; it doesn't if nil.
        public var compression: Bool?
        /// How long to wait for the server when connecting, in seconds; 20 if nil.
        public var connectTimeout: Int?
        /// How long to wait for any sign of an answer, in seconds; 60 if nil.
        ///
        /// Syncing and copying a file may take ten times as long.
        public var timeout: Int?
        /// The pause after which an unused connection is asked whether it still stands, in seconds; 15 if nil.
        public var keepAlive: Int?
        /// How long an unused connection stays, in seconds; 60 if nil.
        public var idleTimeout: Int?
        /// How many connections there may be at once; 4 if nil.
        public var connections: Int?
        /// The mode of files; as the server's umask has it if nil.
        public var fileMode: Int?
        /// The mode of directories that are made; as the server's umask has it if nil.
        public var directoryMode: Int?
        /// The number of the user whom files are given to; 0 is one, nil is nobody.
        public var uid: Int?
        /// The number of the group that files are given to; 0 is one, nil is none.
        public var gid: Int?
        /// The address under which clients reach the directory; `sftp://…` if nil.
        public var baseURL: String?
        /// Whether to make the directory if it isn't there; it does if nil.
        public var createsDirectory: Bool?

        /// Makes a configuration; everything else is set on it.
        ///
        /// - Parameters:
        ///   - host: The server.
        ///   - directory: The directory on the server.
        ///   - user: The user.
        ///   - port: The port.
        ///   - key: The file of the private key.
        ///   - knownHosts: The file of known host keys.
        public init(
            host: String,
            directory: String,
            user: String? = nil,
            port: Int? = nil,
            key: String? = nil,
            knownHosts: String? = nil
        ) {
            self.host = host
            self.directory = directory
            self.user = user
            self.port = port
            self.key = key
            self.knownHosts = knownHosts
        }
    }
}

extension SFTPStorage.Configuration {
    /// Refuses values that can't be meant, and those that `ssh` would take for something else.
    func validate() throws {
        func refuse(_ option: String, _ reason: String) -> StorageError {
            StorageError(.invalidConfiguration, "the option \"\(option)\" of SFTPStorage \(reason)")
        }
        let texts: [(String, String?)] = [
            ("host", host), ("directory", directory), ("user", user), ("key", key), ("agent", agent),
            ("knownHosts", knownHosts), ("sshConfig", sshConfig), ("proxyJump", proxyJump), ("ssh", ssh),
        ]
        for case (let name, let text?) in texts {
            guard text != "" else { throw refuse(name, "is empty") }
            guard !text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
                throw refuse(name, "has a control character in it")
            }
        }
        guard !host.hasPrefix("-"), !host.contains(" ") else {
            throw refuse("host", "must be a host's name or address, not \(FileName.quoted(host))")
        }
        guard user?.hasPrefix("-") != true else {
            throw refuse("user", "must be a user's name, not \(FileName.quoted(user ?? ""))")
        }
        guard !FileName.climbs(directory) else { throw refuse("directory", "must not have .. in it") }
        let numbers: [(String, Int?, ClosedRange<Int>)] = [
            ("port", port, 1...65535), ("connectTimeout", connectTimeout, 1...3600), ("timeout", timeout, 1...86400),
            ("keepAlive", keepAlive, 0...3600), ("idleTimeout", idleTimeout, 1...86400),
            ("connections", connections, 1...32), ("fileMode", fileMode, 0...0o7777),
            ("directoryMode", directoryMode, 0...0o7777), ("uid", uid, 0...Int(UInt32.max)),
            ("gid", gid, 0...Int(UInt32.max)),
        ]
        for case (let name, let number?, let range) in numbers where !range.contains(number) {
            throw refuse(name, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
    }

    /// The directory's path as the server takes it: a relative one begins in the user's home.
    var root: String {
        let path = directory == "~" ? "." : directory.hasPrefix("~/") ? "./" + directory.dropFirst(2) : directory
        return FileName.normalized(path).replacing(/^\/\/$/, with: "/")
    }

    /// The server, as errors and addresses name it.
    var place: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return "sftp://\(user.map { FileName.percentEncoded($0) + "@" } ?? "")\(shown)\(port.map { ":\($0)" } ?? "")"
    }

    /// The address of the directory, without a slash at its end.
    var address: String {
        let root = root
        if root == "/" { return place }
        if root == "." { return place + "/~" }
        return place + (root.hasPrefix("/") ? "" : "/~/") + FileName.percentEncoded(root)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: ConfigurableStorage {
    public static var typeName: String { "SFTPStorage" }

    public var optionValues: [String: OptionValue] {
        let texts: [String: String?] = [
            "host": configuration.host, "directory": configuration.directory, "user": configuration.user,
            "key": configuration.key, "agent": configuration.agent, "knownHosts": configuration.knownHosts,
            "sshConfig": configuration.sshConfig, "proxyJump": configuration.proxyJump, "ssh": configuration.ssh,
            "baseURL": configuration.baseURL,
        ]
        let numbers: [String: Int?] = [
            "port": configuration.port, "connectTimeout": configuration.connectTimeout,
            "timeout": configuration.timeout, "keepAlive": configuration.keepAlive,
            "idleTimeout": configuration.idleTimeout, "connections": configuration.connections,
            "fileMode": configuration.fileMode, "directoryMode": configuration.directoryMode, "uid": configuration.uid,
            "gid": configuration.gid,
        ]
        let truths: [String: Bool?] = [
            "compression": configuration.compression, "createsDirectory": configuration.createsDirectory,
        ]
        var values = texts.compactMapValues { $0.map { OptionValue.string($0) } }
        values.merge(numbers.compactMapValues { $0.map { .integer($0) } }) { $1 }
        values.merge(truths.compactMapValues { $0.map { .bool($0) } }) { $1 }
        return values
    }
}
