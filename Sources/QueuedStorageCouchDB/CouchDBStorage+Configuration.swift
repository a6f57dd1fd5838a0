public import QueuedStorageCore

extension CouchDBStorage {
    /// What a CouchDB storage is made with, as plain data; what is left out has its default.
    /// ```json
    /// {"server": "http://couchdb.example.org:5984", "database": "media", "user": "app"}
    /// ```
    /// The password is no part of it.
    public struct Configuration: Codable, Hashable, Sendable {
        /// The server's address: `http` or `https`, host, port, and the path below which a proxy has it, if any.
        public var server: String
        /// The database's name.
        public var database: String
        /// The user; none if nil.
        public var user: String?
        /// How the user logs in; with each request if nil.
        public var authentication: Authentication?
        /// What the identifiers of documents begin with, before the file's name; nothing if nil.
        public var prefix: String?
        /// Whether to make the database if it isn't there; it doesn't if nil.
        public var createsDatabase: Bool?
        /// The file with the certificates of those who may vouch for the server, in PEM; the system's if nil.
        public var ca: String?
        /// The longest time that connecting may take, in seconds; 15 if nil.
        public var connectTimeout: Int?
        /// The longest silence, in seconds; 60 if nil.
        public var timeout: Int?
        /// The longest time that one request may take, in seconds; no limit if nil.
        public var totalTimeout: Int?
        /// How many connections there may be at once; 8 if nil.
        public var connections: Int?
        /// The address under which clients reach the files; that of the attachments on the server if nil.
        public var baseURL: String?

        /// Makes a configuration; everything else is set on it.
        ///
        /// - Parameters:
        ///   - server: The server's address.
        ///   - database: The database's name.
        ///   - user: The user.
        public init(server: String, database: String, user: String? = nil) {
            self.server = server
            self.database = database
            self.user = user
        }
    }

    /// How a user logs in.
    public enum Authentication: String, Codable, CaseIterable, Sendable {
        /// By name and password with each request.
        case basic
        /// Once, for a session that is renewed when it expires.
        case session
    }
}

extension CouchDBStorage.Configuration {
    /// The configuration with its values in order.
    ///
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    func validated(password: Secret?) throws -> Self {
        var result = self
        while result.server.hasSuffix("/") { result.server.removeLast() }
        let scheme = ["http://", "https://"].first { result.server.hasPrefix($0) }
        let rest = scheme.map { result.server.dropFirst($0.count) } ?? ""
        guard !rest.isEmpty, !rest.hasPrefix("/"), !rest.contains(where: { "?#@ ".contains($0) || $0.isNewline }) else {
            throw refusal("server", "must be an address such as https://couchdb.example.org:6984, without a user in it")
        }
        // Source: CouchDB's documentation, "Create database"; _users and the like are not for files.
        guard let first = database.utf8.first, first >= 0x61, first <= 0x7A,
            database.utf8.allSatisfy({ isAllowedInDatabase($0) })
        else {
            throw refusal("database", "must be lower-case letters, digits and _$()+-/, and begin with a letter")
        }
        if user == "" { throw refusal("user", "is empty") }
        if authentication == .session, user == nil || password == nil {
            throw refusal("authentication", "can be session only with a user and a password")
        }
        if user == nil, password != nil { throw refusal("user", "is missing, though there is a password") }
        if let prefix {
            guard prefix.utf8.first != UInt8(ascii: "_"), !prefix.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
            else {
                throw refusal("prefix", "must not begin with _ or have control characters")
            }
        }
        let numbers: [(String, Int?, ClosedRange<Int>)] = [
            ("connectTimeout", connectTimeout, 1...3600), ("timeout", timeout, 1...86400),
            ("totalTimeout", totalTimeout, 1...86400), ("connections", connections, 1...64),
        ]
        for case (let name, let number?, let range) in numbers where !range.contains(number) {
            throw refusal(name, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
        return result
    }

    private func isAllowedInDatabase(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "_$()+-/".utf8.contains(byte)
    }

    private func refusal(_ option: String, _ reason: String) -> StorageError {
        StorageError(.invalidConfiguration, "the option \"\(option)\" of CouchDBStorage \(reason)")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage: ConfigurableStorage {
    public static var typeName: String { "CouchDBStorage" }

    public var optionValues: [String: OptionValue] {
        let texts = [
            "server": configuration.server, "database": configuration.database, "user": configuration.user,
            "authentication": configuration.authentication?.rawValue, "prefix": configuration.prefix,
            "ca": configuration.ca, "baseURL": configuration.baseURL,
        ]
        let numbers = [
            "connectTimeout": configuration.connectTimeout, "timeout": configuration.timeout,
            "totalTimeout": configuration.totalTimeout,
            "connections": configuration.connections,
        ]
        var values = texts.compactMapValues { $0.map { OptionValue.string($0) } }
        values.merge(numbers.compactMapValues { $0.map { .integer($0) } }) { $1 }
        values["createsDatabase"] = configuration.createsDatabase.map { .bool($0) }
        return values
    }
}
