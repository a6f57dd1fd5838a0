import FoundationEssentials
import QueuedStorageCore
import QueuedStorageCouchDB
import QueuedStorageTransport
import TestSupport
import Testing

/// The versions that the stand-in speaks, by the fact that has the port.
enum Version: String, CaseIterable {
    case one = "port1"
    case two = "port2"
    case three = "port3"
}

extension CouchDBStorage {
    /// A storage on the stand-in; version 1 has no users.
    static func on(
        _ server: TestServer,
        _ version: Version = .three,
        port: Int? = nil,
        password: String? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> CouchDBStorage {
        var configuration = Configuration(
            server: "http://127.0.0.1:\(port.map(String.init) ?? server[version.rawValue])",
            database: server["database"],
            user: version == .one ? nil : server["user"]
        )
        change(&configuration)
        let secret = version == .one ? nil : Secret(password ?? server["password"])
        return try CouchDBStorage(configuration, password: secret)
    }
}

/// Asks a server without a storage in between.
struct Client: Sendable {
    let server: TestServer
    var version = Version.three
    private let transport = Transport()

    init(_ server: TestServer, _ version: Version = .three) {
        self.server = server
        self.version = version
    }

    func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> (status: Int, text: String) {
        var request = TransportRequest(method, "http://127.0.0.1:\(server[version.rawValue])\(path)")
        if let body { request.body = .bytes(Array(body.utf8)) }
        if body != nil { request.headers["Content-Type"] = "application/json" }
        if version != .one {
            request.credentials = .init(user: server["user"], password: Secret(server["password"]))
        }
        let answer = try await transport.send(request)
        return (answer.status, String(decoding: try await answer.collect(upTo: 1 << 24), as: UTF8.self))
    }

    /// A document of the database `media`, by the identifier's encoded form.
    func document(_ id: String) async throws -> [String: JSON] {
        let answer = try await send("GET", "/media/\(id)?att_encoding_info=true")
        try #require(answer.status == 200, "\(answer.text)")
        return try JSONDecoder().decode([String: JSON].self, from: Data(answer.text.utf8))
    }
}

/// What tests look at of JSON.
enum JSON: Decodable, Hashable {
    case text(String)
    case number(Int)
    case object([String: JSON])
    case other

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let number = try? value.decode(Int.self) {
            self = .number(number)
        } else if let object = try? value.decode([String: JSON].self) {
            self = .object(object)
        } else {
            self = .other
        }
    }

    subscript(_ key: String) -> JSON? { if case .object(let members) = self { members[key] } else { nil } }
}

extension Storage {
    @discardableResult
    func put(_ bytes: [UInt8], _ name: String, replaces: Bool = false, type: String? = nil) async throws -> StoredObject
    {
        try await store(.bytes(bytes), as: name, options: StoreOptions(replaces: replaces, contentType: type))
    }

    func text(_ name: String) async throws -> String {
        String(decoding: try await open(name).collect(), as: UTF8.self)
    }
}

/// What an act fails with.
func failure(_ act: () async throws -> some Any) async throws -> StorageError {
    do {
        _ = try await act()
    } catch let error as StorageError {
        return error
    }
    throw Unexpected()
}

/// What an act fails with, if it does.
func attempt(_ act: () async throws -> some Any) async throws -> StorageError? {
    do {
        _ = try await act()
        return nil
    } catch let error as StorageError {
        return error
    }
}

struct Unexpected: Error {}
