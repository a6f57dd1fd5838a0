import Foundation
import QueuedStorageCore
@testable import QueuedStorageSFTP
import TestSupport
import Testing

@Suite struct `Options of SFTP storages` {
    private static let types: StorageTypes = {
        var types = StorageTypes.builtIn
        types.registerSFTP()
        return types
    }()

    private func storage(_ address: String, _ environment: [String: String] = [:]) throws -> SFTPStorage {
        let (type, options) = try Self.types.read(StorageURL(address))
        return try make(type, options, environment)
    }

    private func make(
        _ type: String,
        _ options: [String: OptionValue],
        _ environment: [String: String] = [:]
    ) throws -> SFTPStorage {
        let secrets = StorageSecrets(alias: "photos", environment: environment)
        return try #require(try Self.types.storage(type, options, secrets: secrets) as? SFTPStorage)
    }

    @Test func `come from an address`() throws {
        let storage = try storage(
            "sftp://user%20a@[::1]:2222/srv/a%20b?key=/k&knownHosts=/h&agent=none&timeout=90s&fileMode=0640"
                + "&directoryMode=0750&connections=2&uid=0&compression=true"
        )

        let configuration = storage.configuration
        #expect(configuration.host == "::1")
        #expect(configuration.port == 2222)
        #expect(configuration.user == "user a")
        #expect(configuration.directory == "/srv/a b")
        #expect(configuration.key == "/k")
        #expect(configuration.knownHosts == "/h")
        #expect(configuration.timeout == 90)
        #expect(configuration.fileMode == 0o640)
        #expect(configuration.directoryMode == 0o750)
        #expect(configuration.connections == 2)
        #expect(configuration.uid == 0)
        #expect(configuration.compression == true)
        #expect(storage.fingerprint == "sftp://user%20a@[::1]:2222/srv/a%20b")
    }

    @Test func `make the same storage again`() throws {
        let storage = try storage(
            "sftp://a@host/~/photos?key=/k&timeout=90&gid=5&baseURL=https://x/&createsDirectory=false"
        )

        let again = try make("SFTPStorage", storage.optionValues)

        #expect(again.configuration == storage.configuration)
    }

    @Test(arguments: [
        ("/srv", "/srv", "/srv"), ("/~", ".", "/~"), ("/~/a/b", "a/b", "/~/a/b"), ("/", "/", ""),
        ("/a//b/./c/", "/a/b/c", "/a/b/c"),
    ])
    func `name the directory from the root or the home`(_ path: String, _ root: String, _ address: String) throws {
        let storage = try storage("sftp://host" + path)

        #expect(storage.root == root)
        #expect(storage.fingerprint == "sftp://host" + address)
    }

    @Test(arguments: [
        ("sftp://host/d?colour=red", "colour"), ("sftp://host/d?port=0", "port"),
        ("sftp://host/d?timeout=soon", "timeout"),
        ("sftp://host/d?fileMode=999", "fileMode"), ("sftp://host/d?connections=1000", "connections"),
        ("sftp://-oProxyCommand=x/d", "host"), ("sftp://host/a/../b", "directory"), ("sftp://-x@host/d", "user"),
        ("sftp://host/d?uid=-1", "uid"), ("sftp://host/d?key=a%0Ab", "key"),
        ("sftp://host/d?passwordFile=/nowhere", "passwordFile"),
    ])
    func `name themselves when they are wrong`(_ address: String, _ option: String) throws {
        let error = try #require(#expect(throws: StorageError.self) { try storage(address) })

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains(option), "\(error)")
    }

    @Test(arguments: ["sftp://user:secret@host/d", "sftp://host/d?password=secret", "sftp:///d", "sftp://host"])
    func `are no address`(_ address: String) throws {
        let error = try #require(#expect(throws: StorageURLError.self) { try storage(address) })

        #expect(!error.message.contains("secret@") && !error.message.contains("=secret"))
    }

    @Test func `take the password from the environment, and keep it to themselves`() throws {
        let storage = try storage("sftp://a@host/d", ["QSTORE_PHOTOS_PASSWORD": "swordfish"])

        let folder = try SSHFolder(settings: storage.pool.settings.command.settings(), password: "swordfish")
        let shown = [
            "\(storage.optionValues)", "\(storage.configuration)", storage.fingerprint, "\(storage.pool.settings)",
            "\(storage.pool.settings.command.arguments(settings: folder.settings))",
            "\(folder.environment(["QSTORE_PHOTOS_PASSWORD": "swordfish", "PATH": "/bin"]))",
            try String(contentsOfFile: folder.path + "/askpass", encoding: .utf8),
            try String(contentsOfFile: folder.path + "/config", encoding: .utf8),
        ]

        for text in shown { #expect(!text.contains("swordfish")) }
        #expect(storage.pool.settings.password?.value == "swordfish")
    }

    @Test func `of the predecessor are taken, too`() throws {
        let storage = try make(
            "storages.backends.sftpstorage.SFTPStorage",
            [
                "host": .string("h"), "root_path": .string("/srv/media/"), "file_mode": .integer(0o600),
                "dir_mode": .integer(0o700), "uid": .integer(1), "gid": .integer(2), "known_host_file": .string("/h"),
                "base_url": .string("https://x/"),
            ]
        )

        #expect(storage.root == "/srv/media")
        #expect(storage.configuration.fileMode == 0o600)
        #expect(storage.configuration.knownHosts == "/h")
    }

    @Test func `never let ssh take one for a switch, ask, or accept a host key`() throws {
        let storage = try storage("sftp://a@host:2222/d?key=/a%20\"b%25")
        let arguments = SSHCommand(configuration: storage.configuration, hasPassword: false).arguments(settings: "/s")

        #expect(Array(arguments.suffix(4)) == ["-s", "--", "host", "sftp"])
        for setting in ["StrictHostKeyChecking=yes", "BatchMode=yes", "ForwardAgent=no", #"IdentityFile="/a \"b%%""#] {
            #expect(arguments.contains(setting), "\(setting) is missing")
        }
    }
}
