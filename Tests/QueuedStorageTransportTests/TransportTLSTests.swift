import Foundation
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

/// Who may claim to be a server.
@Suite(.timeLimit(.minutes(5)))
struct TransportTLSTests {
    private func get(_ server: TLSServer, authorities: String?) async throws -> Int {
        var options = TransportOptions()
        options.certificateAuthorities = authorities
        let answer = try await Transport(options: options).send(TransportRequest("GET", server.url))
        try await answer.discard()
        return answer.status
    }

    @Test func `trusts a server whose authority is named`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TLSServer(directory, subject: "IP:127.0.0.1")

            #expect(try await get(server, authorities: server.authority) == 200)
        }
    }

    @Test func `refuses a server that nobody known vouches for`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TLSServer(directory, subject: "IP:127.0.0.1")

            let error = await #expect(throws: StorageError.self) { try await get(server, authorities: nil) }

            #expect(error?.code == .denied)
            #expect(error?.message.contains("name the file of its authority") == true)
        }
    }

    @Test func `refuses a server with a certificate for another host`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TLSServer(directory, subject: "DNS:other.example")

            let error = await #expect(throws: StorageError.self) {
                try await get(server, authorities: server.authority)
            }

            #expect(error?.code == .denied)
            #expect(error?.message.contains("for another host") == true)
        }
    }

    @Test func `refuses a server with a certificate that has expired`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TLSServer(directory, subject: "IP:127.0.0.1", days: -1)

            let error = await #expect(throws: StorageError.self) {
                try await get(server, authorities: server.authority)
            }

            #expect(error?.code == .denied)
            #expect(error?.message.contains("expired") == true)
        }
    }

    @Test func `says that a file of authorities can't be read`() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await TLSServer(directory, subject: "IP:127.0.0.1")

            let error = await #expect(throws: StorageError.self) {
                try await get(server, authorities: directory + "/missing")
            }

            #expect(error?.code == .invalidConfiguration)
        }
    }
}

/// OpenSSL's own test server, with a certificate of an authority made for the test.
private struct TLSServer {
    let url: String
    let authority: String
    private let process: TestProcess

    init(_ directory: String, subject: String, days: Int = 1) async throws {
        authority = directory + "/ca.pem"
        try await Self.openssl(
            directory,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -subj /CN=Authority"
        )
        try await Self.openssl(
            directory,
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=server"
        )
        try Data("subjectAltName=\(subject)\n".utf8).write(to: URL(fileURLWithPath: directory + "/extensions"))
        try await Self.openssl(
            directory,
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -out cert.pem -extfile extensions -days \(days)"
        )
        process = try TestProcess(
            "/usr/bin/openssl",
            ["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "cert.pem", "-key", "key.pem"],
            directory: directory
        )
        let port = await process.wait { output in
            output.lines.first { $0.hasPrefix("ACCEPT ") }?.split(separator: ":").last.map(String.init)
        }
        url = "https://127.0.0.1:\(try #require(port, "\(process.said.ending)"))/"
    }

    private static func openssl(_ directory: String, _ arguments: String) async throws {
        let process = try TestProcess(
            "/usr/bin/openssl",
            arguments.split(separator: " ").map(String.init),
            directory: directory,
            input: .file("/dev/null")
        )
        let output = await process.end()
        try #require(output.status == 0, "\(output.ending)")
    }
}
