internal import CLinux
internal import Foundation
internal import Glibc
internal import QueuedStorageCore
import Synchronization

/// One `ssh` with an SFTP server at its other end; many requests share it.
///
/// Whoever sends writes to the socket himself as long as that doesn't block. A thread of the connection's own, the only one
/// that waits, receives the answers, sends what the socket didn't take at once, and keeps what `ssh` has to say.
final class Connection: Sendable {
    /// What a connection is made with.
    struct Settings: Sendable {
        var command: SSHCommand
        var password: Secret?
        /// What is connected to, as errors name it.
        var place: String
        /// How long to stand still while an answer is awaited.
        var timeout: Duration
        /// How long to stay without being used.
        var idleTimeout: Duration
    }

    /// How many bytes of files may be on their way to the server at once: more than fits OpenSSH's window of 2 MiB.
    static let sendBudget = 4 << 20

    private struct Waiting {
        var reply: @Sendable (Result<Response, any Error>) -> Void
        var isSlow: Bool
    }

    private struct State {
        enum Phase {
            case starting([CheckedContinuation<Void, any Error>])
            case ready
            case dead(any Error)
        }

        var phase = Phase.starting([])
        var socket: OpenFile?
        var processID: pid_t?
        var outbox = Outbox()
        var nextID: UInt32 = 0
        var waiting: [UInt32: Waiting] = [:]
        var slowCount = 0
        var users = 0
        var isEnding = false
        /// When an answer was last heard, the first request sent, or the last user gone.
        var movedAt = ContinuousClock.now
        var features = ServerFeatures()
    }

    private let settings: Settings
    private let state = Mutex(State())
    /// Wakes the thread.
    private let wake = OpenFile(clinux_eventfd(0, clinux_EFD_CLOEXEC | clinux_EFD_NONBLOCK))
    let budget = ByteBudget(sendBudget)

    /// Begins to connect.
    init(_ settings: Settings) {
        self.settings = settings
        let thread = Thread { self.run() }
        thread.name = "qstore-sftp"
        thread.start()
    }

    // MARK: For those who use it

    /// What the server can do.
    var features: ServerFeatures { state.withLock { $0.features } }

    var timeout: Duration { settings.timeout }
    var place: String { settings.place }

    var isReady: Bool { state.withLock { if case .ready = $0.phase { !$0.isEnding } else { false } } }

    var isDead: Bool { state.withLock { if case .dead = $0.phase { true } else { $0.isEnding } } }

    /// How many use the connection at the moment.
    var users: Int { state.withLock { $0.users } }

    /// The process of `ssh`, while there is one.
    var processID: pid_t? { state.withLock { $0.processID } }

    /// Counts one more who uses the connection.
    ///
    /// - Returns: False if the connection is about to end.
    func retain() -> Bool {
        state.withLock { state in
            if case .dead = state.phase { return false }
            guard !state.isEnding else { return false }
            state.users += 1
            return true
        }
    }

    /// Counts one less.
    func release() {
        let wasLast = state.withLock { state in
            state.users -= 1
            if state.users == 0 { state.movedAt = .now }
            return state.users == 0 && state.isEnding
        }
        if wasLast { wakeThread() }
    }

    /// Waits until the connection stands.
    ///
    /// - Throws: `StorageError` that says why it doesn't.
    func started() async throws {
        try await withCheckedThrowingContinuation { continuation in
            let result = state.withLock { state -> Result<Void, any Error>? in
                switch state.phase {
                case .starting(let waiters):
                    state.phase = .starting(waiters + [continuation])
                    return nil
                case .ready: return .success(())
                case .dead(let error): return .failure(error)
                }
            }
            if let result { continuation.resume(with: result) }
        }
    }

    /// Sends a request; what comes of it is handed over on the connection's thread.
    func send(_ request: Request, _ reply: @escaping @Sendable (Result<Response, any Error>) -> Void) {
        let outcome = state.withLock { state -> (wakes: Bool, failure: (any Error)?) in
            if case .dead(let error) = state.phase { return (false, error) }
            var request = request
            let id = state.nextID
            state.nextID &+= 1
            request.finish(id: id)
            if state.waiting.isEmpty { state.movedAt = .now }
            state.waiting[id] = Waiting(reply: reply, isSlow: request.isSlow)
            if request.isSlow { state.slowCount += 1 }
            let wasEmpty = state.outbox.isEmpty
            state.outbox.append(request.head[...])
            state.outbox.append(request.payload)
            guard wasEmpty, let socket = state.socket else { return (false, nil) }
            // That it is dead shows the thread, which reads from it.
            _ = state.outbox.flush(to: socket.descriptor)
            return (!state.outbox.isEmpty, nil)
        }
        if let failure = outcome.failure { reply(.failure(failure)) }
        if outcome.wakes { wakeThread() }
    }

    /// Sends a request.
    func send(_ request: Request) -> Reply {
        let reply = Reply()
        send(request) { reply.fulfil($0) }
        return reply
    }

    /// Ends the connection once nobody waits for an answer, and its process with it.
    func end() {
        state.withLock { $0.isEnding = true }
        wakeThread()
    }

    private func wakeThread() {
        var one: UInt64 = 1
        _ = Glibc.write(wake.descriptor, &one, 8)
    }
}

// MARK: - The thread

extension Connection {
    private func run() {
        do {
            let password = settings.password?.value
            let folder = try SSHFolder(settings: settings.command.settings(), password: password)
            let process = try SSHProcess(settings.command, folder: folder)
            state.withLock { $0.processID = process.id }
            var thread = ConnectionThread(connection: self, process: process, folder: folder)
            thread.run()
        } catch {
            die(error)
        }
    }

    fileprivate func attach(_ socket: OpenFile) {
        state.withLock { state in
            state.socket = socket
            state.outbox.append(Request.initialize[...])
            _ = state.outbox.flush(to: socket.descriptor)
        }
    }

    fileprivate func open(_ features: ServerFeatures) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, any Error>] in
            guard case .starting(let waiters) = state.phase else { return [] }
            state.features = features
            state.phase = .ready
            state.movedAt = .now
            return waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Fails everybody who waits, and who comes later.
    fileprivate func die(_ error: any Error) {
        let (starters, waiting) = state.withLock { state in
            var starters: [CheckedContinuation<Void, any Error>] = []
            if case .starting(let waiters) = state.phase { starters = waiters }
            state.phase = .dead(error)
            state.socket = nil
            state.processID = nil
            state.outbox = Outbox()
            defer { state.waiting = [:] }
            return (starters, state.waiting.sorted { $0.key < $1.key }.map(\.value))
        }
        budget.fail(error)
        for starter in starters { starter.resume(throwing: error) }
        for waiting in waiting { waiting.reply(.failure(error)) }
    }

    fileprivate func take(_ packet: Inbox.Packet) throws(MalformedPacket) {
        var reader = PacketReader(packet.body)
        let id = try reader.uint32()
        let response: Response
        if let data = packet.data {
            response = .data(data)
        } else {
            response = try Response(type: packet.type, body: packet.body.dropFirst(4))
        }
        let waiting = state.withLock { state in
            let waiting = state.waiting.removeValue(forKey: id)
            if waiting?.isSlow == true { state.slowCount -= 1 }
            return waiting
        }
        guard let waiting else { throw MalformedPacket() }
        waiting.reply(.success(response))
    }

    fileprivate enum Standing { case fine, stuck, idle, ending }

    fileprivate func standing() -> Standing {
        state.withLock { state in
            if state.isEnding, state.waiting.isEmpty, state.users == 0 { return .ending }
            let still = ContinuousClock.now - state.movedAt
            if !state.waiting.isEmpty {
                return still > settings.timeout * (state.slowCount > 0 ? 10 : 1) ? .stuck : .fine
            }
            guard state.users == 0, still > settings.idleTimeout, case .ready = state.phase else { return .fine }
            state.isEnding = true
            return .idle
        }
    }

    fileprivate func flush() -> Bool {
        state.withLock { state in
            guard let socket = state.socket else { return false }
            return state.outbox.flush(to: socket.descriptor)
        }
    }

    fileprivate var hasUnsent: Bool { state.withLock { !$0.outbox.isEmpty } }

    fileprivate func noteMove() { state.withLock { $0.movedAt = .now } }

    fileprivate var isStarting: Bool { state.withLock { if case .starting = $0.phase { true } else { false } } }

    fileprivate var startTimeout: Duration {
        .seconds(settings.command.configuration.connectTimeout ?? 20) + settings.timeout
    }

    /// What ended a connection that stood, or that never came to stand.
    fileprivate func failure(_ lines: [String], wasStarting: Bool) -> StorageError {
        let failure = SSHFailure(
            place: settings.place,
            lines: lines,
            hasPassword: settings.password != nil,
            knownHosts: settings.command.configuration.knownHosts
        )
        if wasStarting { return failure.error }
        if let said = failure.said, said.contains("Timeout, server") || said.contains("timed out") {
            return StorageError(.timedOut, "\(settings.place) doesn't answer any more: \(said).")
        }
        let reason = failure.said.map { ": \($0)" } ?? ""
        return StorageError(.failed, "The connection to \(settings.place) was lost\(reason).")
    }

    fileprivate func stuck(wasStarting: Bool) -> StorageError {
        if wasStarting {
            return StorageError(
                .offline,
                "\(settings.place) didn't begin with SFTP within \(startTimeout.milliseconds / 1000) seconds."
            )
        }
        return StorageError(
            .timedOut,
            "\(settings.place) gave no answer for \(settings.timeout.milliseconds / 1000) seconds."
        )
    }
}

/// What the thread of a connection has for itself.
private struct ConnectionThread {
    let connection: Connection
    let process: SSHProcess
    /// Until the connection stands.
    var folder: SSHFolder?
    var inbox = Inbox()
    var errors = ErrorLines()
    let startedAt = ContinuousClock.now
    var features: ServerFeatures?
    var askedLimitsAt = ContinuousClock.now

    init(connection: Connection, process: SSHProcess, folder: SSHFolder) {
        self.connection = connection
        self.process = process
        self.folder = folder
    }

    /// Why the loop ended.
    private enum End {
        case closed
        case failed(any Error)
    }

    mutating func run() {
        connection.attach(process.socket)
        let end = loop()
        let wasStarting = connection.isStarting
        switch end {
        case .failed(let error):
            connection.die(error)
            finish(killing: true)
        case .closed:
            // What it says comes with its end.
            finish(killing: false)
            connection.die(connection.failure(errors.lines, wasStarting: wasStarting))
        }
    }

    private mutating func loop() -> End {
        while true {
            var descriptors = [
                pollfd(
                    fd: process.socket.descriptor,
                    events: Int16(connection.hasUnsent ? POLLIN | POLLOUT : POLLIN),
                    revents: 0
                ),
                pollfd(fd: errors.isClosed ? -1 : process.errors.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: connection.wakeDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&descriptors, 3, tick)
            if descriptors[2].revents != 0 {
                var count: UInt64 = 0
                _ = read(connection.wakeDescriptor, &count, 8)
            }
            if descriptors[1].revents != 0 { errors.receive(from: process.errors.descriptor) }
            if descriptors[0].revents & Int16(POLLOUT) != 0 { _ = connection.flush() }
            if descriptors[0].revents & ~Int16(POLLOUT) != 0 {
                do {
                    if try !receive() { return .closed }
                } catch {
                    return .failed(complaint(error))
                }
            }
            if let end = check() { return end }
        }
    }

    /// How long to wait for events, in milliseconds, before looking at the time.
    private var tick: Int32 { Int32(clamping: min(5000, max(20, connection.timeout.milliseconds / 8))) }

    private mutating func receive() throws(MalformedPacket) -> Bool {
        while true {
            switch inbox.receive(from: process.socket.descriptor) {
            case .nothing: return true
            case .end: return false
            case .some: connection.noteMove()
            }
            while let packet = try inbox.next() { try take(packet) }
        }
    }

    private mutating func take(_ packet: Inbox.Packet) throws(MalformedPacket) {
        if features != nil, !connection.isStarting { return try connection.take(packet) }
        if let known = features {
            // The answer to the one question that was asked: the limits.
            var features = known
            let waited = ContinuousClock.now - askedLimitsAt
            features.roundTripMilliseconds = Int(waited.milliseconds)
            if packet.type == PacketType.extendedReply { try features.takeLimits(packet.body.dropFirst(4)) }
            return stand(features)
        }
        guard packet.type == PacketType.version else { throw MalformedPacket() }
        let features = try ServerFeatures(versionPacket: packet.body)
        self.features = features
        guard features.tellsLimits else { return stand(features) }
        askedLimitsAt = .now
        connection.askLimits()
    }

    private mutating func stand(_ features: ServerFeatures) {
        self.features = features
        folder = nil
        connection.open(features)
    }

    private mutating func check() -> End? {
        let isStarting = connection.isStarting
        if isStarting, ContinuousClock.now - startedAt > connection.startTimeout {
            return .failed(connection.stuck(wasStarting: true))
        }
        switch connection.standing() {
        case .fine: return nil
        case .stuck: return isStarting ? nil : .failed(connection.stuck(wasStarting: false))
        case .idle, .ending:
            // It ends by itself when its input does.
            shutdown(process.socket.descriptor, Int32(SHUT_RDWR))
            return .closed
        }
    }

    private func complaint(_ error: MalformedPacket) -> StorageError {
        StorageError(
            connection.isStarting ? .invalidConfiguration : .failed,
            "\(connection.place) doesn't speak SFTP as it should: \(error)."
        )
    }

    /// Waits for the end of `ssh`: a moment, then it is killed.
    private mutating func finish(killing: Bool) {
        folder = nil
        let deadline = ContinuousClock.now + .seconds(1)
        while !killing, !errors.isClosed, ContinuousClock.now < deadline {
            var descriptor = pollfd(fd: process.errors.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&descriptor, 1, 100)
            if descriptor.revents != 0 { errors.receive(from: process.errors.descriptor) }
        }
        _ = process.reap(killing: killing || !errors.isClosed)
    }
}

extension Connection {
    fileprivate var wakeDescriptor: Int32 { wake.descriptor }

    /// Asks for the server's limits; the answer is the only one on its way.
    fileprivate func askLimits() {
        var request = Request(extension: "limits@openssh.com")
        request.finish(id: 0)
        state.withLock { state in
            state.nextID = 1
            guard let socket = state.socket else { return }
            state.outbox.append(request.head[...])
            _ = state.outbox.flush(to: socket.descriptor)
        }
    }
}
