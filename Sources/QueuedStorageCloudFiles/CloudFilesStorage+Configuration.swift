internal import FoundationEssentials
internal import QueuedStorageCore
internal import QueuedStorageTransport

extension CloudFilesStorage {
    /// What the storage is made with, as plain data; what is left out has its default.
    ///
    /// `{"container": "photos", "prefix": "2026", "auth": "https://identity.example/v3", "user": "backup",
    /// "project": "media", "region": "north"}`. Keys and passwords are no part of it.
    public struct Configuration: Hashable, Sendable {
        /// Which of a region's addresses is meant, in Keystone's catalog.
        public enum Interface: String, CaseIterable, Hashable, Sendable {
            /// The one for everybody.
            case `public`
            /// The one within the provider's network.
            case `internal`
            /// The one for administration.
            case admin
        }

        /// The container.
        public var container: String
        /// What the names of all objects begin with, as a directory; nothing if empty.
        public var prefix: String
        /// Where to log in: of Swift's own kind such as `https://host/auth/v1.0`, or Keystone's such as `https://host/v3`.
        public var auth: String
        /// The user, such as `account:user`.
        public var user: String
        /// How to log in: 1 or 3; by the address if nil.
        public var authVersion: Int?
        /// The user's domain at Keystone.
        public var userDomain = "Default"
        /// The project that owns the container, at Keystone; the user's own one if nil.
        public var project: String?
        /// The project's domain at Keystone.
        public var projectDomain = "Default"
        /// The region, where Keystone names several; the first one if nil.
        public var region: String?
        /// Which of the region's addresses is meant, at Keystone.
        public var interface = Interface.public
        /// The account's address, if it isn't the one that the server names when logging in.
        public var storageURL: String?
        /// The address under which clients reach the container's prefix, where somebody made it public.
        public var baseURL: String?
        /// For how many seconds a temporary address is valid.
        public var urlExpires = 3600
        /// Whether a missing container is made; it is never public then.
        public var createsContainer = false
        /// The container for the segments of large files; the same one if nil.
        public var segmentContainer: String?
        /// The size of a segment, in bytes; larger ones are made of files that would have too many.
        public var segmentSize = 16 << 20
        /// How many segments are sent at once, as long as they fit into memory.
        public var parallelSegments = 3
        /// What objects carry besides, as `X-Object-Meta-KEY: VALUE`.
        public var metadata: [String: String] = [:]
        /// How many objects a page of a listing has; as many as the server likes if nil.
        public var pageSize: Int?
        /// The file with the certificates of those who may vouch for the server, in PEM; the system's if nil.
        public var ca: String?
        /// The address of a proxy; as the environment says if nil.
        public var proxy: String?
        /// The most connections to the server.
        public var connections = 16
        /// The longest time for connecting, in seconds.
        public var connectTimeout = 15
        /// The longest silence, in seconds.
        public var timeout = 60
        /// The longest time that one request may take, in seconds; no limit if nil.
        public var totalTimeout: Int?
        /// Larger segments aren't kept in memory, but passed on as they are read, one at a time.
        var maxBufferedSegmentSize: Int64 = 32 << 20

        /// Makes a configuration; everything else is set on it.
        ///
        /// - Parameters:
        ///   - container: The container.
        ///   - prefix: What the names of all objects begin with, as a directory.
        ///   - auth: Where to log in.
        ///   - user: The user.
        public init(container: String, prefix: String = "", auth: String, user: String) {
            self.container = container
            self.prefix = prefix
            self.auth = auth
            self.user = user
        }
    }
}

extension CloudFilesStorage.Configuration {
    /// The largest object that is sent in one request: a bit less than the least that servers take.
    var maxObjectSize: Int64 { 4 << 30 }

    /// Whether Keystone is meant.
    var usesKeystone: Bool {
        if let authVersion { return authVersion == 3 }
        let path = auth.withoutSlashesAtEnd
        return path.hasSuffix("/v3") || path.hasSuffix("/v3/auth/tokens")
    }

    /// The name of an object, of a name in the storage.
    func prefixed(_ name: String) -> String {
        let prefix = FileName.normalized(prefix)
        if prefix == "." { return name }
        return name.isEmpty ? prefix : "\(prefix)/\(name)"
    }

    /// The account as far as it is known before logging in: a user's part before the colon, or Keystone's project.
    var fingerprint: String {
        let owner =
            usesKeystone
            ? "\(projectDomain)/\(project ?? user)" : String(user.prefix { $0 != ":" })
        return "swift:\(storageURL ?? "\(auth.withoutSlashesAtEnd)#\(owner)")/\(container)/\(prefixed(""))"
    }

    var transportOptions: TransportOptions {
        var options = TransportOptions()
        options.connectTimeout = .seconds(connectTimeout)
        options.idleTimeout = .seconds(timeout)
        options.totalTimeout = totalTimeout.map { .seconds($0) }
        options.maxConnectionsPerHost = connections
        options.maxConnections = connections
        options.certificateAuthorities = ca
        if let proxy { options.proxy = .url(proxy) }
        return options
    }

    func authentication(_ password: Secret, _ transport: Transport) -> any Authentication {
        guard usesKeystone else {
            return PlainAuthentication(
                url: auth,
                user: user,
                key: password,
                storageURL: storageURL,
                transport: transport
            )
        }
        let url = auth.withoutSlashesAtEnd
        let suffix = "/auth/tokens"
        return KeystoneAuthentication(
            url: url.hasSuffix(suffix) ? String(url.dropLast(suffix.count)) : url,
            user: user,
            userDomain: userDomain,
            project: project,
            projectDomain: projectDomain,
            region: region,
            interface: interface,
            password: password,
            storageURL: storageURL,
            transport: transport
        )
    }

    /// Refuses values that can't be meant.
    func validate() throws {
        func refuse(_ option: String, _ reason: String) -> StorageError {
            StorageError(.invalidConfiguration, "the option \"\(option)\" of CloudFilesStorage \(reason)")
        }
        for (option, name) in [("container", container), ("segmentContainer", segmentContainer ?? "x")] {
            guard (1...256).contains(name.utf8.count), !name.utf8.contains(UInt8(ascii: "/")), name != ".", name != ".."
            else { throw refuse(option, "must be a name of at most 256 bytes without a slash") }
        }
        for (option, url) in [("auth", auth), ("storageURL", storageURL ?? auth), ("proxy", proxy ?? auth)] {
            guard url.hasPrefix("https://") || url.hasPrefix("http://"), !url.utf8.contains(where: { $0 <= 0x20 }),
                !url.contains("@")
            else {
                throw refuse(option, "must be an address such as https://host/auth/v1.0, without user and password")
            }
        }
        guard !user.isEmpty, !user.utf8.contains(where: { $0 < 0x20 }) else { throw refuse("user", "must be a user") }
        guard authVersion.map({ [1, 3].contains($0) }) ?? true else { throw refuse("authVersion", "must be 1 or 3") }
        try FileName.validateComponents(prefix)
        guard !FileName.climbs(prefix), !prefix.hasPrefix("/") else { throw refuse("prefix", "must not lead upwards") }
        for (key, value) in metadata {
            guard !key.isEmpty, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A && $0 != 0x3D }),
                !value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }), key.utf8.count <= 128, value.utf8.count <= 256
            else {
                throw refuse("metadata", "must be KEY=VALUE,KEY=VALUE; keys are words, values have 256 bytes at most")
            }
        }
        let numbers: [(String, Int, ClosedRange<Int>)] = [
            ("urlExpires", urlExpires, 1...315_360_000), ("segmentSize", segmentSize, 1...(1 << 32)),
            ("parallelSegments", parallelSegments, 1...64), ("pageSize", pageSize ?? 1, 1...10_000),
            ("connections", connections, 1...256), ("connectTimeout", connectTimeout, 1...3600),
            ("timeout", timeout, 1...86400), ("totalTimeout", totalTimeout ?? 1, 1...86400),
        ]
        for (option, number, range) in numbers where !range.contains(number) {
            throw refuse(option, "must be from \(range.lowerBound) to \(range.upperBound), not \(number)")
        }
    }
}
