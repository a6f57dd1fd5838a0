import QueuedStorageCore
import Testing

/// Addresses, the options that they say, and the secrets that they must not say.
@Suite struct StorageURLTests {
    @Test(arguments: [
        "s3:/x", "relative/dir", "/abs", "c:dir", "file:///a%20b", "mogilefs://a:7001,b:7001/d", "sftp://u@[::1]:22/d",
    ])
    func `addresses are read`(_ text: String) throws { #expect(throws: Never.self) { try StorageURL(text) } }

    @Test(arguments: ["", "x://u:p@h/", "x://u%3Ap@h/", "file:///%zz", "file:///%00", "file:///%ff"])
    func `addresses that are none are refused`(_ text: String) {
        #expect(throws: StorageURLError.self) { try StorageURL(text) }
    }

    @Test func `an address has its parts`() throws {
        let url = try StorageURL("SFTP://jo%40x@[::1]:2222/a%20b/c?key=/k%26y&knownHosts=no")
        #expect(url.scheme == "sftp")
        #expect(url.user == "jo@x")
        #expect(url.host == "::1")
        #expect(try url.port() == 2222)
        #expect(url.path == "/a b/c")
        #expect(try url.parameters() == ["key": "/k&y", "knownHosts": "no"])
        #expect(try StorageURL("ftp://h/").port() == nil)
    }

    @Test(arguments: ["x://h/?password=p", "x://h/?a", "x://h/?a=1&a=2", "x://h/?secretAccessKey=k"])
    func `parameters that are wrong, or secrets, are refused without being repeated`(_ text: String) throws {
        let error = #expect(throws: StorageURLError.self) { try StorageURL(text).parameters() }
        #expect(error?.message.contains("=p") == false)
        #expect(error?.message.contains("=k") == false)
    }

    @Test(arguments: ["x://h:0/", "x://h:65536/", "x://h:a/"])
    func `ports that are none are refused`(_ text: String) throws {
        #expect(throws: StorageURLError.self) { try StorageURL(text).port() }
    }

    @Test func `an address becomes a storage, whose maker refuses what it doesn't know`() throws {
        var types = StorageTypes.builtIn
        types.register(
            StorageScheme("dir", form: "dir:///directory", type: "FileSystemStorage") { ["location": .string($0.path)] }
        )

        let made = try types.read(try StorageURL("dir:///tmp/x?fileMode=384&allowOverwrite=true"))
        let storage = try #require(try types.storage(made.type, made.options) as? FileSystemStorage)
        #expect(storage.configuration.location == "/tmp/x")
        #expect(storage.configuration.fileMode == 384)
        #expect(storage.configuration.allowOverwrite == true)

        let unknown = try types.read(try StorageURL("dir:///tmp/x?nonsense=1"))
        let error = #expect(throws: StorageError.self) { try types.storage(unknown.type, unknown.options) }
        #expect(error?.description.contains("nonsense") == true)
        #expect(throws: StorageURLError.self) { try types.read(try StorageURL("dir:///x?location=/y")) }
        #expect(throws: StorageURLError.self) { try types.read(try StorageURL("nobody://x")) }
    }

    @Test func `a secret is never shown`() throws {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!"\(secret) \(String(reflecting: secret)) \([secret]) \(dumped)".contains("hunter2"))
        #expect(secret.value == "hunter2")
    }

    @Test func `a storage's secrets stand in variables with its alias`() {
        let environment = ["QSTORE_MY_PHOTOS_PASSWORD": "a", "QSTORE_OTHER_PASSWORD": "b", "QSTORE_EMPTY_PASSWORD": ""]
        #expect(StorageSecrets(alias: "my-photos", environment: environment)["PASSWORD"] == Secret("a"))
        #expect(StorageSecrets(alias: "empty", environment: environment)["PASSWORD"] == nil)
        #expect(StorageSecrets.prefix("my.photos") == StorageSecrets.prefix("my-photos"))
    }

    @Test func `checksums of the same bytes are computed in one pass`() {
        var digests = Digests(.sha256, .md5, .crc32c)
        for piece in ["1234", "", "56789"] { digests.update(Array(piece.utf8)) }
        // Sources: RFC 3720 and RFC 1321 give the check values of "123456789"; SHA-256 by sha256sum(1).
        #expect(digests.checksum(.crc32c).value == "e3069283")
        #expect(digests.checksum(.md5).value == "25f9e794323b453885f5181f1b624d0b")
        #expect(
            digests.checksum(.sha256).value == "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
        )
        // RFC 3720, B.4: 32 bytes of zeroes, of ones, and counting upwards.
        for (bytes, sum) in [
            ([UInt8](repeating: 0, count: 32), "8a9136aa"), ([UInt8](repeating: 255, count: 32), "62a8ab43"),
            (Array(0..<32), "46dd794e"),
        ] {
            var digests = Digests(.crc32c)
            digests.update(bytes)
            #expect(digests.checksum(.crc32c).value == sum)
        }
    }
}
