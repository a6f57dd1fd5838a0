import QueuedStorageCore
import Synchronization

/// The trackers of one MogileFS: asks one of them, another if that fails, and keeps connections for the next question.
///
/// A tracker that failed is asked last for a while.
final class Trackers: Sendable {
    private let addresses: [TrackerAddress]
    private let connectTimeout: Duration
    private let timeout: Duration
    private let pause: Duration
    private let permits: Permits
    private let state: Mutex<State>
    private let time: any TimeSource

    private struct State {
        /// Connections that wait, the last used ones last, by the tracker's index.
        var idle: [[TrackerConnection]]
        /// Until when a tracker is asked last, in milliseconds since the machine started.
        var failedUntil: [Int64]
        /// The tracker that answered last.
        var preferred: Int
    }

    /// How many connections wait for each tracker at most.
    private static let maxIdleCount = 8

    init(
        _ addresses: [TrackerAddress],
        connectTimeout: Duration,
        timeout: Duration,
        pause: Duration,
        connections: Int,
        time: any TimeSource = .system
    ) {
        self.addresses = addresses
        self.connectTimeout = connectTimeout
        self.timeout = timeout
        self.pause = pause
        self.time = time
        permits = Permits(connections)
        state = Mutex(
            State(
                idle: Array(repeating: [], count: addresses.count),
                failedUntil: Array(repeating: 0, count: addresses.count),
                // Clients that start together don't all ask the first one.
                preferred: Int.random(in: 0..<addresses.count)
            )
        )
    }

    /// Asks one tracker after the other until one answers.
    ///
    /// - Parameters:
    ///   - isRepeatable: Whether it may be asked for twice, if the answer to the first time got lost.
    ///   - extraTime: How much longer than usual the answer may take.
    ///   - needsVersion: Whether the request depends on the tracker's version, which is found out then.
    ///   - request: What is asked.
    /// - Returns: The answer's fields, and the version if it was needed.
    /// - Throws: ``TrackerRefusal``; ``LostAnswer`` if it may have been done; `StorageError` if no tracker answers.
    @discardableResult
    func ask(
        isRepeatable: Bool = true,
        extraTime: Duration = .zero,
        needsVersion: Bool = false,
        _ request: @escaping @Sendable (TrackerVersion?) -> TrackerRequest
    ) async throws -> (fields: [String: String], version: TrackerVersion?) {
        try await permits.take()
        defer { permits.giveBack() }
        var failures: [(TrackerAddress, TrackerFailure)] = []
        for index in order() {
            do {
                let (answer, version) = try await ask(index, extraTime, needsVersion, request)
                state.withLock { state in
                    state.preferred = index
                    state.failedUntil[index] = 0
                }
                switch answer {
                case .ok(let fields): return (fields, version)
                case .refusal(let refusal): throw refusal
                }
            } catch let failure as TrackerFailure {
                state.withLock { state in
                    state.idle[index] = []
                    state.failedUntil[index] = time.bootMilliseconds + pause.milliseconds
                }
                failures.append((addresses[index], failure))
                if failure.mayBeDone, !isRepeatable { throw LostAnswer(error: Self.error(failures)) }
            }
        }
        throw Self.error(failures)
    }

    /// The trackers, those that failed not long ago last.
    private func order() -> [Int] {
        let now = time.bootMilliseconds
        return state.withLock { state in
            let all = addresses.indices.map { ($0 + state.preferred) % addresses.count }
            return all.filter { state.failedUntil[$0] <= now } + all.filter { state.failedUntil[$0] > now }
        }
    }

    private func ask(
        _ index: Int,
        _ extraTime: Duration,
        _ needsVersion: Bool,
        _ request: @escaping @Sendable (TrackerVersion?) -> TrackerRequest
    ) async throws -> (TrackerAnswer, TrackerVersion?) {
        try Task.checkCancellation()
        let interruption = Interruption()
        return try await withTaskCancellationHandler {
            try await blocking { [self] in
                let connection = try idleConnection(index) ?? connect(index, interruption)
                let version = needsVersion ? try connection.version(timeout: timeout, interruption) : nil
                let answer = try connection.ask(request(version), timeout: timeout + extraTime, interruption)
                keep(connection, index)
                return (answer, version)
            }
        } onCancel: {
            interruption.cancel()
        }
    }

    private func connect(_ index: Int, _ interruption: Interruption) throws -> TrackerConnection {
        try TrackerConnection.connect(to: addresses[index], timeout: connectTimeout, interruption)
    }

    private func idleConnection(_ index: Int) -> TrackerConnection? {
        while let connection = state.withLock({ $0.idle[index].popLast() }) {
            if !connection.isStale { return connection }
        }
        return nil
    }

    private func keep(_ connection: TrackerConnection, _ index: Int) {
        state.withLock { state in
            if state.idle[index].count < Self.maxIdleCount { state.idle[index].append(connection) }
        }
    }

    /// What it comes to that no tracker answered.
    private static func error(_ failures: [(TrackerAddress, TrackerFailure)]) -> StorageError {
        // One that was reached tells more than one that wasn't.
        let code = failures.map(\.1.code).first { $0 != .offline } ?? .offline
        let reasons = failures.map { "the tracker \(FileName.quoted($0.0.description)) \($0.1)" }
        return StorageError(code, reasons.joined(separator: "; "))
    }
}

/// The connection broke off before the answer: nobody knows whether it was done.
struct LostAnswer: Error {
    let error: StorageError
}

/// So many at once, the others one after another.
private final class Permits: Sendable {
    private struct State {
        var free: Int
        var nextID = 0
        var waiting: [(id: Int, waiter: CheckedContinuation<Void, any Error>)] = []
    }
    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func take() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let result: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    guard state.free == 0 else {
                        state.free -= 1
                        return .success(())
                    }
                    state.waiting.append((id, waiter))
                    return nil
                }
                if let result { waiter.resume(with: result) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0).waiter }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    func giveBack() {
        let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
            if state.waiting.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().waiter
        }
        next?.resume()
    }
}
