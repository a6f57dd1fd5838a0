import Foundation
public import Glibc

/// A socket with a port of the loopback that nobody else gets while it lives.
public final class Listener: Sendable {
    /// Which port it is.
    public let port: Int
    private let descriptor: Int32

    /// Takes a port.
    ///
    /// - Parameters:
    ///   - port: Which one it has to be; nil for any.
    ///   - host: The last number of the loopback address that has it, as in 127.0.0.1.
    ///   - queue: How many connections may wait to be accepted; without one, each is refused.
    /// - Throws: `POSIXError` if no port is to be had.
    public init(_ port: Int? = nil, host: UInt32 = 1, queue: Int32? = 1024) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var one: Int32 = 1
        // Connections of an earlier listener on that port may not be forgotten yet.
        if port != nil { setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size)) }
        var address = Self.address(port ?? 0)
        address.sin_addr.s_addr = (UInt32(INADDR_LOOPBACK) - 1 + host).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && queue.map { listen(descriptor, $0) == 0 } != false
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw POSIXError(.EADDRNOTAVAIL)
        }
        self.descriptor = descriptor
        self.port = Int(UInt16(bigEndian: address.sin_port))
    }

    deinit { close(descriptor) }

    /// Accepts connections on a thread of its own, until ``stop()`` or until one isn't wanted.
    ///
    /// The thread keeps the socket: were it closed while it is accepted from, its number could be another's by then.
    ///
    /// - Parameter accepted: Takes a connection over, or returns false to have it closed and no further one.
    public func serve(_ accepted: @escaping @Sendable (Int32) -> Bool) {
        Thread.detachNewThread { [self] in
            while case let client = accept(descriptor, nil, nil), client >= 0 {
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                guard accepted(client) else {
                    close(client)
                    break
                }
            }
        }
    }

    /// Refuses all further connections.
    public func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    /// Connects to a port of the loopback.
    ///
    /// - Returns: The socket; nil if nobody listens there.
    public static func connection(to port: Int) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.address(port)
        let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if isConnected { return descriptor }
        close(descriptor)
        return nil
    }

    /// The address of a port of the loopback.
    public static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        return address
    }
}

/// A server that takes up no connection: its queue is full.
package final class FullServer: Sendable {
    package var url: String { "http://127.0.0.1:\(listener.port)/" }
    private let listener: Listener
    private let clients: [Int32]

    package init() throws {
        let listener = try Listener(queue: 0)
        self.listener = listener
        clients = (0..<4).map { _ in
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            var address = Listener.address(listener.port)
            withUnsafeMutablePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            return client
        }
    }

    deinit { for client in clients { close(client) } }
}
