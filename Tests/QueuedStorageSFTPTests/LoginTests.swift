import Foundation
import QueuedStorageCore
import QueuedStorageSFTP
import TestSupport
import Testing

@Suite struct `Logging in to an SFTP server` {
    /// What a storage says when it is asked for anything.
    private func failure(of storage: SFTPStorage) async throws -> StorageError {
        try #require(await #expect(throws: StorageError.self) { try await storage.exists("a.txt") })
    }

    @Test func `refuses a host key that has changed, and says where the other one is`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.knownHosts = server["changedHosts"] }

        let error = try await failure(of: storage)

        #expect(error.code == .denied)
        #expect(error.message.contains("another host key"))
        #expect(error.message.contains("SHA256:"))
        #expect(error.message.contains(server["changedHosts"] + ":1"))
    }

    @Test func `refuses a host key that isn't known, and says what to do`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.knownHosts = server["emptyHosts"] }

        let error = try await failure(of: storage)

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains("isn't known"))
        #expect(error.message.contains("add it to \(server["emptyHosts"])"))
        #expect(try String(contentsOfFile: server["emptyHosts"], encoding: .utf8) == "", "it was accepted")
    }

    @Test(arguments: ["stranger", "locked"])
    func `is denied with the wrong key`(_ key: String) async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.key = server[key] }

        let error = try await failure(of: storage)

        #expect(error.code == .denied)
        #expect(error.message.contains("Permission denied (publickey)"))
    }

    @Test func `takes a key from an agent`() async throws {
        let server = try await TestServer.shared("sftp")
        try await withTemporaryDirectory { directory in
            let socket = "\(directory)/agent"
            let agent = try TestProcess("/usr/bin/ssh-agent", ["-D", "-a", socket])
            // It says where it listens once it does.
            #expect(await agent.wait { $0.lines.first } != nil)
            let storage = try SFTPStorage.openSSH(server) { ($0.key, $0.agent) = (nil, socket) }

            let error = try await failure(of: storage)
            let added = try TestProcess("/usr/bin/ssh-add", [server["key"]], environment: ["SSH_AUTH_SOCK": socket])
            #expect(await added.end().status == 0)

            #expect(error.code == .denied)
            #expect(try await !storage.exists("a file that nobody stored"))
        }
    }

    @Test func `says that the key is missing`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.key = "/nowhere/key" }

        let error = try await failure(of: storage)

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains("\"/nowhere/key\""))
    }

    @Test func `is denied with the wrong password, which isn't shown`() async throws {
        let server = try await TestServer.shared("sftp-password")
        let storage = try SFTPStorage.password(server, password: "not the word")

        let error = try await failure(of: storage)

        #expect(error.code == .denied)
        #expect(!"\(error)".contains("not the word"))
        #expect(!"\(storage.optionValues) \(storage.fingerprint) \(storage.configuration)".contains("not the word"))
    }

    @Test func `is offline where nobody listens`() async throws {
        let server = try await TestServer.shared("sftp")
        let proxy = try FaultyProxy(to: server.port)
        proxy.refuse()
        let refused = try SFTPStorage.openSSH(server, port: proxy.port)
        let nobody = try SFTPStorage.openSSH(server, port: 1)
        let unknown = try SFTPStorage.openSSH(server) { $0.host = "no-such-host.invalid" }

        for storage in [refused, nobody, unknown] {
            let error = try await failure(of: storage)
            #expect(error.code == .offline, "\(error)")
            #expect(error.message.contains(storage.configuration.host))
        }
    }

    @Test func `says that the program is missing`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.ssh = "no-such-ssh" }

        let error = try await failure(of: storage)

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains("openssh-client"))
    }

    @Test func `says what a server sent that isn't SFTP`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.ssh = "/bin/echo" }

        let error = try await failure(of: storage)

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains("isn't SFTP"))
    }

    @Test func `obeys the SSH configuration that it is given`() async throws {
        let server = try await TestServer.shared("sftp")
        try await withTemporaryDirectory { directory in
            let settings = """
                Host archive
                    HostName 127.0.0.1
                    Port \(server.port)
                    User \(server["user"])
                    IdentityFile \(server["key"])
                    IdentitiesOnly yes
                    IdentityAgent none
                    UserKnownHostsFile \(server["knownHosts"])
                """
            try settings.write(toFile: directory + "/config", atomically: true, encoding: .utf8)
            var configuration = SFTPStorage.Configuration(host: "archive", directory: server["directory"])
            configuration.sshConfig = directory + "/config"

            let storage = try SFTPStorage(configuration)

            #expect(try await !storage.exists("nothing"))
            #expect(storage.fingerprint == "sftp://archive" + server["directory"])
        }
    }
}
