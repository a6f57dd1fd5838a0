import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport

extension CloudFilesStorage {
    /// A storage on OpenStack Swift; with another port, on a proxy before it.
    static func tested(
        _ server: TestServer,
        port: Int? = nil,
        user: String? = nil,
        password: String? = nil,
        temporaryURLKey: Secret? = nil,
        time: any TimeSource = SystemTime(),
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> CloudFilesStorage {
        var configuration = Configuration(
            container: "files",
            auth: "http://127.0.0.1:\(port ?? server.port)/auth/v1.0",
            user: user ?? server["user"]
        )
        configuration.createsContainer = true
        configuration.segmentSize = 1 << 20
        configuration.timeout = 20
        change(&configuration)
        return try CloudFilesStorage(
            configuration,
            password: Secret(password ?? server["password"]),
            temporaryURLKey: temporaryURLKey,
            time: time
        )
    }

    /// The names of all objects below the storage's prefix, segments included.
    func objects(in container: String? = nil) async throws -> [String] {
        var names: [String] = []
        try await forEachPage(in: container, prefix: configuration.prefixed(""), delimited: false) { page in
            names += page.map(\.key)
        }
        return names
    }

    /// What the server says of an object.
    func fields(_ name: String) async throws -> HeaderFields { try await found(name).0 }

    /// Sets header fields of the container.
    func post(_ headers: HeaderFields) async throws {
        let container = configuration.container
        try await account.send(Account.Request("PUT", container.percentEncoded())).discard()
        let answer = try await account.send(Account.Request("POST", container.percentEncoded(), headers: headers))
        guard answer.status == 204 else { throw await answer.swiftFailure("The container couldn't be changed") }
        try await answer.discard()
    }
}

/// A stream of bytes in pieces of odd sizes.
func stream(_ bytes: [UInt8], size: Int64?, pieces: Int = 70_001) -> FileContent {
    let buffers = AsyncStream<ArraySlice<UInt8>> { continuation in
        var rest = bytes[...]
        while !rest.isEmpty {
            continuation.yield(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
        }
        continuation.finish()
    }
    return .stream(buffers, size: size)
}

/// Expects an act to fail with a code; returns the error.
func failure(_ act: () async throws -> some Any) async -> StorageError? {
    do {
        _ = try await act()
        return nil
    } catch {
        return error as? StorageError
    }
}
