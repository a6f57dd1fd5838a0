import QueuedStorageCore
import QueuedStorageFTP
import TestSupport
import Testing

/// The servers that storages are held against, each with what makes it different.
enum ServerKind: String, CaseIterable, CustomTestStringConvertible {
    case plain = "ProFTPD"
    case encrypted = "ProFTPD with TLS"
    case implicit = "ProFTPD with implicit TLS"
    case active = "ProFTPD, active"
    case hashing = "ProFTPD with checksums"
    case python = "pyftpdlib"
    case old = "pyftpdlib without MLSD, SIZE and a rename that replaces"
    case pythonImplicit = "pyftpdlib with implicit TLS"

    var testDescription: String { rawValue }

    private var script: String {
        switch self {
        case .python, .old, .pythonImplicit: "ftp-python"
        default: "ftp"
        }
    }

    /// The fact that names its port.
    private var port: String {
        switch self {
        case .plain, .encrypted, .active, .python: "port"
        case .implicit, .pythonImplicit: "implicitPort"
        case .hashing: "hashPort"
        case .old: "oldPort"
        }
    }

    var server: TestServer { get async throws { try await TestServer.shared(script) } }

    /// A storage in a directory of the shared server.
    func storage(_ directory: String = "", adjust: (inout FTPOptions) -> Void = { _ in }) async throws -> FTPStorage {
        try storage(on: await server, directory, adjust: adjust)
    }

    /// A storage in a directory of a server.
    func storage(
        on server: TestServer,
        _ directory: String = "",
        port: Int? = nil,
        adjust: (inout FTPOptions) -> Void = { _ in }
    ) throws -> FTPStorage {
        var options = FTPOptions()
        options.isActive = self == .active
        switch self {
        case .encrypted: options.tls = .required
        case .implicit, .pythonImplicit: options.tls = .implicit
        default: break
        }
        if options.tls != .off { options.certificateAuthorities = server["ca"] }
        adjust(&options)
        return try FTPStorage(
            host: "127.0.0.1",
            port: port ?? Int(server[self.port]),
            user: server["user"],
            password: Secret(server["password"]),
            directory: directory,
            options: options
        )
    }
}

/// A directory's name that no other test has.
func ownDirectory() -> String { "test-" + String(FileName.randomIdentifier().prefix(12)) }

/// Requires an act to fail as a storage's, and returns how.
func failure(_ act: () async throws -> some Any) async -> StorageError? {
    do {
        _ = try await act()
        return nil
    } catch {
        return error as? StorageError
    }
}
