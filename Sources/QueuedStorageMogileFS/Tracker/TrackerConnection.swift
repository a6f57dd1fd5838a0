import Glibc
import QueuedStorageCore
import Synchronization

/// Why a tracker couldn't be asked.
struct TrackerFailure: Error, CustomStringConvertible {
    /// What that means for the storage.
    var code: StorageError.Code
    /// What happened, as the end of a sentence that begins with the tracker.
    var description: String
    /// Whether the tracker may have done what it was asked for all the same.
    var mayBeDone = false
}

/// A connection to a tracker.
///
/// Its calls block, and are made one after another.
final class TrackerConnection: Sendable {
    private let socket: OpenFile
    private let state = Mutex(State())

    private struct State {
        var received: [UInt8] = []
        var version: TrackerVersion?
    }

    /// The longest answer, in bytes; a listing of 1,000 long keys stays far below.
    private static let maxLineByteCount = 16 << 20

    private init(_ socket: OpenFile) { self.socket = socket }

    /// Connects to the first of the host's addresses that answers.
    ///
    /// - Parameters:
    ///   - address: Where the tracker listens.
    ///   - timeout: The longest time for all addresses.
    ///   - interruption: Ends the waiting.
    /// - Returns: The connection.
    /// - Throws: ``TrackerFailure`` if no address answers.
    static func connect(
        to address: TrackerAddress,
        timeout: Duration,
        _ interruption: Interruption
    ) throws -> TrackerConnection {
        let deadline = Deadline(timeout)
        var failure = TrackerFailure(code: .offline, description: "has no address")
        for candidate in try resolve(address) {
            let descriptor = Glibc.socket(
                candidate.family,
                Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue),
                0
            )
            guard descriptor >= 0 else { throw failed(errno) }
            let socket = OpenFile(descriptor)
            try interruption.guarding(descriptor) {
                var error: Int32 = 0
                let isConnected = candidate.bytes.withUnsafeBytes { bytes in
                    bytes.bindMemory(to: sockaddr.self).baseAddress.map {
                        Glibc.connect(descriptor, $0, socklen_t(bytes.count)) == 0
                    } ?? false
                }
                if !isConnected {
                    error = errno
                    if error == EINPROGRESS {
                        guard wait(descriptor, POLLOUT, deadline) else {
                            error = ETIMEDOUT
                            failure = failed(error)
                            return
                        }
                        var size = socklen_t(MemoryLayout<Int32>.size)
                        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size)
                    }
                }
                if error != 0 { failure = failed(error) } else { failure.description = "" }
            }
            if failure.description.isEmpty {
                var on: Int32 = 1
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
                return TrackerConnection(socket)
            }
        }
        throw failure
    }

    private static func failed(_ error: Int32) -> TrackerFailure {
        TrackerFailure(code: .offline, description: "can't be reached: \(String(cString: strerror(error)))")
    }

    /// The addresses of a host.
    private static func resolve(_ address: TrackerAddress) throws -> [(family: Int32, bytes: [UInt8])] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(address.host, "\(address.port)", &hints, &list)
        guard code == 0 else {
            throw TrackerFailure(
                code: .offline,
                description: "can't be reached: \(String(cString: gai_strerror(code)))"
            )
        }
        defer { freeaddrinfo(list) }
        return sequence(first: list) { $0?.pointee.ai_next }.prefix { $0 != nil }.compactMap { entry in
            guard let entry, let start = entry.pointee.ai_addr else { return nil }
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(entry.pointee.ai_addrlen))
            return (entry.pointee.ai_family, Array(bytes))
        }
    }

    /// Whether the tracker has closed the connection, or said what nobody asked for.
    var isStale: Bool {
        var poll = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
        return Glibc.poll(&poll, 1, 0) != 0
    }

    /// Asks for something.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - timeout: The longest time until the answer is whole.
    ///   - interruption: Ends the waiting.
    /// - Returns: The answer.
    /// - Throws: ``TrackerFailure``; the connection is of no use then.
    func ask(_ request: TrackerRequest, timeout: Duration, _ interruption: Interruption) throws -> TrackerAnswer {
        let deadline = Deadline(timeout)
        return try interruption.guarding(socket.descriptor) {
            try send(request.line, deadline)
            guard let answer = TrackerAnswer(try line(deadline)) else {
                throw TrackerFailure(
                    code: .failed,
                    description: "doesn't answer as a tracker does; check its address",
                    mayBeDone: true
                )
            }
            return answer
        }
    }

    /// Asks which version the tracker is, once for each connection.
    func version(timeout: Duration, _ interruption: Interruption) throws -> TrackerVersion {
        if let known = state.withLock({ $0.version }) { return known }
        let deadline = Deadline(timeout)
        return try interruption.guarding(socket.descriptor) {
            do {
                try send(Array("!version\r\n".utf8), deadline)
                let version = TrackerVersion(try line(deadline))
                // A single dot ends answers of this kind.
                while try line(deadline) != [UInt8(ascii: ".")] {}
                state.withLock { $0.version = version }
                return version
            } catch var failure as TrackerFailure {
                failure.mayBeDone = false
                throw failure
            }
        }
    }

    private func send(_ bytes: [UInt8], _ deadline: Deadline) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(socket.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN || errno == EINTR {
                guard Self.wait(socket.descriptor, POLLOUT, deadline) else { throw Self.silent(mayBeDone: false) }
            } else {
                throw Self.lost(errno, mayBeDone: false)
            }
        }
    }

    private func line(_ deadline: Deadline) throws -> [UInt8] {
        var received = state.withLock { state in
            defer { state.received = [] }
            return state.received
        }
        var searched = 0
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if let end = received[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                let rest = Array(received[(end + 1)...])
                state.withLock { $0.received = rest }
                let line = received[..<end]
                return Array(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            }
            searched = received.count
            guard searched < Self.maxLineByteCount else {
                throw TrackerFailure(code: .failed, description: "answers without end", mayBeDone: true)
            }
            let count = recv(socket.descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received += buffer[..<count]
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                guard Self.wait(socket.descriptor, POLLIN, deadline) else { throw Self.silent(mayBeDone: true) }
            } else {
                throw Self.lost(count == 0 ? 0 : errno, mayBeDone: true)
            }
        }
    }

    private static func silent(mayBeDone: Bool) -> TrackerFailure {
        TrackerFailure(code: .timedOut, description: "was silent for too long, and was given up", mayBeDone: mayBeDone)
    }

    private static func lost(_ error: Int32, mayBeDone: Bool) -> TrackerFailure {
        let reason = error == 0 ? "" : ": \(String(cString: strerror(error)))"
        return TrackerFailure(code: .failed, description: "broke the connection off\(reason)", mayBeDone: mayBeDone)
    }

    /// Waits until a socket can be read or written; false if the time is over.
    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadline: Deadline) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let count = Glibc.poll(&poll, 1, deadline.remainingMilliseconds)
            if count > 0 { return true }
            if count == 0 || errno != EINTR { return false }
        }
    }
}

/// When waiting ends.
private struct Deadline {
    private let at: Int64

    init(_ timeout: Duration) { at = SystemTime().bootMilliseconds + timeout.milliseconds }

    var remainingMilliseconds: Int32 { Int32(clamping: max(0, at - SystemTime().bootMilliseconds)) }
}

/// The version of a tracker.
struct TrackerVersion: Sendable {
    /// Whether the tracker compares checksums at `create_close`.
    ///
    /// Source: MogileFS' change log: 2.60 brought checksums.
    let knowsChecksums: Bool

    /// Reads a version such as `2.73`.
    init(_ line: [UInt8]) {
        let numbers = String(decoding: line, as: UTF8.self).split(separator: ".").map { Int($0) ?? 0 }
        knowsChecksums = numbers.count > 1 && (numbers[0] > 2 || numbers[0] == 2 && numbers[1] >= 60)
    }
}

/// Ends a blocking wait for a socket when the task that wants it is cancelled.
final class Interruption: Sendable {
    private struct State {
        var isCancelled = false
        var descriptor: Int32?
    }
    private let state = Mutex(State())

    /// Wakes who waits, and all who would wait later.
    func cancel() {
        state.withLock { state in
            state.isCancelled = true
            // Under the lock, so that the number can't have become another socket's.
            if let descriptor = state.descriptor { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    /// Does something with a socket, unless and until it is cancelled.
    func guarding<Value>(_ descriptor: Int32, _ body: () throws -> Value) throws -> Value {
        try state.withLock { state in
            if state.isCancelled { throw CancellationError() }
            state.descriptor = descriptor
        }
        let result = Result { try body() }
        let isCancelled = state.withLock { state in
            state.descriptor = nil
            return state.isCancelled
        }
        if isCancelled, case .failure = result { throw CancellationError() }
        return try result.get()
    }
}
