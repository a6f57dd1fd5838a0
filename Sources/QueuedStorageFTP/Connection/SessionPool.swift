import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// One connection to a server, logged in; a thread of its own waits for its answers.
///
/// libcurl waits for the answer at the end of an upload without doing anything else meanwhile: sessions of one transport
/// would wait for each other.
final class Session: Sendable {
    let transport: Transport
    private let uses = Atomic(0)

    init(_ options: TransportOptions) { transport = Transport(options: options) }

    /// Whether it may have a connection that the server has closed meanwhile.
    var wasUsed: Bool { uses.load(ordering: .relaxed) > 0 }

    func noteUse() { uses.wrappingAdd(1, ordering: .relaxed) }
}

/// The sessions of one storage, of which there are never more than some.
final class SessionPool: Sendable {
    private typealias Waiter = CheckedContinuation<Session, any Error>

    private struct State {
        var idle: [Session] = []
        var count = 0
        var waiters: [(id: Int, waiter: Waiter)] = []
        var nextID = 0
        /// How many sessions stand still until somebody here reads on, or hands over more.
        var waitingForUs = 0
        /// Counts what happened to sessions.
        var changes = 0
    }

    private let limit: Int
    private let options: TransportOptions
    /// How long all sessions may stand still while somebody waits.
    private let patience: Duration
    private let state = Mutex(State())

    init(limit: Int, options: TransportOptions, patience: Duration) {
        self.limit = max(1, limit)
        self.options = options
        self.patience = patience
    }

    /// Takes a session; waits while all are in use.
    func take() async throws -> Session {
        if let session = takeNow() { return session }
        return try await withThrowingTaskGroup(of: Session?.self) { group in
            group.addTask { try await self.wait() }
            group.addTask {
                // Readers that nobody reads hold their sessions; who waits for them would wait for ever. What the
                // server is busy with comes to its end, or is given up there.
                while true {
                    let changes = self.state.withLock { $0.changes }
                    try await Task.sleep(for: self.patience)
                    let isStill = self.state.withLock { $0.changes == changes && $0.waitingForUs >= $0.count }
                    if isStill { return nil }
                }
            }
            let first = await group.nextResult()
            if case .success(let session?) = first {
                group.cancelAll()
                return session
            }
            group.cancelAll()
            // The wait may have been over at the same moment.
            while let next = await group.nextResult() {
                if case .success(let late?) = next { return late }
            }
            if case .failure(let error) = first { throw error }
            throw StorageError(
                .throttled,
                """
                All \(limit) connections have files open that nobody read in \(patience.milliseconds / 1000) s; \
                read opened files to their ends, or raise the option "connections"
                """,
                cause: ServerFailure()
            )
        }
    }

    private func takeNow() -> Session? {
        state.withLock { state in
            if let session = state.idle.popLast() { return session }
            guard state.count < limit else { return nil }
            state.count += 1
            return Session(options)
        }
    }

    private func wait() async throws -> Session {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let session = state.withLock { state -> Result<Session, any Error>? in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if let session = state.idle.popLast() { return .success(session) }
                    if state.count < limit {
                        state.count += 1
                        return .success(Session(options))
                    }
                    state.waiters.append((id, waiter))
                    return nil
                }
                if let session { waiter.resume(with: session) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> Waiter? in
                guard let index = state.waiters.firstIndex(where: { $0.id == id }) else { return nil }
                return state.waiters.remove(at: index).waiter
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    /// Notes that a session stands still from now on until somebody here goes on.
    func beginWaitingForUs() {
        state.withLock {
            $0.waitingForUs += 1
            $0.changes += 1
        }
    }

    /// Notes that somebody went on.
    func endWaitingForUs() {
        state.withLock {
            $0.waitingForUs -= 1
            $0.changes += 1
        }
    }

    /// Gives a session back.
    ///
    /// - Parameters:
    ///   - session: The session.
    ///   - isFit: Whether its connection is in a known state; else it is closed.
    func giveBack(_ session: Session, isFit: Bool) {
        let session = isFit ? session : Session(options)
        let waiter = state.withLock { state -> Waiter? in
            state.changes += 1
            if !state.waiters.isEmpty { return state.waiters.removeFirst().waiter }
            if isFit {
                state.idle.append(session)
            } else {
                state.count -= 1
            }
            return nil
        }
        waiter?.resume(returning: session)
    }
}
