/// How far a request and its answer are.
///
/// A value without I/O: its methods say what is to be done once the lock is released.
struct ExchangeState: Sendable {
    /// What is to be done.
    enum Action: Sendable {
        case resumeAnswer(CheckedContinuation<Void, any Error>, Result<Void, any Error>)
        case resumeRead(CheckedContinuation<[UInt8]?, any Error>, Result<[UInt8]?, any Error>)
        case resumeOffer(CheckedContinuation<Bool, Never>, Bool)
        case resumeReceiving
        case resumeSending
        case remove
    }

    /// What there is to send.
    enum Outgoing: Sendable {
        case buffer([UInt8])
        case nothingYet
        case end
    }

    private enum Phase {
        case running
        case finished
        case failed(any Error)
    }

    /// How many bytes may wait on either side before the other has to pause.
    static let limit = 1 << 20
    /// Buffers up to this size are joined, so that a server that drips doesn't fill the memory with small ones.
    private static let joined = 64 << 10

    private(set) var head = ResponseHead()
    private(set) var info = TransferInfo()
    private var isAnswered = false
    private var answerWaiter: CheckedContinuation<Void, any Error>?

    private var phase = Phase.running
    private var received: [[UInt8]] = []
    private var receivedIndex = 0
    private var receivedCount = 0
    private var isReceivingPaused = false
    private var readWaiter: CheckedContinuation<[UInt8]?, any Error>?

    private var unsent: [[UInt8]] = []
    private var unsentIndex = 0
    private var unsentCount = 0
    private var hasAllToSend: Bool
    private var isSendingPaused = false
    private var offerWaiter: CheckedContinuation<Bool, Never>?

    var isEnded: Bool { if case .running = phase { false } else { true } }

    init(_ request: TransportRequest) {
        switch request.body {
        case .none: hasAllToSend = true
        case .bytes(let bytes):
            hasAllToSend = true
            if !bytes.isEmpty {
                unsent = [bytes]
                unsentCount = bytes.count
            }
        case .stream: hasAllToSend = false
        }
    }
}

// MARK: - The answer

extension ExchangeState {
    /// An answer counts once the body is sent, or if it says that the body isn't wanted.
    private var mayAnswer: Bool { isAnswered && (hasAllToSend || !(200..<300).contains(head.status)) }

    mutating func waitForAnswer(_ waiter: CheckedContinuation<Void, any Error>) -> [Action] {
        if case .failed(let error) = phase, !mayAnswer { return [.resumeAnswer(waiter, .failure(error))] }
        if mayAnswer || isEnded { return [.resumeAnswer(waiter, .success(()))] }
        answerWaiter = waiter
        return []
    }

    private mutating func answer() -> [Action] {
        guard mayAnswer, let waiter = answerWaiter else { return [] }
        answerWaiter = nil
        return [.resumeAnswer(waiter, .success(()))]
    }

    mutating func receive(
        _ head: ResponseHead?,
        _ buffer: [UInt8],
        _ info: TransferInfo,
        isAnswer: Bool
    ) -> [Action] {
        guard !isEnded else { return [] }
        self.info = info
        if let head { self.head = head }
        isAnswered = isAnswered || isAnswer
        var actions = answer()
        if isAnswered, !(200..<300).contains(self.head.status) { actions += refuseOffers() }
        if !buffer.isEmpty {
            if let waiter = readWaiter {
                readWaiter = nil
                actions.append(.resumeRead(waiter, .success(buffer)))
            } else {
                append(buffer)
            }
        }
        return actions
    }

    private mutating func append(_ buffer: [UInt8]) {
        receivedCount += buffer.count
        if let last = received.indices.last, last >= receivedIndex,
            received[last].count + buffer.count <= Self.joined
        {
            received[last] += buffer
        } else {
            received.append(buffer)
        }
    }

    mutating func mayReceive(after count: Int) -> Bool {
        guard receivedCount + count >= Self.limit, !isEnded, readWaiter == nil else { return true }
        isReceivingPaused = true
        return false
    }

    /// Takes the next buffer, if it is there: true and nil is the end.
    mutating func takeReceived() -> (Result<(Bool, [UInt8]?), any Error>, [Action]) {
        if receivedIndex < received.count {
            let buffer = received[receivedIndex]
            received[receivedIndex] = []
            receivedIndex += 1
            receivedCount -= buffer.count
            if receivedIndex == received.count {
                received.removeAll(keepingCapacity: true)
                receivedIndex = 0
            }
            guard isReceivingPaused, receivedCount <= Self.limit / 2 else { return (.success((true, buffer)), []) }
            isReceivingPaused = false
            return (.success((true, buffer)), [.resumeReceiving])
        }
        switch phase {
        case .failed(let error): return (.failure(error), [])
        case .finished: return (.success((true, nil)), [])
        case .running: break
        }
        guard isReceivingPaused else { return (.success((false, nil)), []) }
        isReceivingPaused = false
        return (.success((false, nil)), [.resumeReceiving])
    }

    mutating func waitForReceived(_ waiter: CheckedContinuation<[UInt8]?, any Error>) -> [Action] {
        let (result, actions) = takeReceived()
        switch result {
        case .failure(let error): return actions + [.resumeRead(waiter, .failure(error))]
        case .success((true, let buffer)): return actions + [.resumeRead(waiter, .success(buffer))]
        case .success: break
        }
        readWaiter = waiter
        return actions
    }
}

// MARK: - The body

extension ExchangeState {
    /// Takes a buffer to send.
    ///
    /// - Returns: Whether more is wanted; nil if there is no room now.
    mutating func offer(_ buffer: [UInt8]) -> (Bool?, [Action]) {
        guard isWanted else { return (false, []) }
        unsent.append(buffer)
        unsentCount += buffer.count
        return (unsentCount < Self.limit ? true : nil, resumeSending())
    }

    mutating func waitForRoom(_ waiter: CheckedContinuation<Bool, Never>) -> [Action] {
        guard isWanted else { return [.resumeOffer(waiter, false)] }
        if unsentCount < Self.limit { return [.resumeOffer(waiter, true)] }
        offerWaiter = waiter
        return []
    }

    mutating func endSending() -> [Action] {
        hasAllToSend = true
        return resumeSending() + answer()
    }

    mutating func takeForSending(pausing: Bool) -> (Outgoing, [Action]) {
        guard unsentIndex < unsent.count else {
            if hasAllToSend { return (.end, []) }
            if pausing { isSendingPaused = true }
            return (.nothingYet, [])
        }
        let buffer = unsent[unsentIndex]
        unsent[unsentIndex] = []
        unsentIndex += 1
        unsentCount -= buffer.count
        if unsentIndex == unsent.count {
            unsent.removeAll(keepingCapacity: true)
            unsentIndex = 0
        }
        guard unsentCount <= Self.limit / 2, let waiter = offerWaiter else { return (.buffer(buffer), []) }
        offerWaiter = nil
        return (.buffer(buffer), [.resumeOffer(waiter, true)])
    }

    private var isWanted: Bool { !isEnded && !(isAnswered && !(200..<300).contains(head.status)) }

    private mutating func resumeSending() -> [Action] {
        guard isSendingPaused, !isEnded else { return [] }
        isSendingPaused = false
        return [.resumeSending]
    }

    private mutating func refuseOffers() -> [Action] {
        guard let waiter = offerWaiter else { return [] }
        offerWaiter = nil
        return [.resumeOffer(waiter, false)]
    }
}

// MARK: - The end

extension ExchangeState {
    /// Ends the exchange; the first ending counts.
    mutating func end(_ error: (any Error)?, isOnThread: Bool) -> [Action] {
        guard !isEnded else { return [] }
        phase = if let error { .failed(error) } else { .finished }
        var actions = refuseOffers()
        if let waiter = answerWaiter {
            answerWaiter = nil
            let result: Result<Void, any Error> = if let error, !mayAnswer { .failure(error) } else { .success(()) }
            actions.append(.resumeAnswer(waiter, result))
        }
        if let waiter = readWaiter {
            readWaiter = nil
            actions.append(.resumeRead(waiter, error.map { .failure($0) } ?? .success(nil)))
        }
        unsent = []
        if !isOnThread {
            // What came in before is of no use to anybody.
            received = []
            receivedIndex = 0
            receivedCount = 0
            actions.append(.remove)
        }
        return actions
    }
}
