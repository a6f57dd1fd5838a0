import Foundation
import Glibc
import Synchronization

/// A server on the loopback that does to each connection what a test says, on a thread of its own.
package final class ScriptedServer: Sendable {
    package var port: Int { listener.port }
    private let listener: Listener
    private let accepted = Atomic(0)
    private let connections = Mutex<[Connection]>([])

    /// How many connections were accepted so far.
    package var acceptedCount: Int { accepted.load(ordering: .sequentiallyConsistent) }

    package var url: String { "http://127.0.0.1:\(port)" }

    /// Starts a server.
    ///
    /// - Parameter script: What to do with a connection, which is closed once it returns or throws.
    /// - Throws: `POSIXError` if no port is to be had.
    package init(_ script: @escaping @Sendable (Connection) throws -> Void) throws {
        let listener = try Listener()
        self.listener = listener
        listener.serve { [weak self] descriptor in
            guard let self else { return false }
            accepted.add(1, ordering: .sequentiallyConsistent)
            let connection = Connection(descriptor)
            connections.withLock { $0.append(connection) }
            Thread.detachNewThread {
                try? script(connection)
                connection.finish()
            }
            return true
        }
    }

    deinit {
        listener.stop()
        connections.withLock { for connection in $0 { connection.cut() } }
    }

    package struct Failure: Error {
        package var call: String
        package var errno: Int32
    }
}

/// A connection of a scripted server.
package final class Connection: Sendable {
    fileprivate let descriptor: Int32
    private let rest = Mutex<[UInt8]>([])
    private let isOpen = Mutex(true)

    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { finish() }

    package func finish() {
        isOpen.withLock { isOpen in
            if isOpen { close(descriptor) }
            isOpen = false
        }
    }

    /// Ends the connection in both directions, so that whoever waits in it goes on.
    package func cut() { isOpen.withLock { if $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    /// Ends the connection so that the peer sees a reset.
    package func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout.size(ofValue: linger)))
        finish()
    }

    package func write(_ text: String) throws { try write(Array(text.utf8)) }

    package func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw ScriptedServer.Failure(call: "send", errno: errno) }
            sent += count
        }
    }

    /// Reads some bytes; none at the end.
    package func read(upTo count: Int) throws -> [UInt8] {
        let kept = rest.withLock { rest -> [UInt8] in
            let first = Array(rest.prefix(count))
            rest.removeFirst(first.count)
            return first
        }
        if !kept.isEmpty { return kept }
        var failure: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let received = recv(descriptor, buffer.baseAddress, count, 0)
            if received < 0 { failure = errno }
            filled = max(0, received)
        }
        guard failure == 0 else { throw ScriptedServer.Failure(call: "recv", errno: failure) }
        return bytes
    }

    package func read(exactly count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try read(upTo: min(1 << 16, count - bytes.count))
            guard !more.isEmpty else { throw ScriptedServer.Failure(call: "end", errno: 0) }
            bytes += more
        }
        return bytes
    }

    /// Reads bytes and forgets them.
    package func skip(_ count: Int) throws {
        var left = count
        while left > 0 {
            let more = try read(upTo: min(1 << 18, left)).count
            guard more > 0 else { throw ScriptedServer.Failure(call: "end", errno: 0) }
            left -= more
        }
    }

    package func line() throws -> String {
        var bytes: [UInt8] = []
        while bytes.last != 0x0A {
            let kept = rest.withLock { rest -> [UInt8] in
                let end = rest.firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.count
                let first = Array(rest[..<end])
                rest.removeFirst(end)
                return first
            }
            bytes += kept
            if bytes.last == 0x0A { break }
            let more = try read(upTo: 1 << 16)
            guard !more.isEmpty else { throw ScriptedServer.Failure(call: "end", errno: 0) }
            rest.withLock { $0 = more }
        }
        while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads the head of a request: the method, the target, and the fields with their names in lower case.
    package func head() throws -> (method: String, target: String, fields: [String: String]) {
        let first = try line().split(separator: " ").map(String.init)
        guard first.count == 3 else { throw ScriptedServer.Failure(call: "request", errno: 0) }
        var fields: [String: String] = [:]
        while true {
            let line = try line()
            if line.isEmpty { return (first[0], first[1], fields) }
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...].drop { $0 == " " })
        }
    }

    /// Reads a body in chunks.
    package func chunks() throws -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        while true {
            let count = Int(try line(), radix: 16) ?? 0
            if count > 0 { chunks.append(try read(exactly: count)) }
            _ = try line()
            if count == 0 { return chunks }
        }
    }

    package func answer(_ status: Int = 200, _ fields: [String: String] = [:], _ body: String = "") throws {
        let lines = fields.map { "\($0): \($1)\r\n" }.joined()
        try write("HTTP/1.1 \(status) Words\r\nContent-Length: \(body.utf8.count)\r\n\(lines)\r\n\(body)")
    }
}

extension Connection {
    /// Lets time pass, as a slow server does.
    package func wait(milliseconds: Int32) { poll(nil, 0, milliseconds) }

    /// Whether bytes can be written within a while.
    package func canWrite(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
    }
}

/// Lets a server's thread wait for a test.
package final class DispatchGate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    package init() {}

    package func wait() { semaphore.wait() }

    package func open() { semaphore.signal() }
}

/// Sets a variable of this process's environment; only for processes that run one test.
package func setVariable(_ name: String, _ value: String) { setenv(name, value, 1) }
