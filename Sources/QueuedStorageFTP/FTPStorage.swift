public import QueuedStorageCore

/// A storage on an FTP server, encrypted or not.
///
/// ```swift
/// var options = FTPOptions()
/// options.tls = .required
/// let archive = try FTPStorage(host: "ftp.example.com", user: "backup", password: Secret(password),
///                              directory: "files", options: options)
/// ```
/// A file is sent under a temporary name below `.qstore`, and renamed to its own when it is whole. FTP has no rename that
/// refuses a taken name: stores of this process take turns, and one of another process that takes the same name between
/// our look at it and our rename loses its file. So this is no `ExclusiveStorage`.
///
/// Source: RFC 959, 2228, 2389, 2428, 3659, 4217.
public final class FTPStorage: Storage {
    /// The server's name or address.
    public let host: String
    /// The server's port.
    public let port: Int
    /// The user; anonymous, or whom `.netrc` names, if nil.
    public let user: String?
    /// The directory on the server: absolute, or below the one that sessions begin in.
    public let directory: String
    /// How the storage connects, proves and waits.
    public let options: FTPOptions
    let server: Server

    /// Makes a storage; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - host: The server's name or address.
    ///   - port: The server's port; 21, or 990 for implicit TLS, if nil.
    ///   - user: The user; anonymous, or whom `.netrc` names, if nil.
    ///   - password: The password; from `.netrc`, if nil.
    ///   - directory: The directory on the server: absolute, or below the one that sessions begin in. It is made when a
    ///     file is stored.
    ///   - options: How the storage connects, proves and waits.
    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    public init(
        host: String,
        port: Int? = nil,
        user: String? = nil,
        password: Secret? = nil,
        directory: String = "",
        options: FTPOptions = FTPOptions()
    ) throws {
        let port = port ?? (options.tls == .implicit ? 990 : 21)
        try Self.check(host: host, port: port, user: user, password: password, directory: directory, options)
        self.host = host
        self.port = port
        self.user = user
        self.directory = Self.tidied(directory)
        self.options = options
        server = Server(host: host, port: port, user: user, password: password, options: options)
    }

    /// Server, port, user and directory.
    public var fingerprint: String { "ftp:\(user ?? "anonymous")@\(host.lowercased()):\(port)/\(directory)" }

    /// A directory without empty components and dots.
    private static func tidied(_ directory: String) -> String {
        let parts = directory.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)) }
            .filter { $0 != "." }
        return (directory.utf8.first == UInt8(ascii: "/") ? "/" : "") + parts.joined(separator: "/")
    }

    private static func check(
        host: String,
        port: Int,
        user: String?,
        password: Secret?,
        directory: String,
        _ options: FTPOptions
    ) throws {
        let wrong = { (option: String, wanted: String) in
            StorageError(.invalidConfiguration, "the option \"\(option)\" of \(typeName) must be \(wanted)")
        }
        let isClean = { (text: String) in !text.utf8.contains { $0 < 0x20 } }
        let isHost = { (byte: UInt8) in byte > 0x20 && byte != 0x7F && !"/@?#[]\\\"".utf8.contains(byte) }
        guard !host.isEmpty, host.utf8.allSatisfy(isHost) else { throw wrong("host", "a server's name or address") }
        guard (1...65535).contains(port) else { throw wrong("port", "a number from 1 to 65535") }
        guard user.map({ isClean($0) && !$0.isEmpty }) ?? true else { throw wrong("user", "a name on one line") }
        guard isClean(password?.value ?? "") else {
            throw StorageError(
                .invalidConfiguration,
                "the password of \(typeName) has a line break or control character"
            )
        }
        guard isClean(directory), !FileName.climbs(directory) else {
            throw wrong("directory", "a path without \"..\" and control characters")
        }
        guard (1...64).contains(options.connections) else { throw wrong("connections", "a number from 1 to 64") }
        guard options.resumableFrom > 0 else { throw wrong("resumableFrom", "a number of bytes, at least 1") }
        for (name, duration) in [
            ("connectTimeout", options.connectTimeout), ("idleTimeout", options.idleTimeout),
            ("totalTimeout", options.totalTimeout ?? .seconds(1)),
        ] where duration <= .zero || duration > .seconds(86_400) {
            throw wrong(name, "more than nothing and at most a day")
        }
        guard options.certificateAuthorities == nil || options.tls != .off else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"ca\" of \(typeName) needs \"tls\", which is off: set it to \"required\""
            )
        }
    }
}

// MARK: - Paths

extension FTPStorage {
    /// The storage's root on the server.
    func root() async throws -> String {
        if directory.utf8.first == UInt8(ascii: "/") {
            _ = try await server.features()
            return directory
        }
        let entry = try await server.features().entryPath ?? ""
        return Self.join(entry, directory)
    }

    /// A name's path on the server.
    func path(_ name: String) async throws -> String { Self.join(try await root(), name) }

    /// A path in the storage's own folder.
    func privatePath(_ name: String) async throws -> String { try await path("\(FileName.privateComponent)/\(name)") }

    static func join(_ directory: String, _ name: String) -> String {
        if name.isEmpty { return directory.isEmpty ? "." : directory }
        if directory.isEmpty { return name }
        return directory.utf8.last == UInt8(ascii: "/") ? directory + name : "\(directory)/\(name)"
    }

    /// The directory that a path lies in; nil for a root.
    static func parent(_ path: String) -> String? {
        let (directory, _) = FileName.split(path)
        return directory.isEmpty || path == "/" ? nil : directory
    }

    /// The form of a name that is asked for: without empty components and dots.
    ///
    /// - Throws: `StorageError` with `invalidName` if it leads out of the storage, or FTP can't
    ///   carry it.
    func resolve(_ name: String, allowsRoot: Bool = false) throws -> String {
        guard name.utf8.first != UInt8(ascii: "/"), name.utf8.first != UInt8(ascii: "\\"),
            !FileName.climbs(FileName.withSlashes(name))
        else { throw FileName.refusal(name, "it leads out of the storage") }
        try FileName.validateComponents(name)
        guard !name.utf8.contains(where: { $0 < 0x20 }) else {
            throw FileName.refusal(
                name,
                "FTP's commands are lines, which can't carry line breaks and control characters"
            )
        }
        let parts = name.utf8.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
        guard allowsRoot || !parts.isEmpty else { throw FileName.refusal(name, "it doesn't end in a file's name") }
        return parts.map { String(Substring($0)) }.joined(separator: "/")
    }
}
