import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

@testable import QueuedStorageDatabase

@Suite struct OptionTests {
    private static var types: StorageTypes {
        var types = StorageTypes.builtIn
        types.registerDatabase()
        return types
    }

    private func storage(_ url: String, secrets: StorageSecrets = .none) throws -> DatabaseStorage {
        let (type, options) = try Self.types.read(StorageURL(url))
        return try #require(try Self.types.storage(type, options, secrets: secrets) as? DatabaseStorage)
    }

    @Test func `reads the address of a file`() throws {
        let storage = try storage("sqlite:///srv/my%20files.sqlite?table=photo&chunkSize=65536&busyTimeout=5s")

        #expect(storage.fingerprint == "sqlite:///srv/my%20files.sqlite?table=photo")
        #expect(storage.chunkSize == 65_536)
        let database = try #require(storage.database as? SQLiteDatabase)
        #expect(database.path == "/srv/my files.sqlite")
        #expect(database.busyTimeout == .seconds(5))
    }

    @Test func `reads the address of a server`() throws {
        let environment = ["QSTORE_MY_FILES_PASSWORD": "a secret"]
        let storage = try storage(
            "postgres://app@db.example.org:5433/files?table=web.photo&tls=verify-ca&ca=/ca.pem&connections=3&connectTimeout=2s&statementTimeout=1m",
            secrets: StorageSecrets(alias: "my-files", environment: environment)
        )

        let options = try #require(storage.database as? PostgresDatabase).options
        #expect(storage.fingerprint == "postgres://db.example.org:5433/files?table=web.photo")
        #expect((options.host, options.port, options.user) == ("db.example.org", 5433, "app"))
        #expect(options.password?.value == "a secret")
        #expect((options.tls, options.rootCertificates, options.connectionLimit) == (.verifyCA, "/ca.pem", 3))
        #expect((options.connectTimeout, options.statementTimeout) == (.seconds(2), .seconds(60)))
    }

    @Test(arguments: [
        ("sqlite://host/file", "three slashes"), ("sqlite:///", "three slashes"), ("postgres://host", "no database"),
        ("postgres://u@host:0/db", "port"), ("postgres://u:p@host/db", "password"),
        ("postgres://u@host/db?password=p", "secret"),
    ])
    func `says what is wrong with an address`(_ url: String, _ words: String) {
        #expect {
            try storage(url)
        } throws: {
            ($0 as? StorageURLError)?.message.contains(words) == true
        }
    }

    @Test(arguments: [
        ("sqlite:///f?table=a%22b", "\"table\""), ("sqlite:///f?chunkSize=12", "\"chunkSize\""),
        ("sqlite:///f?chunkSize=many", "\"chunkSize\""), ("sqlite:///f?tls=require", "\"tls\""),
        ("postgres://h/db?tls=maybe", "\"tls\""), ("postgres://h/db?connections=0", "\"connections\""),
        ("postgres://h/db?connectTimeout=soon", "\"connectTimeout\""), ("postgres://h/db?colour=red", "\"colour\""),
        ("postgres://h/db?passwordFile=/nowhere/p", "\"passwordFile\""),
    ])
    func `names the option that is wrong`(_ url: String, _ name: String) {
        #expect {
            try storage(url)
        } throws: { error in
            (error as? StorageError)?.code == .invalidConfiguration && "\(error)".contains(name)
        }
    }

    @Test func `makes the same storage again of its options, without the password`() throws {
        let secret = "a secret"
        for storage in [
            try DatabaseStorage(sqlite: "/srv/f.sqlite", table: "photo", chunkSize: 1 << 20, baseURL: "/db/"),
            try DatabaseStorage(
                postgres: PostgresOptions(
                    host: "::1",
                    port: 1,
                    database: "d b",
                    user: "u",
                    password: Secret(secret),
                    tls: .require
                )
            ),
        ] {
            let again = try Self.types.storage(DatabaseStorage.typeName, storage.optionValues)

            #expect(again.fingerprint == storage.fingerprint)
            #expect((again as? DatabaseStorage)?.optionValues == storage.optionValues)
            #expect(!"\(storage.optionValues) \(storage.fingerprint) \(storage)".contains(secret))
        }
    }

    @Test func `protects connections to other machines, and knows this one`() {
        for host in ["/var/run/postgresql", "localhost", "127.0.0.1", "::1"] {
            #expect(PostgresOptions(host: host, database: "x").parameters.contains { $0 == ("sslmode", "prefer") })
        }
        for host in ["db.example.org", "10.0.0.1", "localhost,db.example.org"] {
            #expect(PostgresOptions(host: host, database: "x").parameters.contains { $0 == ("sslmode", "verify-full") })
        }
    }

    @Test func `a queued storage on a database is made like all others`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = try QueuedStorage.database(
                "files",
                remote: DatabaseStorage(sqlite: "\(directory)/r.sqlite"),
                local: FileSystemStorage(location: directory),
                catalog: try SQLiteCatalog(path: "\(directory)/c.sqlite"),
                delayed: true,
                task: .transferAndDelete,
                options: QueuedStorageOptions(retries: .count(3))
            )

            #expect(storage.remote is DatabaseStorage)
            #expect(storage.isDelayed && storage.task.name == "TransferAndDelete")
            #expect(storage.options.retries == .count(3))
        }
    }
}
