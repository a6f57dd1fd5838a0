import QueuedStorageCore
import QueuedStorageMogileFS
import Testing

/// Addresses and options.
@Suite struct ConfigurationTests {
    private static let types: StorageTypes = {
        var types = StorageTypes()
        types.registerMogileFS()
        return types
    }()

    private func storage(_ url: String) throws -> MogileFSStorage {
        let (type, options) = try Self.types.read(StorageURL(url))
        return try #require(try Self.types.storage(type, options) as? MogileFSStorage)
    }

    @Test func `an address says trackers, domain and class`() throws {
        let storage = try storage(
            "mogilefs://a.example.org:7001,[::1]:7002,c/me%20dia?class=important&timeout=2m&totalTimeout=5m&verifiesChecksum=false"
        )

        #expect(storage.configuration.trackers == ["a.example.org:7001", "[::1]:7002", "c"])
        #expect(storage.configuration.domain == "me dia")
        #expect(storage.configuration.fileClass == "important")
        #expect(storage.configuration.timeout == 120)
        #expect(storage.configuration.totalTimeout == 300)
        #expect(storage.configuration.verifiesChecksum == false)
        #expect(storage.fingerprint == "mogilefs://[::1]:7002,a.example.org:7001,c:7001/me%20dia")
        let again = try Self.types.storage(MogileFSStorage.typeName, storage.optionValues)
        #expect((again as? MogileFSStorage)?.configuration == storage.configuration)
    }

    @Test(arguments: [
        ("mogilefs:///media", "tracker"), ("mogilefs://h", "domain"), ("mogilefs://h/a/b", "domain"),
        ("mogilefs://me@h/media", "user"), ("mogilefs://me:pw@h/media", "password"),
    ])
    func `an address that lacks something, or has too much, is refused`(url: String, word: String) throws {
        let error = #expect(throws: StorageURLError.self) { try storage(url) }

        #expect(error?.message.contains(word) == true)
        #expect(error?.message.contains("pw") == false)
    }

    @Test(arguments: [
        ("mogilefs://h/media?colour=red", "colour"), ("mogilefs://h/media?timeout=soon", "timeout"),
        ("mogilefs://h/media?connections=0", "connections"), ("mogilefs://h:0/media", "trackers"),
        ("mogilefs://h:1,,i/media", "trackers"), ("mogilefs://h:7001,h/media", "trackers"),
        ("mogilefs://h/media?class=", "class"), ("mogilefs://h/media?verifiesChecksum=perhaps", "verifiesChecksum"),
    ])
    func `an option that is unknown or wrong names itself`(url: String, word: String) throws {
        let error = #expect(throws: StorageError.self) { try storage(url) }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\"\(word)\"") == true, "\(String(describing: error))")
    }

    @Test func `the name of the original leads here`() async throws {
        let storage = try Self.types.storage(
            "storages.backends.mogile.MogileFSStorage",
            ["trackers": .string("h:7001"), "domain": .string("media"), "base_url": .string("/media/")]
        )

        #expect(try await storage.url("a b.txt") == "/media/a%20b.txt")
        #expect((storage as? MogileFSStorage)?.configuration.domain == "media")
    }
}
