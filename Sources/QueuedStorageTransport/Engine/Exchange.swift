import QueuedStorageCore
private import Synchronization

/// A request on its way and the answer to it: tasks wait here for what the transport's thread brings, and the thread
/// takes from here what tasks bring.
final class Exchange: Sendable {
    let request: TransportRequest
    /// The server's name and port.
    let host: String
    private let engine: Engine
    private let state: Mutex<ExchangeState>

    init(_ request: TransportRequest, _ engine: Engine) {
        self.request = request
        self.engine = engine
        host = request.url.authority
        state = Mutex(ExchangeState(request))
    }

    /// Changes the state, and then does what that asks for.
    private func change<Value: Sendable>(_ body: (inout ExchangeState) -> (Value, [ExchangeState.Action])) -> Value {
        let (value, actions) = state.withLock { state in body(&state) }
        for action in actions { perform(action) }
        return value
    }

    private func perform(_ action: ExchangeState.Action) {
        switch action {
        case .resumeAnswer(let waiter, let result): waiter.resume(with: result)
        case .resumeRead(let waiter, let result): waiter.resume(with: result)
        case .resumeOffer(let waiter, let isWanted): waiter.resume(returning: isWanted)
        case .resumeReceiving: engine.enqueue(.resumeReceiving(self))
        case .resumeSending: engine.enqueue(.resumeSending(self))
        case .remove: engine.enqueue(.remove(self))
        }
    }
}

// MARK: - What tasks call

extension Exchange {
    /// What is known so far.
    var info: TransferInfo { state.withLock { $0.info } }

    /// What the server has said so far.
    var head: ResponseHead { state.withLock { $0.head } }

    /// Ends the exchange, unless it has ended.
    func fail(_ error: any Error) { change { ((), $0.end(error, isOnThread: false)) } }

    /// Waits for the head of the answer.
    func answer() async throws -> ResponseHead {
        try await withCheckedThrowingContinuation { waiter in
            change { ((), $0.waitForAnswer(waiter)) }
        }
        return head
    }

    /// Waits for the next buffer of the answer's content.
    func nextBuffer() async throws -> [UInt8]? {
        let (ready, buffer) = try change { state -> (Result<(Bool, [UInt8]?), any Error>, [ExchangeState.Action]) in
            state.takeReceived()
        }.get()
        if ready { return buffer }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                change { ((), $0.waitForReceived(waiter)) }
            }
        } onCancel: {
            fail(CancellationError())
        }
    }

    /// Hands the body over as the connection takes it, until its end or until nobody wants more of it.
    func send(_ body: FileReader, size: Int64?) async {
        do {
            var count: Int64 = 0
            for try await buffer in body {
                count += Int64(buffer.count)
                if let size, count > size { throw StorageError.wrongSize(size, found: nil) }
                if !buffer.isEmpty, await !offer(buffer) { return }
            }
            if let size, count != size { throw StorageError.wrongSize(size, found: count) }
            change { ((), $0.endSending()) }
        } catch {
            fail(error)
        }
    }

    /// Hands a buffer over; waits while enough of them lie there.
    ///
    /// - Returns: Whether more is wanted.
    private func offer(_ buffer: [UInt8]) async -> Bool {
        if let isWanted = change({ $0.offer(buffer) }) { return isWanted }
        return await withCheckedContinuation { waiter in
            change { ((), $0.waitForRoom(waiter)) }
        }
    }
}

// MARK: - What the transport's thread calls

extension Exchange {
    /// Whether nobody wants the answer any more.
    var isEnded: Bool { state.withLock { $0.isEnded } }

    /// Takes the next buffer to send.
    func takeForSending(pausing: Bool) -> ExchangeState.Outgoing {
        change { $0.takeForSending(pausing: pausing) }
    }

    /// Whether content may come in; if not, the exchange asks for it later.
    func mayReceive(after count: Int) -> Bool { state.withLock { $0.mayReceive(after: count) } }

    /// Takes what came in.
    func receive(_ head: ResponseHead?, _ buffer: [UInt8], _ info: TransferInfo, isAnswer: Bool) {
        change { ((), $0.receive(head, buffer, info, isAnswer: isAnswer)) }
    }

    /// The transfer is over.
    func complete(_ error: (any Error)?) { change { ((), $0.end(error, isOnThread: true)) } }
}

extension StorageError {
    fileprivate static func wrongSize(_ size: Int64, found: Int64?) -> StorageError {
        let found = found.map { "only \($0)" } ?? "more"
        return StorageError(.failed, "The content should have \(size) bytes, but \(found) came.")
    }
}

extension String {
    /// The host and port of an address, without user and password.
    var authority: String {
        let rest = firstRange(of: "://").map { self[$0.upperBound...] } ?? self[...]
        let authority = rest.prefix { !"/?#".contains($0) }
        return String(authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority)
    }

    private func firstRange(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
