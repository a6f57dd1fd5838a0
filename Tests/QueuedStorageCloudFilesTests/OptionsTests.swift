import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct `Options of Cloud Files` {
    private let types: StorageTypes = {
        var types = StorageTypes.builtIn
        types.registerCloudFiles()
        return types
    }()

    private let secrets = StorageSecrets(alias: "photos", environment: ["QSTORE_PHOTOS_PASSWORD": "hidden-word"])

    private func storage(_ url: String, _ secrets: StorageSecrets? = nil) throws -> CloudFilesStorage {
        let (type, options) = try types.read(StorageURL(url))
        return try #require(try types.storage(type, options, secrets: secrets ?? self.secrets) as? CloudFilesStorage)
    }

    @Test func `an address says container, prefix and where to log in`() throws {
        let storage = try storage(
            "swift://my%20photos/2026/june?auth=https%3A%2F%2Fx.example%2Fauth%2Fv1.0&user=media%3Abackup"
                + "&segmentSize=33554432&urlExpires=10m&createsContainer=true&metadata=a=b,c=d"
        )

        let configuration = storage.configuration
        #expect(configuration.container == "my photos")
        #expect(configuration.prefix == "2026/june")
        #expect(configuration.auth == "https://x.example/auth/v1.0")
        #expect(configuration.user == "media:backup")
        #expect(configuration.segmentSize == 32 << 20)
        #expect(configuration.urlExpires == 600)
        #expect(configuration.createsContainer)
        #expect(configuration.metadata == ["a": "b", "c": "d"])
        #expect(!configuration.usesKeystone)
        #expect(storage.fingerprint == "swift:https://x.example/auth/v1.0#media/my photos/2026/june")
    }

    @Test func `a storage can be made again of its options, and of the original's names`() throws {
        let made = try storage("swift://c/p?auth=https://x/v3&user=u&project=m&region=r&interface=internal&pageSize=7")

        let again = try types.storage("storages.backends.mosso.CloudFilesStorage", made.optionValues, secrets: secrets)

        #expect((again as? CloudFilesStorage)?.configuration == made.configuration)
        #expect(made.configuration.usesKeystone)
        #expect(made.fingerprint == "swift:https://x/v3#Default/m/c/p")
        #expect(!made.optionValues.values.contains(.string("hidden-word")))
    }

    @Test func `what the usual variables say needn't be said again`() throws {
        let plain = StorageSecrets(
            alias: "a",
            environment: ["ST_AUTH": "https://x/auth/v1.0", "ST_USER": "a:u", "ST_KEY": "k"]
        )
        let keystone = StorageSecrets(
            alias: "a",
            environment: [
                "OS_AUTH_URL": "https://x/v3", "OS_USERNAME": "u", "OS_PASSWORD": "k", "OS_PROJECT_NAME": "m",
                "OS_REGION_NAME": "r", "OS_USER_DOMAIN_NAME": "d", "OS_PROJECT_DOMAIN_NAME": "e",
            ]
        )

        #expect(try storage("swift://c", plain).configuration.user == "a:u")
        let configuration = try storage("swift://c", keystone).configuration
        #expect(configuration.usesKeystone)
        #expect([configuration.project, configuration.region] == ["m", "r"])
        #expect([configuration.userDomain, configuration.projectDomain] == ["d", "e"])
    }

    @Test func `a password comes from a file, too`() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try Data("in-a-file\n".utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }

        _ = try storage("swift://c?auth=https://x/v1.0&user=u&passwordFile=\(file.path)", StorageSecrets.none)
        _ = try storage("swift://c?auth=https://x/v1.0&user=u&tempURLKeyFile=\(file.path)")
    }

    @Test(arguments: [
        ("swift://c?user=u", "\"auth\""), ("swift://c?auth=https://x", "\"user\""),
        ("swift://c?auth=ftp://x&user=u", "\"auth\""), ("swift://c?auth=https://u:p@x/&user=u", "\"auth\""),
        ("swift://c?auth=https://x&user=u&colour=blue", "no option \"colour\""),
        ("swift://c?auth=https://x&user=u&segmentSize=0", "\"segmentSize\""),
        ("swift://c?auth=https://x&user=u&pageSize=20000", "\"pageSize\""),
        ("swift://c?auth=https://x&user=u&createsContainer=perhaps", "\"createsContainer\""),
        ("swift://c?auth=https://x&user=u&interface=inner", "public, internal, admin"),
        ("swift://c?auth=https://x&user=u&authVersion=2", "\"authVersion\""),
        ("swift://c?auth=https://x&user=u&metadata=colour", "\"metadata\""),
        ("swift://c?auth=https://x&user=u&segmentContainer=a%2Fb", "\"segmentContainer\""),
        ("swift://c?auth=https://x&user=u&passwordFile=/no/such/file", "\"passwordFile\""),
        ("swift://c?auth=https://x&user=u&tempURLKeyFile=/no/such/file", "\"tempURLKeyFile\""),
        ("swift://c/../d?auth=https://x&user=u", "\"prefix\""),
    ])
    func `a wrong option is refused by its name`(url: String, named: String) throws {
        let secrets = url.contains("passwordFile") ? StorageSecrets.none : secrets
        let error = #expect(throws: StorageError.self) { try storage(url, secrets) }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(named) == true)
    }

    @Test(arguments: ["swift:///p?auth=https://x&user=u", "swift://u@c?auth=https://x", "swift://c?password=x"])
    func `a wrong address is refused`(url: String) {
        #expect(throws: StorageURLError.self) { try storage(url) }
    }

    @Test func `without a password nothing is made`() {
        let error = #expect(throws: StorageError.self) {
            try storage("swift://c?auth=https://x&user=u", StorageSecrets.none)
        }
        #expect(error?.message.contains("QSTORE_<ALIAS>_PASSWORD, ST_KEY or OS_PASSWORD") == true)
    }

    @Test func `a signature is the one that Python computes`() {
        // hmac.new(b'mykey', b'GET\\n1512508563\\n/v1/account/container/object', hashlib.sha256).hexdigest()
        let url = TemporaryURL(
            storageURL: "https://swift.example/v1/account",
            path: "container/object",
            encodedPath: "container/object",
            expires: 1_512_508_563,
            digest: .sha256
        ).signed(Secret("mykey"))

        #expect(
            url == "https://swift.example/v1/account/container/object?temp_url_sig="
                + "22650273cca27a177c144bebcc7615d94cdc0ad093026b0f96b6e47b69b3c6b8&temp_url_expires=1512508563"
        )
    }

    @Test func `a queued storage on Cloud Files is made like all others`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = try QueuedStorage.cloudFiles(
                "files",
                CloudFilesStorage.Configuration(container: "c", auth: "https://a.example/auth/v1.0", user: "u"),
                password: Secret("p"),
                local: FileSystemStorage(location: directory),
                catalog: try SQLiteCatalog(path: "\(directory)/c.sqlite"),
                delayed: true,
                task: .transferAndDelete,
                options: QueuedStorageOptions(retries: .count(3))
            )

            #expect(storage.remote is CloudFilesStorage)
            #expect(storage.isDelayed && storage.task.name == "TransferAndDelete")
            #expect(storage.options.retries == .count(3))
        }
    }
}
