import QueuedStorageCore
import QueuedStorageSFTP
import TestSupport

extension SFTPStorage {
    /// A storage on OpenSSH's server.
    static func openSSH(
        _ server: TestServer,
        port: Int? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> SFTPStorage {
        var configuration = Configuration(
            host: "127.0.0.1",
            directory: server["directory"],
            user: server["user"],
            port: port ?? server.port,
            key: server["key"],
            knownHosts: server["knownHosts"]
        )
        configuration.agent = "none"
        configuration.sshConfig = "none"
        change(&configuration)
        return try SFTPStorage(configuration)
    }

    /// A storage on a server that knows passwords only, and whose rename replaces.
    static func password(
        _ server: TestServer,
        password: String? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> SFTPStorage {
        var configuration = Configuration(
            host: "127.0.0.1",
            directory: server["directory"],
            user: server["user"],
            port: server.port,
            knownHosts: server["knownHosts"]
        )
        configuration.agent = "none"
        configuration.sshConfig = "none"
        change(&configuration)
        return try SFTPStorage(configuration, password: Secret(password ?? server["password"]))
    }
}
