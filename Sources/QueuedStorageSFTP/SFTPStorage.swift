public import FoundationEssentials
public import QueuedStorageCore
import Synchronization

/// A storage whose files are those of a directory on a server, reached by SFTP.
///
/// OpenSSH's `ssh` makes the connections, with all that it knows: its configuration, keys, agents, certificates, jump hosts.
/// Host keys are checked, and one that is unknown or has changed is never accepted. Over a connection, many requests are on
/// their way at once, so that the delay of a line costs little.
/// ```swift
/// let archive = try SFTPStorage(
///     .init(host: "files.example.org", directory: "/srv/archive", user: "backup", key: "/etc/qstore/id_ed25519"))
/// ```
/// Files appear whole or not at all: they are written to the private folder `.qstore` of the directory, synced where the
/// server can (`fsync@openssh.com`), and get their name by a rename that replaces nothing.
///
/// No name leads out of the directory. Symbolic links on the server are the server's affair: it follows them.
///
/// Source: draft-ietf-secsh-filexfer-02; OpenSSH 9.2, PROTOCOL.
public final class SFTPStorage: Sendable {
    /// What the storage was made with.
    public let configuration: Configuration
    let pool: ConnectionPool
    /// The directory's path on the server.
    let root: String
    let directorySyncs = SharedSyncs()
    let names = NameLocks()
    let knowledge = Mutex(Knowledge())

    /// What was found out of the server, and what is still to be done there.
    struct Knowledge {
        /// Whether a rename refuses a name that is taken; nil if not known yet.
        var renameIsExclusive: Bool?
        /// Whether the server empties files that are opened to be written, so that nothing can be appended to one.
        var emptiesFiles = false
        /// Whether directories can be synced.
        var syncsDirectories = true
        /// Temporary files that couldn't be removed when their connection was lost.
        var orphans: [String] = []
        /// Uploads that somebody in this process appends to.
        var appending: Set<String> = []
    }

    /// Makes a storage; nothing is connected until something is done with it.
    ///
    /// - Parameters:
    ///   - configuration: What it is made with.
    ///   - password: The user's password on the server, for servers that take no key.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the wrong option.
    public init(_ configuration: Configuration, password: Secret? = nil) throws {
        try configuration.validate()
        if let password, password.value.utf8.contains(where: { $0 < 0x20 }) || password.value.utf8.count > 1024 {
            throw StorageError(
                .invalidConfiguration,
                "the password of \(configuration.place) has a control character in it, or more than 1024 bytes"
            )
        }
        self.configuration = configuration
        root = configuration.root
        let settings = Connection.Settings(
            command: SSHCommand(configuration: configuration, hasPassword: password != nil),
            password: password,
            place: configuration.place,
            timeout: .seconds(configuration.timeout ?? 60),
            idleTimeout: .seconds(configuration.idleTimeout ?? 60)
        )
        pool = ConnectionPool(settings, maxCount: configuration.connections ?? 4)
    }
}

// MARK: - Paths and errors

extension SFTPStorage {
    var fileAttributes: FileAttributes { FileAttributes(mode: configuration.fileMode.map { UInt32($0) }) }
    var directoryAttributes: FileAttributes { FileAttributes(mode: configuration.directoryMode.map { UInt32($0) }) }

    /// The path of a name on the server; that of the directory for the empty name.
    func path(_ name: String) throws -> String {
        let relative = try relativeName(name)
        return relative == "" ? root : append(relative)
    }

    /// A name without empty components and `.`.
    func relativeName(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        guard name.utf8.first != UInt8(ascii: "/"), !FileName.climbs(name) else {
            throw FileName.refusal(name, "it leads out of the storage")
        }
        let relative = FileName.normalized(name)
        return relative == "." ? "" : relative
    }

    /// The path of something in the storage's private folder.
    func privatePath(_ components: String...) -> String {
        append(([FileName.privateComponent] + components).joined(separator: "/"))
    }

    private func append(_ relative: String) -> String {
        if root == "." { return relative }
        return root == "/" ? "/" + relative : root + "/" + relative
    }

    /// Does something over a connection, and says in the error what failed.
    ///
    /// - Parameters:
    ///   - verb: What would fail, such as `stored`.
    ///   - name: The file's name.
    ///   - repeats: Whether it is tried again over a new connection if this one turns out to be lost; what is done must do
    ///     no harm if it is done twice.
    ///   - body: What is done.
    /// - Returns: What `body` returns.
    /// - Throws: `StorageError` for what the server refused; any other error as it is.
    func act<Value: Sendable>(
        _ verb: String,
        _ name: String,
        repeats: Bool = false,
        _ body: (Lease) async throws -> Value
    ) async throws -> Value {
        do {
            let lease = try await pool.connection()
            removeOrphans(lease.connection)
            do {
                return try await body(lease)
            } catch let error as StorageError where repeats && error.code == .failed && lease.connection.isDead {
                return try await body(try await pool.connection())
            }
        } catch {
            throw couldNot(verb, name, error)
        }
    }

    /// Says in a sentence what the server's refusal means for a file.
    func couldNot(_ verb: String, _ name: String, _ error: any Error) -> any Error {
        if let error = error as? MalformedPacket {
            return StorageError(.failed, name: name, "\(configuration.place) answered wrongly: \(error).")
        }
        if let full = error as? StorageError, full.code == .full {
            let named = self.error(.full, verb, name, full.message)
            return StorageError(.full, name: name, named.message, cause: full.cause)
        }
        guard let status = error as? Status else { return error }
        let (code, reason): (StorageError.Code, String) =
            switch status.code {
            case Status.Code.noSuchFile: (.notFound, "there is no such file")
            case Status.Code.permissionDenied: (.denied, "the server doesn't permit it; look at owner and mode there")
            case Status.Code.badMessage: (.invalidName, "the server doesn't take this name")
            case Status.Code.unsupported: (.notSupported, "the server can't do this")
            default: (.failed, "the server failed without saying why")
            }
        return StorageError(
            code,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be \(verb) at \(configuration.place): \(reason).",
            cause: status
        )
    }

    func error(_ code: StorageError.Code, _ verb: String, _ name: String, _ reason: String) -> StorageError {
        StorageError(
            code,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be \(verb) at \(configuration.place): \(reason)."
        )
    }
}

// MARK: - Storage

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: Storage {
    public var fingerprint: String { configuration.address }

    public func delete(_ name: String) async throws {
        let path = try path(name)
        guard path != root else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        try await act("deleted", name, repeats: true) { lease in
            do {
                try await lease.connection.remove(path).done()
            } catch let status as Status where status.isNoSuchFile {
                return
            } catch let status as Status {
                try await deleteDirectory(path, name, lease.connection, otherwise: status)
            }
            try await syncDirectory(FileName.split(path).directory, lease.connection)
        }
    }

    private func deleteDirectory(
        _ path: String,
        _ name: String,
        _ connection: Connection,
        otherwise status: Status
    ) async throws {
        guard let attributes = try await find(path, connection) else { return }
        guard attributes.isDirectory else { throw status }
        do {
            try await connection.removeDirectory(path).done()
        } catch let status as Status where status.isNoSuchFile {
            return
        } catch let status as Status where status.code == Status.Code.failure {
            throw error(.isDirectory, "deleted", name, "it is a directory and not empty")
        }
    }

    public func exists(_ name: String) async throws -> Bool {
        let path = try path(name)
        return try await act("looked up", name, repeats: true) { try await find(path, $0.connection) != nil }
    }

    /// What is known of a path, symbolic links not followed; nil if there is nothing.
    func find(_ path: String, _ connection: Connection) async throws -> FileAttributes? {
        do {
            return try await connection.linkStatus(path).attributes
        } catch let status as Status where status.isNoSuchFile {
            return nil
        }
    }

    public func size(_ name: String) async throws -> Int64 {
        let attributes = try await attributes(name, "measured")
        if attributes.isDirectory { throw error(.isDirectory, "measured", name, "it is a directory") }
        guard let size = attributes.size else {
            throw error(.notSupported, "measured", name, "the server doesn't tell sizes")
        }
        return Int64(clamping: size)
    }

    private func attributes(_ name: String, _ verb: String) async throws -> FileAttributes {
        let path = try path(name)
        return try await act(verb, name, repeats: true) { try await $0.connection.status(path).attributes }
    }

    public func url(_ name: String) async throws -> String {
        guard !FileName.climbs(name) else { throw FileName.refusal(name, "it leads out of the storage") }
        return try FileName.url(name, base: configuration.baseURL ?? configuration.address)
    }

    public func accessedAt(_ name: String) async throws -> Date {
        try await time(name) { $0.accessed }
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        try await time(name) { $0.modified }
    }

    private func time(_ name: String, _ time: (FileAttributes.Times) -> UInt32) async throws -> Date {
        guard let times = try await attributes(name, "looked up").times else {
            throw error(.notSupported, "looked up", name, "the server doesn't tell times")
        }
        return Date(timeIntervalSince1970: Double(time(times)))
    }

    public func createdAt(_ name: String) async throws -> Date {
        _ = try path(name)
        throw StorageError(.notSupported, name: name, "SFTP doesn't tell when a file was made.")
    }
}
