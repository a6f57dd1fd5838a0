import Foundation
import TestRemotes
import TestSupport
import Testing

/// What `qstore config check --connect` says of each remote.
@Suite(.timeLimit(.minutes(10))) struct ConnectionTests {
    private func check(
        _ place: RealRemote.Place,
        as remote: String? = nil,
        environment: [String: String]? = nil,
        files: [String: String] = [:],
        secret: String? = nil
    ) async throws -> Outcome {
        var outcome = Outcome()
        try await Sandbox.with { sandbox in
            try sandbox.write(
                """
                database: q.sqlite
                storages:
                  default:
                    local: local
                    remote: \(remote ?? "'\(place.url)'")
                """,
                to: "c.yaml"
            )
            for (name, text) in files { try sandbox.write(text, to: name) }
            outcome = try await sandbox.run(
                ["config", "check", "--connect", "--config", "c.yaml"],
                environment: (environment ?? place.environment).merging(["HOME": sandbox.path]) { $1 }
            )
        }
        for secret in [place.secret, secret].compactMap({ $0 }) {
            #expect(!outcome.text.contains(secret) && !outcome.errors.contains(secret))
        }
        return outcome
    }

    private func place(_ remote: RealRemote, port: Int? = nil) async throws -> RealRemote.Place {
        let file = NSTemporaryDirectory() + "qstore-check-\(UUID().uuidString).sqlite"
        return try await remote.place(on: try await remote.server, port: port, file: file)
    }

    @Test(arguments: RealRemote.allCases)
    func `a remote that works is said to`(_ remote: RealRemote) async throws {
        let outcome = try await check(place(remote))

        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.text.contains("storage default: reached, logged in, written, read and deleted in"))
    }

    @Test(arguments: RealRemote.allCases)
    func `a remote that is written as a type with its options works, too`(_ remote: RealRemote) async throws {
        let (server, place) = (try await remote.server, try await place(remote))
        let yaml = remote.yaml(on: server, file: String(place.url.trimmingPrefix("sqlite://")))

        let outcome = try await check(place, as: yaml)
        let mistaken = try await check(place, as: yaml.replacing("}", with: ", colour: blue}"))

        #expect(outcome.status == 0, "\(outcome.text) \(outcome.errors)")
        #expect(outcome.text.contains("storage default: reached, logged in, written, read and deleted in"))
        #expect(mistaken.status == 3, "\(mistaken.text)")
        #expect(mistaken.errors.contains("colour"), "\(mistaken.text) \(mistaken.errors)")
    }

    @Test(arguments: [RealRemote.ftp, .ftpEncrypted, .webDAV, .couchDB])
    func `a password in the home directory's .netrc lets in, and a wrong one doesn't`(
        _ remote: RealRemote
    ) async throws {
        let (server, place) = (try #require(try await remote.server), try await place(remote))
        let netrc = { (password: String) in
            [
                ".netrc": """
                machine 127.0.0.1 login somebody password theirs
                machine 127.0.0.1 login \(server["user"]) password "\(password)"

                """
            ]
        }

        let right = try await check(place, environment: [:], files: netrc(server["password"]))
        let wrong = try await check(place, environment: [:], files: netrc("wr0ng-one"), secret: "wr0ng-one")
        let none = try await check(place, environment: [:])

        #expect(right.status == 0, "\(right.text) \(right.errors)")
        #expect(right.text.contains("storage default: reached, logged in, written, read and deleted in"))
        for outcome in [wrong, none] {
            #expect(outcome.status == 3, "\(outcome.text) \(outcome.errors)")
            #expect(outcome.text.contains("storage default: reached, but it doesn't let this user"), "\(outcome.text)")
        }
    }

    @Test(arguments: RealRemote.allCases.filter(\.checksSecret))
    func `a wrong secret is said to be refused, and isn't repeated`(_ remote: RealRemote) async throws {
        let place = try await place(remote)

        let outcome = try await check(place, environment: place.environment(with: "wr0ng-one"), secret: "wr0ng-one")

        #expect(outcome.status == 3, "\(outcome.text) \(outcome.errors)")
        #expect(outcome.text.contains("storage default: reached, but it doesn't let this user"), "\(outcome.text)")
    }

    @Test(arguments: RealRemote.allCases.filter { $0.script != nil && $0 != .mogileFS })
    func `a server that isn't there is said to be out of reach`(_ remote: RealRemote) async throws {
        let nobody = try Listener(queue: nil)

        let outcome = try await check(place(remote, port: nobody.port))

        #expect(outcome.status == 75, "\(outcome.text) \(outcome.errors)")
        #expect(outcome.text.contains("storage default: can't be reached"), "\(outcome.text)")
    }

    @Test(arguments: RealRemote.allCases.filter { $0.fitsInTLS || $0.hasTLS })
    func `a server with the certificate of another host isn't trusted, and one with its own is`(
        _ remote: RealRemote
    ) async throws {
        let server = try #require(try await remote.server)
        let proxy = remote.hasTLS ? nil : try await TestServer.start("tls-proxy")
        try await proxy?.obey("target \(server.port)")
        // Of those with TLS of their own, all but one ask for it on their usual port.
        let port = proxy?.port ?? Int(server["tls"])
        let place = { (host: String) in
            try await remote.place(on: server, port: port, host: host, authority: (proxy ?? server)["ca"], file: "")
        }

        let own = try await check(place("127.0.0.1"))
        let other = try await check(place("localhost"))

        #expect(own.status == 0, "\(own.text) \(own.errors)")
        #expect(other.status != 0)
        #expect(other.text.contains("ertificate"), "\(other.text) \(other.errors)")
    }
}
