import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

@testable import QueuedStorageGridFS

@Suite struct OptionTests {
    private static var types: StorageTypes {
        var types = StorageTypes.builtIn
        types.registerGridFS()
        return types
    }

    private func storage(_ url: String, secrets: StorageSecrets = .none) throws -> GridFSStorage {
        let (type, options) = try Self.types.read(StorageURL(url))
        return try #require(try Self.types.storage(type, options, secrets: secrets) as? GridFSStorage)
    }

    @Test func `reads an address`() throws {
        let storage = try storage(
            "mongodb://app@db1.example.org:27018,db2.example.org/files?prefix=photos&replicaSet=rs0&tls=true&ca=/ca.pem&connections=3&authSource=files&socketTimeout=5s",
            secrets: StorageSecrets(alias: "a-b", environment: ["QSTORE_A_B_PASSWORD": "a secret"])
        )

        let options = storage.database.options
        #expect(storage.fingerprint == "mongodb://set=rs0/files?prefix=photos")
        #expect(options.hosts == ["db1.example.org:27018", "db2.example.org"])
        #expect((options.database, options.prefix, options.user) == ("files", "photos", "app"))
        #expect(options.password?.value == "a secret")
        #expect((options.usesTLS, options.rootCertificates, options.connectionLimit) == (true, "/ca.pem", 3))
        #expect((options.authSource, options.socketTimeout) == ("files", .seconds(5)))
    }

    @Test(arguments: [
        ("mongodb://host", "no database"), ("mongodb:///files", "no host"), ("mongodb://u:p@host/db", "password"),
        ("mongodb://u@host/db?password=p", "secret"),
    ])
    func `says what is wrong with an address`(_ url: String, _ words: String) {
        #expect {
            try storage(url)
        } throws: {
            ($0 as? StorageURLError)?.message.contains(words) == true
        }
    }

    @Test(arguments: [
        ("mongodb://h/db?prefix=a$b", "\"prefix\""), ("mongodb://h/db?prefix=system.x", "\"prefix\""),
        ("mongodb://h/d.b", "\"database\""), ("mongodb://h/db?tls=maybe", "\"tls\""),
        ("mongodb://h:port/db", "\"hosts\""),
        ("mongodb://h/db?connections=0", "\"connections\""), ("mongodb://h/db?colour=red", "\"colour\""),
    ])
    func `names the option that is wrong`(_ url: String, _ name: String) {
        #expect {
            try storage(url)
        } throws: { error in
            (error as? StorageError)?.code == .invalidConfiguration && "\(error)".contains(name)
        }
    }

    @Test func `makes the same storage again of its options, without the password`() throws {
        let storage = try GridFSStorage(
            GridFSOptions(hosts: ["a", "b:1"], database: "d", user: "u", password: Secret("a secret"), usesTLS: true),
            baseURL: "/db/"
        )

        let again = try Self.types.storage(GridFSStorage.typeName, storage.optionValues)

        #expect(again.fingerprint == storage.fingerprint)
        #expect((again as? GridFSStorage)?.optionValues == storage.optionValues)
        #expect(!"\(storage.optionValues) \(storage.fingerprint)".contains("a secret"))
    }

    @Test func `a queued storage on GridFS is made like all others`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = try QueuedStorage.gridFS(
                "files",
                remote: GridFSOptions(hosts: ["a"], database: "d"),
                local: FileSystemStorage(location: directory),
                catalog: try SQLiteCatalog(path: "\(directory)/c.sqlite"),
                delayed: true,
                task: .transferAndDelete,
                options: QueuedStorageOptions(retries: .count(3))
            )

            #expect(storage.remote is GridFSStorage)
            #expect(storage.isDelayed && storage.task.name == "TransferAndDelete")
            #expect(storage.options.retries == .count(3))
        }
    }
}
