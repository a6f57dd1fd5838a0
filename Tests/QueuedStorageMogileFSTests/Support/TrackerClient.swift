import Glibc
import TestSupport

/// Says lines to a tracker, without a storage in between.
final class TrackerClient {
    private let descriptor: Int32
    private var rest: [UInt8] = []

    init(port: Int) throws {
        guard let descriptor = Listener.connection(to: port) else { throw Unexpected() }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Sends text as it is.
    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw Unexpected()
        }
    }

    /// The next line, its CR included.
    func line() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                defer { rest.removeFirst(end + 1) }
                return String(decoding: rest[..<end], as: UTF8.self)
            }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw Unexpected() }
            rest += buffer[..<count]
        }
    }

    /// Asks, and returns the answer without its end.
    func ask(_ request: String) throws -> String {
        try send(request + "\r\n")
        return String(try line().dropLast())
    }
}
