import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct TransportTests {
    @Test func `brings an answer with its fields and its content`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.answer(203, ["X-Seen": "\(head.method) \(head.target)"], "hello")
        }

        let answer = try await Transport().send(TransportRequest("GET", server.url + "/a%20b?c=%2F"))

        #expect(answer.status == 203)
        #expect(answer.headers["x-seen"] == "GET /a%20b?c=%2F")
        #expect(answer.body.size == 5)
        #expect(try await answer.collect(upTo: 100) == Array("hello".utf8))
        #expect(answer.info.receivedByteCount == 5)
    }

    @Test func `sends bytes with their length`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            let body = try connection.read(exactly: Int(head.fields["content-length"] ?? "") ?? 0)
            try connection.answer(201, [:], "\(head.method) \(String(decoding: body, as: UTF8.self))")
        }

        let answer = try await Transport().send(TransportRequest("PUT", server.url, body: .bytes(Array("x=1".utf8))))

        #expect(answer.status == 201)
        #expect(try await answer.collect(upTo: 100) == Array("PUT x=1".utf8))
    }

    @Test(arguments: ["PUT", "POST", "MKCOL", "DELETE"])
    func `sends methods without a body`(_ method: String) async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            try connection.answer(200, [:], "\(head.method) \(head.fields["content-length"] ?? "none")")
        }

        let answer = try await Transport().send(TransportRequest(method, server.url))

        let length = ["PUT", "POST"].contains(method) ? "0" : "none"
        #expect(try await answer.collect(upTo: 100) == Array("\(method) \(length)".utf8))
    }

    @Test func `sends a stream of unknown size in chunks`() async throws {
        let server = try ScriptedServer { connection in
            let head = try connection.head()
            let body = try connection.chunks().flatMap(\.self)
            try connection.answer(200, [:], "\(head.fields["transfer-encoding"] ?? "") \(body.count)")
        }
        let count = Mutex(0)
        let reader = FileReader(size: nil) {
            {
                count.withLock { count in
                    count += 1
                    return count <= 10 ? [UInt8](repeating: 7, count: 100_000) : nil
                }
            }
        }

        let answer = try await Transport().send(TransportRequest("POST", server.url, body: .stream(reader, size: nil)))

        #expect(try await answer.collect(upTo: 100) == Array("chunked 1000000".utf8))
        #expect(answer.info.sentByteCount >= 1_000_000)
    }

    @Test func `sends and receives large streams`() async throws {
        let size: Int64 = 64 << 20
        let server = try ScriptedServer { connection in
            while true {
                let head = try connection.head()
                if head.method == "PUT" {
                    try connection.skip(Int(head.fields["content-length"] ?? "") ?? 0)
                    try connection.answer(201)
                } else {
                    try connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
                    let buffer = [UInt8](repeating: 5, count: 1 << 20)
                    for _ in 0..<64 { try connection.write(buffer) }
                }
            }
        }
        let transport = Transport()
        let sent = Mutex<Int64>(0)
        let left = Mutex(size)
        let reader = FileReader(size: size) {
            {
                left.withLock { left in
                    let count = Int(min(left, Int64(FileReader.bufferSize)))
                    left -= Int64(count)
                    return count > 0 ? [UInt8](repeating: 5, count: count) : nil
                }
            }
        }
        var request = TransportRequest("PUT", server.url, body: .stream(reader, size: size))
        request.progress = { count in sent.withLock { $0 = count } }

        let stored = try await transport.send(request)
        try await stored.discard()
        var received: Int64 = 0
        for try await buffer in try await transport.send(TransportRequest("GET", server.url)).body {
            received += Int64(buffer.count)
            #expect(buffer.count <= FileReader.bufferSize)
        }

        #expect(stored.status == 201)
        #expect(sent.withLock { $0 } == size)
        #expect(received == size)
        #expect(server.acceptedCount == 1)
    }
}
