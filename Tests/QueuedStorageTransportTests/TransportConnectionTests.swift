import Foundation
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

/// How many connections there are, and through whom they go.
@Suite(.timeLimit(.minutes(5)))
struct TransportConnectionTests {
    /// Answers each request with its target, for as long as the connection lasts.
    private func echoingServer() throws -> ScriptedServer {
        try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
                try connection.answer(200, [:], head.target)
            }
        }
    }

    @Test func `a thousand requests share few connections`() async throws {
        let server = try echoingServer()
        var options = TransportOptions()
        options.maxConnectionsPerHost = 8
        let transport = Transport(options: options)

        let right = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<1000 {
                group.addTask {
                    let body: TransportRequest.Body =
                        number % 2 == 0 ? .none : .bytes([UInt8](repeating: 1, count: number))
                    let answer = try await transport.send(
                        TransportRequest(number % 2 == 0 ? "GET" : "PUT", server.url + "/\(number)", body: body)
                    )
                    return try await answer.collect(upTo: 100) == Array("/\(number)".utf8)
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }

        #expect(right == 1000)
        #expect(server.acceptedCount <= 8)
    }

    @Test func `requests one after another share a connection`() async throws {
        let server = try echoingServer()
        let transport = Transport()

        for number in 0..<20 {
            let answer = try await transport.send(TransportRequest("GET", server.url + "/\(number)"))
            try await answer.discard()
            #expect(answer.info.newConnections == (number == 0 ? 1 : 0))
        }

        #expect(server.acceptedCount == 1)
    }

    @Test func `a cancelled request that waits for its turn isn't sent`() async throws {
        let targets = Mutex<[String]>([])
        let (arrived, mayGoOn) = (Signal(), DispatchGate())
        let server = try ScriptedServer { connection in
            while true {
                let target = try connection.head().target
                targets.withLock { $0.append(target) }
                arrived.fire()
                if target == "/1" { mayGoOn.wait() }
                try connection.answer()
            }
        }
        var options = TransportOptions()
        options.maxConnectionsPerHost = 1
        let transport = Transport(options: options)

        async let first = transport.send(TransportRequest("GET", server.url + "/1")).status
        await arrived.wait()
        let second = Task { try await transport.send(TransportRequest("GET", server.url + "/2")).status }
        async let third = transport.send(TransportRequest("GET", server.url + "/3")).status
        second.cancel()
        await #expect(throws: CancellationError.self) { try await second.value }
        mayGoOn.open()

        #expect(try await [first, third] == [200, 200])
        #expect(targets.withLock { $0 } == ["/1", "/3"])
    }

    @Test(arguments: [false, true])
    func `a connection that the server gave up meanwhile is replaced`(_ streams: Bool) async throws {
        let count = Mutex(0)
        let server = try ScriptedServer { connection in
            let number = count.withLock { count in
                count += 1
                return count
            }
            let first = try connection.head()
            try connection.skip(Int(first.fields["content-length"] ?? "") ?? 0)
            try connection.answer(200, [:], "\(number)")
            // The first connection ends when the second request has come: libcurl waits for the answer by then. Where it is
            // still sending, it doesn't begin again by itself.
            let second = try connection.head()
            try connection.skip(Int(second.fields["content-length"] ?? "") ?? 0)
            if number == 1 { return connection.reset() }
            try connection.answer()
        }
        let transport = Transport()

        try await transport.send(TransportRequest("GET", server.url)).discard()
        let body: TransportRequest.Body = streams ? .stream(.generated(300_000), size: 300_000) : .bytes([1, 2, 3])
        let answer = try await transport.send(TransportRequest("PUT", server.url, body: body))

        #expect(try await answer.collect(upTo: 10) == Array("2".utf8))
    }

    @Test func `requests wait for one another per host alone`() async throws {
        let mayGoOn = DispatchGate()
        let slow = try ScriptedServer { connection in
            _ = try connection.head()
            mayGoOn.wait()
            try connection.answer()
        }
        let quick = try echoingServer()
        var options = TransportOptions()
        options.maxConnectionsPerHost = 1
        let transport = Transport(options: options)

        async let first = transport.send(TransportRequest("GET", slow.url)).status
        async let second = transport.send(TransportRequest("GET", slow.url)).status
        let other = try await transport.send(TransportRequest("GET", quick.url + "/x")).status
        mayGoOn.open()
        mayGoOn.open()

        #expect(other == 200)
        #expect(try await [first, second] == [200, 200])
    }

    @Test func `a proxy is asked for the whole address, with its own password`() async throws {
        let seen = Promise<(String, String?)>()
        let proxy = try ScriptedServer { connection in
            let head = try connection.head()
            seen.fulfil((head.target, head.fields["proxy-authorization"]))
            try connection.answer(200, [:], "proxied")
        }
        var options = TransportOptions()
        options.proxy = .url(proxy.url, user: "p", password: Secret("q"))

        let answer = try await Transport(options: options).send(TransportRequest("GET", "http://elsewhere.example/a"))
        let (target, authorization) = try #require(await seen.value)

        #expect(try await answer.collect(upTo: 100) == Array("proxied".utf8))
        #expect(target == "http://elsewhere.example/a")
        #expect(authorization == "Basic cDpx")
    }

    @Test func `a proxy that refuses a tunnel is told`() async throws {
        let proxy = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(403)
        }
        var options = TransportOptions()
        options.proxy = .url(proxy.url)

        let error = await #expect(throws: StorageError.self) {
            try await Transport(options: options).send(TransportRequest("GET", "https://elsewhere.example/a"))
        }

        #expect(error?.code == .offline)
    }

    @Test func `the environment names a proxy, and hosts that it isn't for`() async throws {
        await #expect(processExitsWith: .success) {
            let proxy = try ScriptedServer { connection in
                _ = try connection.head()
                try connection.answer(200, [:], "proxied")
            }
            let server = try ScriptedServer { connection in
                _ = try connection.head()
                try connection.answer(200, [:], "direct")
            }
            setVariable("http_proxy", proxy.url)
            setVariable("no_proxy", "127.0.0.1")
            let transport = Transport()
            var without = TransportOptions()
            without.proxy = .none

            let direct = try await transport.send(TransportRequest("GET", server.url)).collect(upTo: 100)
            let proxied = try await transport.send(TransportRequest("GET", "http://elsewhere.example/")).collect(
                upTo: 100
            )
            setVariable("no_proxy", "")
            let forced = try await Transport(options: without).send(TransportRequest("GET", server.url)).collect(
                upTo: 100
            )

            #expect(direct == Array("direct".utf8))
            #expect(proxied == Array("proxied".utf8))
            #expect(forced == Array("direct".utf8))
        }
    }

    @Test func `credentials are sent, and shown nowhere`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.answer(401, [:], head.fields["authorization"] ?? "none")
        }
        var request = TransportRequest("GET", server.url)
        request.credentials = .init(user: "ü", password: Secret("pässword:1"))

        let answer = try await Transport().send(request)

        #expect(try await answer.collect(upTo: 100) == Array("Basic w7w6cMOkc3N3b3JkOjE=".utf8))
        #expect(!"\(request)".contains("pässword"))
        #expect(!String(reflecting: request).contains("pässword"))
    }

    @Test func `a netrc file gives credentials where the request has none`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.answer(200, [:], head.fields["authorization"] ?? "none")
        }
        try await withTemporaryDirectory { directory in
            try Data("machine 127.0.0.1 login u password p\n".utf8).write(
                to: URL(fileURLWithPath: directory + "/netrc")
            )
            var options = TransportOptions()
            options.netrc = .file(directory + "/netrc")

            let answer = try await Transport(options: options).send(TransportRequest("GET", server.url))

            #expect(try await answer.collect(upTo: 100) == Array("Basic dTpw".utf8))
        }
    }

    @Test func `a body waits for the server's leave if it shall`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            guard head.fields["expect"] == "100-continue" else { return try connection.answer(400) }
            try connection.write("HTTP/1.1 100 Continue\r\n\r\n")
            try connection.skip(5)
            try connection.answer(201)
        }
        var request = TransportRequest("PUT", server.url, body: .bytes(Array("hello".utf8)))
        request.expectsContinue = true

        #expect(try await Transport().send(request).status == 201)
    }
}
