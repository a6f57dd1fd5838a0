import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

/// What goes wrong on the way, and how it is told.
@Suite(.timeLimit(.minutes(5)))
struct TransportFailureTests {
    private func failure(_ request: TransportRequest, _ options: TransportOptions = .init()) async -> StorageError? {
        await #expect(throws: StorageError.self) {
            let answer = try await Transport(options: options).send(request)
            _ = try await answer.collect(upTo: .max)
        }
    }

    @Test func `a port that nobody listens on is offline`() async throws {
        let nobody = try Listener(queue: nil)

        let error = await failure(TransportRequest("GET", "http://127.0.0.1:\(nobody.port)/secret?signature=hidden"))

        #expect(error?.code == .offline)
        #expect(error?.message == "The server \"127.0.0.1:\(nobody.port)\" can't be reached: Connection refused.")
        #expect(error.map { "\($0)".contains("hidden") } == false)
    }

    @Test func `a name that nobody knows is offline`() async throws {
        let error = await failure(TransportRequest("GET", "http://nobody.invalid/"))

        #expect(error?.code == .offline)
        #expect(error?.message.contains("nobody.invalid") == true)
    }

    @Test func `a server that doesn't take up the connection is offline`() async throws {
        let server = try FullServer()
        var options = TransportOptions()
        options.connectTimeout = .milliseconds(200)

        let error = await failure(TransportRequest("GET", server.url), options)

        #expect(error?.code == .offline)
    }

    @Test func `a server that is silent while encryption is set up is offline`() async throws {
        let server = try ScriptedServer { connection in try connection.skip(.max) }
        var options = TransportOptions()
        options.connectTimeout = .milliseconds(200)

        let error = await failure(TransportRequest("GET", "https://127.0.0.1:\(server.port)/"), options)

        #expect(error?.code == .offline)
    }

    @Test func `a server that doesn't speak TLS is told`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.read(upTo: 10)
            try connection.write("220 I speak something else\r\n")
            try connection.skip(.max)
        }

        let error = await failure(TransportRequest("GET", "https://127.0.0.1:\(server.port)/"))

        #expect(error?.code == .denied)
    }

    @Test(arguments: ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"])
    func `a silent server times out`(_ said: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write(said)
            try connection.skip(.max)
        }
        var request = TransportRequest("GET", server.url)
        request.idleTimeout = .milliseconds(600)

        let error = await failure(request)

        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("600 milliseconds") == true)
    }

    @Test func `a slow but steady server doesn't time out`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
            for _ in 0..<6 {
                connection.wait(milliseconds: 300)
                try connection.write("x")
            }
        }
        var request = TransportRequest("GET", server.url)
        request.idleTimeout = .milliseconds(1000)

        let answer = try await Transport().send(request)

        #expect(try await answer.collect(upTo: 10).count == 6)
    }

    @Test func `a body that is slow to come doesn't time out`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            _ = try connection.chunks()
            try connection.answer()
        }
        let left = Mutex(2)
        let reader = FileReader(size: nil) {
            {
                let isMore = left.withLock { left in
                    left -= 1
                    return left >= 0
                }
                try await ContinuousClock().sleep(for: .milliseconds(700))
                return isMore ? [1] : nil
            }
        }
        var request = TransportRequest("PUT", server.url, body: .stream(reader, size: nil))
        request.idleTimeout = .milliseconds(500)

        #expect(try await Transport().send(request).status == 200)
    }

    @Test func `a request that lasts too long as a whole times out`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while true {
                connection.wait(milliseconds: 50)
                try connection.write("x")
            }
        }
        var request = TransportRequest("GET", server.url)
        request.totalTimeout = .milliseconds(400)

        #expect(await failure(request)?.code == .timedOut)
    }

    @Test func `a connection that ends without an answer fails`() async throws {
        let server = try ScriptedServer { connection in _ = try connection.head() }

        let error = await failure(TransportRequest("GET", server.url))

        #expect(error?.code == .failed)
        #expect(error?.message.contains("without an answer") == true)
    }

    @Test func `a connection that is reset fails`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
            connection.reset()
        }

        #expect(await failure(TransportRequest("GET", server.url))?.code == .failed)
    }

    @Test(arguments: ["Content-Length: 5\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
    func `content that is cut fails`(_ rest: String) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\n\(rest)")
        }

        let error = await failure(TransportRequest("GET", server.url))

        #expect(error?.code == .failed)
    }

    @Test func `an answer that isn't HTTP fails`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("SSH-2.0-Something\r\n\r\n")
        }

        #expect(await failure(TransportRequest("GET", server.url))?.code == .failed)
    }

    @Test func `a head without end fails`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\n")
            while true { try connection.write("X-More: \(String(repeating: "x", count: 1000))\r\n") }
        }

        #expect(await failure(TransportRequest("GET", server.url))?.code == .failed)
    }

    @Test func `redirects are answers, unless they are to be followed`() async throws {
        let server = try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                if head.target == "/there" {
                    try connection.answer(200, [:], "here")
                } else {
                    try connection.answer(307, ["Location": "/there"], "away")
                }
            }
        }
        let transport = Transport()
        var request = TransportRequest("GET", server.url + "/")

        let redirect = try await transport.send(request)
        let error = await redirect.failure("The file couldn't be read")
        request.maxRedirects = 3
        let answer = try await transport.send(request)

        #expect(redirect.status == 307)
        #expect(error.message.contains("redirects to another address"))
        #expect(answer.status == 200)
        #expect(try await answer.collect(upTo: 100) == Array("here".utf8))
    }

    @Test(arguments: ["a b", "a\r\nb"])
    func `an address that would change the request is refused`(_ path: String) async throws {
        #expect(await failure(TransportRequest("GET", "http://127.0.0.1/" + path)) != nil)
    }

    @Test func `a field that would change the request is refused`() async throws {
        let request = TransportRequest("GET", "http://127.0.0.1/", headers: ["X": "a\r\nHost: other"])

        #expect(await failure(request)?.message.contains("line breaks") == true)
    }

    @Test func `what isn't HTTP or FTP isn't asked`() async throws {
        #expect(await failure(TransportRequest("GET", "file:///etc/passwd"))?.code == .invalidConfiguration)
    }
}
