import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

/// Back-pressure, cancellation, and answers that come before the request is sent.
@Suite(.timeLimit(.minutes(5)))
struct TransportFlowTests {
    @Test func `a reader that waits makes the server wait`() async throws {
        let stalled = Promise<Int>()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(64 << 20)\r\n\r\n")
            let buffer = [UInt8](repeating: 5, count: 1 << 16)
            var written = 0
            while written < 64 << 20 {
                if !connection.canWrite(milliseconds: 300) { stalled.fulfil(written) }
                try connection.write(buffer)
                written += buffer.count
            }
        }

        var iterator = try await Transport().send(TransportRequest("GET", server.url)).body.makeAsyncIterator()
        let first = try await iterator.next()
        let written = await stalled.value
        var count = first?.count ?? 0
        while let buffer = try await iterator.next() { count += buffer.count }

        // A megabyte of ours, and what the kernel holds on both sides.
        #expect((written ?? .max) < 24 << 20)
        #expect(count == 64 << 20)
    }

    @Test func `a server that waits makes the body wait`() async throws {
        let (isStuck, mayGoOn) = (Promise<Void>(), DispatchGate())
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            mayGoOn.wait()
            try connection.skip(64 << 20)
            try connection.answer()
        }
        let taken = Mutex<Int64>(0)
        let reader = FileReader.generated(64 << 20) { count in
            taken.withLock { $0 = count }
            if count == 1 << 20 { isStuck.fulfil(()) }
        }

        async let answer = Transport().send(TransportRequest("PUT", server.url, body: .stream(reader, size: 64 << 20)))
        _ = await isStuck.value
        mayGoOn.open()

        #expect(try await answer.status == 200)
        #expect(taken.withLock { $0 } == 64 << 20)
    }

    @Test func `cancelling while sending ends the connection`() async throws {
        let (begun, ended) = (Signal(), Signal())
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.skip(1 << 20)
            begun.fire()
            try? connection.skip(.max)
            ended.fire()
        }
        let task = Task {
            try await Transport().send(
                TransportRequest("PUT", server.url, body: .stream(.generated(1 << 40), size: 1 << 40))
            )
        }

        await begun.wait()
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        await ended.wait()
    }

    @Test func `cancelling while waiting for the answer ends the connection`() async throws {
        let (begun, ended) = (Signal(), Signal())
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            begun.fire()
            _ = try? connection.read(upTo: 1)
            ended.fire()
        }
        let task = Task { try await Transport().send(TransportRequest("GET", server.url)) }

        await begun.wait()
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        await ended.wait()
    }

    @Test func `cancelling a reader ends the connection`() async throws {
        let ended = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
            _ = try? connection.read(upTo: 1)
            ended.fire()
        }
        let first = Signal()
        let task = Task {
            for try await _ in try await Transport().send(TransportRequest("GET", server.url)).body { first.fire() }
        }

        await first.wait()
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        await ended.wait()
    }

    @Test func `an answer that nobody reads ends its connection`() async throws {
        let ended = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc")
            _ = try? connection.read(upTo: 1)
            ended.fire()
        }
        let transport = Transport()

        let status = try await transport.send(TransportRequest("GET", server.url)).status

        #expect(status == 200)
        await ended.wait()
    }

    @Test func `a transport that goes closes its connections`() async throws {
        let ended = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer()
            _ = try? connection.read(upTo: 1)
            ended.fire()
        }

        try await Transport().send(TransportRequest("GET", server.url)).discard()

        await ended.wait()
    }

    @Test func `an answer outlives its transport`() async throws {
        let gone = DispatchGate()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
            gone.wait()
            try connection.write("def")
        }

        let body = try await Transport().send(TransportRequest("GET", server.url)).body
        gone.open()

        #expect(try await body.collect() == Array("abcdef".utf8))
    }

    @Test(arguments: [401, 412, 413, 507])
    func `an early refusal is the answer`(_ status: Int) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(status, [:], "no")
            try connection.skip(.max)
        }
        let taken = Mutex<Int64>(0)
        let reader = FileReader.generated(1 << 40) { count in taken.withLock { $0 = count } }

        let answer = try await Transport().send(
            TransportRequest("PUT", server.url, body: .stream(reader, size: 1 << 40))
        )

        #expect(answer.status == status)
        #expect(try await answer.collect(upTo: 10) == Array("no".utf8))
        #expect(taken.withLock { $0 } < 1 << 36)
    }

    @Test func `an early refusal is the answer though the body is stuck`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(403)
            try connection.skip(.max)
        }

        let answer = try await Transport().send(
            TransportRequest("PUT", server.url, body: .stream(.stuck(after: [1, 2, 3]), size: nil))
        )

        #expect(answer.status == 403)
    }

    @Test func `an early success of a cut body is none`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.skip(1 << 20)
            try connection.write("HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        }

        await #expect(throws: StorageError.self) {
            try await Transport().send(
                TransportRequest("PUT", server.url, body: .stream(.generated(1 << 40), size: 1 << 40))
            )
        }
    }

    @Test func `a body's own error comes back, and ends the connection`() async throws {
        struct Broken: Error {}
        let ended = Signal()
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try? connection.skip(.max)
            ended.fire()
        }
        let reader = FileReader.generated(1 << 40) { count in if count > 4 << 20 { throw Broken() } }
        let transport = Transport()

        await #expect(throws: Broken.self) {
            try await transport.send(TransportRequest("PUT", server.url, body: .stream(reader, size: 1 << 40)))
        }
        await ended.wait()
    }

    @Test(arguments: [Int64(10), 3 << 20])
    func `a body of another size than was said is an error`(_ said: Int64) async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
            try connection.answer()
        }

        let error = await #expect(throws: StorageError.self) {
            try await Transport().send(
                TransportRequest("PUT", server.url, body: .stream(.generated(1 << 20), size: said))
            )
        }

        #expect(error?.message.contains("\(said) bytes") == true)
    }

    @Test func `a success is told before the body ends only once it has ended`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(200)
            try connection.skip(8 << 20)
        }
        let taken = Mutex<Int64>(0)
        let reader = FileReader.generated(8 << 20) { count in taken.withLock { $0 = count } }

        let answer = try await Transport().send(
            TransportRequest("PUT", server.url, body: .stream(reader, size: 8 << 20))
        )

        #expect(answer.status == 200)
        #expect(taken.withLock { $0 } == 8 << 20)
    }
}
