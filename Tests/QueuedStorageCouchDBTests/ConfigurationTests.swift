import QueuedStorageCore
import QueuedStorageCouchDB
import TestSupport
import Testing

/// Addresses and options.
@Suite struct ConfigurationTests {
    private static let types: StorageTypes = {
        var types = StorageTypes()
        types.registerCouchDB()
        return types
    }()

    private func storage(
        _ url: String,
        password: String? = "pw"
    ) throws -> CouchDBStorage {
        let (type, options) = try Self.types.read(StorageURL(url))
        let environment = password.map { ["QSTORE_MEDIA_PASSWORD": $0] } ?? [:]
        let secrets = StorageSecrets(alias: "media", environment: environment)
        let storage = try Self.types.storage(type, options, secrets: secrets)
        return try #require(storage as? CouchDBStorage)
    }

    @Test(arguments: [
        ("couchdb://app@db.example.org/media", "http://db.example.org:5984", "media", "app"),
        ("couchdbs://app@db.example.org/media", "https://db.example.org:6984", "media", "app"),
        ("couchdb://app@127.0.0.1:15984/a%2Fb/", "http://127.0.0.1:15984", "a/b", "app"),
        ("couchdb://us%20er@[::1]:5984/media", "http://[::1]:5984", "media", "us er"),
    ])
    func `an address says server, database and user`(
        url: String,
        server: String,
        database: String,
        user: String
    ) throws {
        let configuration = try storage(url).configuration

        #expect(configuration.server == server)
        #expect(configuration.database == database)
        #expect(configuration.user == user)
    }

    @Test func `options stand after the question mark, and come back as they were`() throws {
        let storage = try storage(
            "couchdb://app@h/media?prefix=files:&createsDatabase=true&authentication=session&timeout=2m&totalTimeout=5m&connections=3"
        )

        #expect(storage.configuration.prefix == "files:")
        #expect(storage.configuration.createsDatabase == true)
        #expect(storage.configuration.authentication == .session)
        #expect(storage.configuration.timeout == 120)
        #expect(storage.configuration.totalTimeout == 300)
        #expect(storage.configuration.connections == 3)
        let again = try Self.types.storage(
            CouchDBStorage.typeName,
            storage.optionValues,
            secrets: StorageSecrets(alias: "x", environment: ["QSTORE_X_PASSWORD": "pw"])
        )
        #expect((again as? CouchDBStorage)?.configuration == storage.configuration)
        #expect(again.fingerprint == storage.fingerprint)
    }

    @Test(arguments: [
        ("couchdb:///media", "host"), ("couchdb://h", "database"), ("couchdb://app:pw@h/media", "password"),
        ("couchdb://h:99999/media", "port"), ("couchdb://h/media?password=x", "password"),
    ])
    func `an address that lacks something, or has a password, is refused`(url: String, word: String) throws {
        let error = #expect(throws: StorageURLError.self) { try storage(url, password: nil) }

        #expect(error?.message.contains(word) == true)
    }

    @Test(arguments: [
        ("couchdb://app@h/media?colour=red", "colour"), ("couchdb://app@h/media?timeout=soon", "timeout"),
        ("couchdb://app@h/media?connections=0", "connections"), ("couchdb://app@h/Media", "database"),
        ("couchdb://app@h/_users", "database"), ("couchdb://app@h/media?prefix=_x", "prefix"),
        ("couchdb://app@h/media?authentication=token", "authentication"), ("couchdb://h/media", "user"),
        ("couchdb://app@h/media?server=x", "same"),
        ("couchdb://app@h/media?passwordFile=/missing/file", "passwordFile"),
    ])
    func `an option that is unknown or wrong names itself`(url: String, word: String) throws {
        do {
            _ = try storage(url, password: word == "passwordFile" ? nil : "pw")
            Issue.record("it was taken")
        } catch let error as StorageError {
            #expect(error.code == .invalidConfiguration)
            #expect(error.message.contains(word), "\(error)")
        } catch let error as StorageURLError {
            #expect(error.message.contains(word))
        }
    }

    @Test(arguments: ["db.example.org", "ftp://h", "http://", "http://a:b@h", "http://h?x", "http:///x"])
    func `a server that is no address is refused`(server: String) throws {
        let error = #expect(throws: StorageError.self) {
            try CouchDBStorage(.init(server: server, database: "media"))
        }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\"server\"") == true)
    }

    @Test func `the name of the original leads here`() throws {
        let storage = try Self.types.storage(
            "storages.backends.couchdb.CouchDBStorage",
            ["server": .string("http://couchdb.local:5984/"), "database": .string("media")]
        )

        #expect((storage as? CouchDBStorage)?.configuration.server == "http://couchdb.local:5984")
        #expect(storage.fingerprint == "couchdb://couchdb.local:5984/media")
    }

    @Test func `addresses lead to the attachment, or to where the base URL says`() async throws {
        var configuration = CouchDBStorage.Configuration(server: "http://h:5984", database: "media")
        #expect(
            try await CouchDBStorage(configuration).url("d/a b#c.txt")
                == "http://h:5984/media/d%2Fa%20b%23c.txt/content"
        )
        configuration.baseURL = "https://cdn.example.org/files"
        #expect(try await CouchDBStorage(configuration).url("d/a b.txt") == "https://cdn.example.org/files/d/a%20b.txt")
    }
}
