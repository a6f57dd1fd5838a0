import FoundationEssentials
import QueuedStorageCore
import QueuedStorageWebDAV
import TestSupport
import Testing

/// Addresses and options.
@Suite struct WebDAVConfigurationTests {
    private func types() -> StorageTypes {
        var types = StorageTypes.builtIn
        types.registerWebDAV()
        return types
    }

    private func storage(_ url: String, _ environment: [String: String] = [:]) throws -> WebDAVStorage? {
        let (type, options) = try types().read(try StorageURL(url))
        let secrets = StorageSecrets(alias: "photos", environment: environment)
        return try types().storage(type, options, secrets: secrets) as? WebDAVStorage
    }

    @Test func `reads an address`() throws {
        let storage = try #require(
            try storage(
                "davs://joe@cloud.example:8443/dav/my%20photos?idleTimeout=5s&maxConnections=4&ca=/etc/ca.pem",
                ["QSTORE_PHOTOS_PASSWORD": "hidden"]
            )
        )

        #expect(storage.options.host == "cloud.example")
        #expect(storage.options.port == 8443)
        #expect(storage.options.isEncrypted)
        #expect(storage.options.directory == "/dav/my photos")
        #expect(storage.options.user == "joe")
        #expect(storage.options.password?.value == "hidden")
        #expect(storage.options.idleTimeout == .seconds(5))
        #expect(storage.options.maxConnections == 4)
        #expect(storage.options.certificateAuthorities == "/etc/ca.pem")
        #expect(storage.fingerprint == "webdav:https://cloud.example:8443/dav/my%20photos")
    }

    @Test(arguments: [("dav://h", false, "webdav:http://h/"), ("dav://[::1]:81/d/", false, "webdav:http://[::1]:81/d")])
    func `reads short addresses`(_ url: String, _ isEncrypted: Bool, _ fingerprint: String) throws {
        let storage = try #require(try storage(url))

        #expect(storage.options.isEncrypted == isEncrypted)
        #expect(storage.fingerprint == fingerprint)
    }

    @Test func `makes the same storage of what it says of itself`() throws {
        let first = try #require(try storage("davs://joe@cloud.example/dav?totalTimeout=1m&baseURL=https://x/"))

        let second = try types().storage("WebDAVStorage", first.optionValues) as? WebDAVStorage

        #expect(second?.optionValues == first.optionValues)
        #expect(second?.fingerprint == first.fingerprint)
    }

    @Test(arguments: [
        ("dav:///d", "names no host"), ("dav://u:p@h/d", "password"), ("dav://h/d?password=x", "secret"),
        ("dav://h:0/d", "port"),
    ])
    func `refuses a wrong address, and says why`(_ url: String, _ reason: String) throws {
        let error = #expect(throws: StorageURLError.self) { try storage(url) }

        #expect(error?.message.contains(reason) == true)
    }

    @Test(arguments: [
        ("dav://h/d?nonsense=1", "nonsense"), ("dav://h/d?maxConnections=many", "maxConnections"),
        ("dav://h/d?idleTimeout=soon", "idleTimeout"), ("dav://h/a/../b", "climb"),
    ])
    func `refuses wrong options, and names them`(_ url: String, _ name: String) throws {
        let error = #expect(throws: StorageError.self) { try storage(url) }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(name) == true)
    }

    @Test func `takes the password from a file`() async throws {
        try await withTemporaryDirectory { directory in
            try Data("hidden\n".utf8).write(to: URL(filePath: directory + "/password"))

            let storage = try storage("dav://h/d?passwordFile=\(directory)/password")

            #expect(storage?.options.password?.value == "hidden")
        }
    }

    @Test func `tells addresses for clients`() async throws {
        let plain = try #require(try storage("davs://joe@h/d"))
        let based = try #require(try storage("davs://joe@h/d?baseURL=https://cdn.example/f"))

        #expect(try await plain.url("a b/ü") == "https://h/d/a%20b/%C3%BC")
        #expect(try await based.url("a b") == "https://cdn.example/f/a%20b")
    }
}
