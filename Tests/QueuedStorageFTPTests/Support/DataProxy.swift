import Foundation
import Glibc
import Synchronization
import TestSupport

/// A proxy to an FTP server that sends the content through proxies of its own, which can be cut.
///
/// It reads the answers to EPSV in clear text, and puts the port of a ``FaultyProxy`` in place of the server's.
final class DataProxy: Sendable {
    private struct State {
        var lines: [FaultyProxy] = []
        var cutAfter: Int64?
    }

    var port: Int { listener.port }
    private let target: Int
    private let listener: Listener
    private let state = Mutex(State())

    init(to target: Int) throws {
        self.target = target
        let listener = try Listener()
        self.listener = listener
        listener.serve { [weak self] client in
            guard let self else { return false }
            serve(client)
            return true
        }
    }

    deinit { listener.stop() }

    /// Cuts each connection for content that is made from now on after so many bytes from the client; nil for none.
    func cutContent(after count: Int64?) { state.withLock { $0.cutAfter = count } }

    /// How many bytes of content clients sent so far.
    var sentByteCount: Int64 { state.withLock { $0.lines.reduce(0) { $0 + $1.sentByteCount } } }

    private func serve(_ client: Int32) {
        guard let server = Listener.connection(to: target) else {
            close(client)
            return
        }
        Thread.detachNewThread {
            Self.pump(from: client, to: server) { $0 }
            shutdown(server, Int32(SHUT_WR))
        }
        Thread.detachNewThread { [self] in
            Self.pump(from: server, to: client) { withProxy($0) }
            shutdown(client, Int32(SHUT_RDWR))
            close(client)
            close(server)
        }
    }

    private static func pump(from source: Int32, to destination: Int32, _ change: ([UInt8]) -> [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while case let count = read(source, &buffer, buffer.count), count > 0 {
            let bytes = change(Array(buffer[..<count]))
            guard send(destination, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
        }
    }

    /// Puts a proxy's port into an answer such as `229 Entering Extended Passive Mode (|||2121|)`.
    private func withProxy(_ bytes: [UInt8]) -> [UInt8] {
        let text = String(decoding: bytes, as: UTF8.self)
        guard text.hasPrefix("229 "), let start = text.range(of: "(|||"), let end = text.range(of: "|)"),
            let port = Int(text[start.upperBound..<end.lowerBound]), let line = try? FaultyProxy(to: port)
        else { return bytes }
        state.withLock { state in
            if let count = state.cutAfter {
                line.cut(afterSending: count)
                // So that the server has most of that by then, and the kernel little.
                line.throttle(bytesPerSecond: 10_000_000)
            }
            state.lines.append(line)
        }
        return Array(text.replacingCharacters(in: start.upperBound..<end.lowerBound, with: "\(line.port)").utf8)
    }
}
