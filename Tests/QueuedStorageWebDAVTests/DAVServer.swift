import QueuedStorageCore
import QueuedStorageWebDAV
import TestSupport

/// The real servers that the storage is held against.
enum DAVServer: String, CaseIterable, Sendable {
    case nginx = "webdav-nginx"
    case wsgidav = "webdav-wsgidav"
    case rclone = "webdav-rclone"

    /// The server, started by the first test that asks.
    var shared: TestServer {
        get async throws { try await TestServer.shared(rawValue) }
    }

    /// A storage in a directory of its own on the shared server.
    func storage(_ change: (inout WebDAVOptions) -> Void = { _ in }) async throws -> WebDAVStorage {
        let server = try await shared
        return try Self.storage(server, port: server.port, change)
    }

    static func storage(
        _ server: TestServer,
        port: Int,
        _ change: (inout WebDAVOptions) -> Void = { _ in }
    ) throws -> WebDAVStorage {
        var options = WebDAVOptions(
            host: "127.0.0.1",
            port: port,
            isEncrypted: false,
            directory: server["directory"] + "/s-" + FileName.randomIdentifier(),
            user: server["user"],
            password: Secret(server["password"])
        )
        change(&options)
        return try WebDAVStorage(options)
    }
}
