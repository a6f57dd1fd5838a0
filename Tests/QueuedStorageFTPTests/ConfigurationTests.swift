import Foundation
import QueuedStorageCore
import QueuedStorageFTP
import QueuedStorageSQLite
import TestSupport
import Testing

/// An FTP storage is named by a URL or by options, and says what is wrong with them.
@Suite struct ConfigurationTests {
    private static let types: StorageTypes = {
        var types = StorageTypes.builtIn
        types.registerFTP()
        return types
    }()

    private func storage(_ url: String, secrets: StorageSecrets = .none) throws -> FTPStorage {
        let (type, options) = try Self.types.read(StorageURL(url))
        return try #require(try Self.types.storage(type, options, secrets: secrets) as? FTPStorage)
    }

    @Test func `an address says server, user, directory and options`() throws {
        let storage = try storage(
            "ftp://me%40home@ftp.example:2121/a/b?tls=required&ca=/etc/ca.pem&active=true&verification=readback"
                + "&connections=3&idleTimeout=5s&netrc=false"
        )

        #expect(storage.host == "ftp.example")
        #expect(storage.port == 2121)
        #expect(storage.user == "me@home")
        #expect(storage.directory == "a/b")
        #expect(storage.options.tls == .required)
        #expect(storage.options.certificateAuthorities == "/etc/ca.pem")
        #expect(storage.options.isActive)
        #expect(storage.options.verification == .readback)
        #expect(storage.options.connections == 3)
        #expect(storage.options.idleTimeout == .seconds(5))
        #expect(!storage.options.usesNetrc)
    }

    @Test(arguments: [
        ("ftp://h", 21, ""), ("ftps://h/d/", 990, "d"), ("ftp://h//srv/x", 21, "/srv/x"),
        ("ftp://[::1]:99/%20d", 99, " d"),
        ("ftp://h/%2Fsrv", 21, "/srv"),
    ])
    func `an address has defaults`(_ url: String, _ port: Int, _ directory: String) throws {
        let storage = try storage(url)

        #expect(storage.port == port)
        #expect(storage.directory == directory)
        #expect(storage.options.tls == (url.hasPrefix("ftps") ? .implicit : .off))
    }

    @Test(arguments: [
        ("ftp://h/?tls=maybe", "tls"), ("ftp://h/?connections=0", "connections"), ("ftp://h/?colour=red", "colour"),
        ("ftp://h/a/../b", "directory"), ("ftp://h/?idleTimeout=0s", "idleTimeout"), ("ftp://h/?ca=/x", "ca"),
        ("ftp://h/?verification=none", "verification"), ("ftp://h/?passwordFile=/missing/file", "passwordFile"),
        ("ftp://a%0Ab@h/", "user"), ("ftp://h/?resumableFrom=0", "resumableFrom"),
    ])
    func `a wrong option is named`(_ url: String, _ option: String) async {
        let error = await failure { try storage(url) }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\"\(option)\"") == true, "\(error?.message ?? "no error")")
    }

    @Test(arguments: ["ftp:///dir", "ftp://user:secret@h/", "ftp://h/?password=secret", "ftps://h/?tls=required"])
    func `a wrong address is refused without repeating secrets`(_ url: String) {
        do {
            _ = try storage(url)
            Issue.record("it was taken")
        } catch let error as StorageURLError {
            #expect(!error.message.contains("secret\""))
            #expect(!error.message.contains(":secret"))
        } catch {
            Issue.record("another error: \(error)")
        }
    }

    @Test func `options come back as they were, without secrets`() throws {
        let secrets = StorageSecrets(alias: "x", environment: ["QSTORE_X_PASSWORD": "hush-hush"])
        let storage = try storage(
            "ftps://me@h:99/d?verification=readback&active=true&connectTimeout=3s",
            secrets: secrets
        )

        let again = try #require(
            try Self.types.storage(FTPStorage.typeName, storage.optionValues, secrets: secrets) as? FTPStorage
        )

        #expect(again.options == storage.options)
        #expect(again.fingerprint == storage.fingerprint)
        #expect(!"\(storage.optionValues)\(storage.fingerprint)".contains("hush-hush"))
    }

    @Test(arguments: [
        ("ftp://u@h:2121/p", false, "off"), ("aftp://u@h:2121/p", true, "off"), ("ftps://u@h/p", false, "implicit"),
    ])
    func `the original's option is understood`(_ location: String, _ isActive: Bool, _ tls: String) throws {
        let storage = try #require(
            try Self.types.storage("storages.backends.ftp.FTPStorage", ["location": .string(location)]) as? FTPStorage
        )

        #expect(storage.options.isActive == isActive)
        #expect(storage.options.tls.rawValue == tls)
        #expect(storage.directory == "p")
    }

    @Test func `a queued storage on FTP has a name of its own`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = try QueuedStorage.ftp(
                "files",
                host: "ftp.example",
                local: FileSystemStorage(location: directory),
                catalog: try SQLiteCatalog(path: "\(directory)/c.sqlite")
            )

            #expect(storage.remote is FTPStorage)
        }
    }
}
