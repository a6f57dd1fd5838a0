import Glibc
import TestSupport

/// Says lines to a tracker, without a storage in between.
final class TrackerClient {
    private let descriptor: Int32
    private var rest: [UInt8] = []

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected else { throw Unexpected() }
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
