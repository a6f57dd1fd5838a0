import Foundation
import Glibc
import Synchronization

/// A TCP proxy to a server on this machine that cuts, stalls, delays and counts what passes.
///
/// Faults count bytes from the client to the server, over all connections.
public final class FaultyProxy: Sendable {
    private struct State {
        var sent: Int64 = 0
        var received: Int64 = 0
        var connections = 0
        var cutAt: Int64?
        var receiveCutAt: Int64?
        var stallAt: Int64?
        /// Who waits for the stall.
        var waiters: [CheckedContinuation<Void, Never>] = []
        var refuses = false
        var delay: Double = 0
        var bytesPerSecond: Double?
        var open: Set<Int32> = []

        var isStalled: Bool { stallAt.map { sent >= $0 } ?? false }
    }

    /// Where it listens: the address.
    public let host: String
    /// Where it listens: the first of its ports.
    public var port: Int { listeners[0].port }
    private let listeners: [Listener]
    private let state = Mutex(State())

    /// Starts a proxy.
    ///
    /// - Parameter target: The port of the server.
    /// - Throws: `POSIXError` if no port is to be had.
    public convenience init(to target: Int) throws {
        try self.init("127.0.0.1", [(Listener(), target)])
    }

    /// Starts a proxy to several ports, each of which it has itself, at another address of this machine.
    ///
    /// That is for a protocol that names ports to connect to at the same host, and may do so where nobody can read it.
    ///
    /// - Parameter targets: The ports of the server at 127.0.0.1.
    /// - Throws: `POSIXError` if none of the addresses from 127.0.0.2 to 127.0.0.9 has all of them free.
    public convenience init(toAll targets: [Int]) throws {
        for host in UInt32(2)...9 {
            guard let listeners = try? targets.map({ (try Listener($0, host: host), $0) }) else { continue }
            try self.init("127.0.0.\(host)", listeners)
            return
        }
        throw POSIXError(.EADDRINUSE)
    }

    private init(_ host: String, _ lines: [(Listener, target: Int)]) throws {
        self.host = host
        listeners = lines.map(\.0)
        for (listener, target) in lines {
            listener.serve { [weak self] client in
                guard let self else { return false }
                serve(client, target)
                return true
            }
        }
    }

    deinit { for listener in listeners { listener.stop() } }

    // MARK: What tests say and ask

    /// How many bytes clients sent so far.
    public var sentByteCount: Int64 { state.withLock { $0.sent } }
    /// How many bytes the server answered so far.
    public var receivedByteCount: Int64 { state.withLock { $0.received } }
    /// How many connections were accepted so far.
    public var connectionCount: Int { state.withLock { $0.connections } }

    /// Cuts all connections once clients have sent so many more bytes; once.
    public func cut(afterSending count: Int64) { state.withLock { $0.cutAt = $0.sent + count } }
    /// Cuts all connections once the server has answered so many more bytes; once.
    public func cut(afterReceiving count: Int64) { state.withLock { $0.receiveCutAt = $0.received + count } }
    /// Lets nothing more pass once clients have sent so many more bytes, until ``heal()``.
    public func stall(afterSending count: Int64) { state.withLock { $0.stallAt = $0.sent + count } }
    /// Waits until nothing passes any more, after ``stall(afterSending:)``; or until the test is cancelled.
    public func stalled() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    if state.isStalled || Task.isCancelled { return true }
                    state.waiters.append(waiter)
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            wakeWaiters()
        }
    }
    /// Cuts all connections now.
    public func cutNow() {
        state.withLock { state in
            for descriptor in state.open { Self.end(descriptor) }
        }
    }
    /// Closes each new connection at once, or no longer.
    public func refuse(_ refuses: Bool = true) { state.withLock { $0.refuses = refuses } }
    /// Brings everything later by so many seconds, each way; what passes isn't less.
    public func delay(by seconds: Double) { state.withLock { $0.delay = seconds } }
    /// Lets no more than so many bytes pass in a second, each way.
    public func throttle(bytesPerSecond: Double?) { state.withLock { $0.bytesPerSecond = bytesPerSecond } }
    /// Ends all faults.
    public func heal() {
        state.withLock {
            ($0.cutAt, $0.receiveCutAt, $0.stallAt, $0.refuses, $0.delay, $0.bytesPerSecond) = (
                nil, nil, nil, false, 0, nil
            )
        }
    }

    // MARK: Connections

    private func serve(_ client: Int32, _ target: Int) {
        let refuses = state.withLock { state in
            state.connections += 1
            return state.refuses
        }
        guard !refuses, let server = Listener.connection(to: target) else {
            close(client)
            return
        }
        var one: Int32 = 1
        for descriptor in [client, server] {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        }
        state.withLock { $0.open.formUnion([client, server]) }
        let ends = Mutex(2)
        let end: @Sendable () -> Void = { [self] in
            let isLast = ends.withLock { count in
                count -= 1
                return count == 0
            }
            guard isLast else { return }
            state.withLock { $0.open.subtract([client, server]) }
            close(client)
            close(server)
        }
        let shared = EndBox(end)
        pump(from: client, to: server, isSending: true, shared)
        pump(from: server, to: client, isSending: false, shared)
    }

    private final class EndBox: Sendable {
        let end: @Sendable () -> Void
        init(_ end: @escaping @Sendable () -> Void) { self.end = end }
    }

    /// Buffers on their way, with the times at which they are due.
    private final class Line: Sendable {
        let queue = Mutex<[(bytes: [UInt8], due: Double)]>([])
        let filled = DispatchSemaphore(value: 0)
        let room = DispatchSemaphore(value: 0)

        init() {
            // One that is below what it was made with must not be let go.
            for _ in 0..<256 { room.signal() }
        }
    }

    private func pump(from source: Int32, to destination: Int32, isSending: Bool, _ box: EndBox) {
        let line = Line()
        Thread.detachNewThread { [self] in
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while case let count = read(source, &buffer, buffer.count), count > 0 {
                line.room.wait()
                let due = Self.now + state.withLock { $0.delay }
                line.queue.withLock { $0.append((Array(buffer[..<count]), due)) }
                line.filled.signal()
            }
            line.queue.withLock { $0.append(([], 0)) }
            line.filled.signal()
        }
        Thread.detachNewThread { [self] in
            while true {
                line.filled.wait()
                let (bytes, due) = line.queue.withLock { $0.removeFirst() }
                line.room.signal()
                if bytes.isEmpty { break }
                Self.sleep(until: due)
                guard pass(bytes, to: destination, isSending: isSending) else {
                    Self.end(source)
                    Self.end(destination)
                    break
                }
            }
            shutdown(destination, Int32(SHUT_WR))
            box.end()
        }
    }

    /// Hands bytes on; false if the connection is to be cut.
    private func pass(_ bytes: [UInt8], to destination: Int32, isSending: Bool) -> Bool {
        let (allowed, cuts, rate) = state.withLock { state in
            let before = isSending ? state.sent : state.received
            let cutAt = isSending ? state.cutAt : state.receiveCutAt
            let room = cutAt.map { max(0, $0 - before) } ?? Int64(bytes.count)
            let allowed = min(Int64(bytes.count), room)
            let cuts = allowed < Int64(bytes.count)
            if isSending { state.sent += allowed } else { state.received += allowed }
            if cuts { if isSending { state.cutAt = nil } else { state.receiveCutAt = nil } }
            return (Int(allowed), cuts, state.bytesPerSecond)
        }
        while holdsBack() { usleep(5000) }
        if let rate { Self.sleep(until: Self.now + Double(allowed) / rate) }
        var written = 0
        while written < allowed {
            let count = bytes[written..<allowed].withUnsafeBytes {
                send(destination, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            written += count
        }
        return !cuts
    }

    /// Whether nothing is to pass; tells those who wait for that.
    private func holdsBack() -> Bool {
        guard state.withLock({ $0.isStalled }) else { return false }
        wakeWaiters()
        return true
    }

    private func wakeWaiters() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    private static var now: Double { ProcessInfo.processInfo.systemUptime }

    private static func sleep(until due: Double) {
        let rest = due - now
        if rest > 0 { usleep(UInt32(rest * 1_000_000)) }
    }

    /// Ends a connection, which to either side may look as if the other one had ended it.
    private static func end(_ descriptor: Int32) {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}
