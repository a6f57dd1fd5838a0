internal import QueuedStorageCore
import Synchronization

/// A file that is being read: several requests ahead of who asks for it, and handed over in order.
///
/// How far ahead follows the reader: it doubles whenever the reader had to wait, up to ``maxAhead``. A reader that is slow,
/// or stops, so keeps little in memory. The file is closed when the download is let go.
final class Download: Sendable {
    /// How many bytes are asked for ahead at most: more than OpenSSH's window of 2 MiB.
    static let maxAhead = 4 << 20

    /// A part of the file that was asked for.
    fileprivate struct Piece {
        var range: Range<Int64>
        var bytes: [UInt8]?
    }

    fileprivate struct State {
        /// What was asked for and not handed over, in order.
        var pieces: [Piece] = []
        /// Where the next request begins.
        var next: Int64
        /// Where the reading ends; not known before the file's size is.
        var end: Int64?
        var ahead: Int
        var failure: (any Error)?
        var waiter: CheckedContinuation<[UInt8]?, any Error>?
        var isCancelled = false
    }

    private let lease: Lease
    private let handle: Handle
    private let pieceByteCount: Int
    private let translate: @Sendable (any Error) -> any Error
    private let state: Mutex<State>

    /// Begins to read, before it is known how much there is.
    ///
    /// - Parameters:
    ///   - lease: The connection that the file is open in.
    ///   - handle: The open file, which is closed at the end.
    ///   - start: Where to begin.
    ///   - wanted: How many bytes are wanted, if not all.
    ///   - translate: Makes errors that say which file it was.
    init(
        _ lease: Lease,
        _ handle: Handle,
        from start: Int64,
        wanted: Int?,
        translate: @escaping @Sendable (any Error) -> any Error
    ) {
        self.lease = lease
        self.handle = handle
        self.translate = translate
        pieceByteCount = lease.connection.features.maxReadByteCount
        let start = min(start, .max / 2)
        let first = start..<(start + Int64(min(pieceByteCount, wanted ?? .max)))
        state = Mutex(State(next: first.upperBound, ahead: 2 * pieceByteCount))
        guard !first.isEmpty else { return }
        state.withLock { $0.pieces = [Piece(range: first)] }
        request(first)
    }

    deinit { lease.connection.forget(handle) }

    /// Says where the reading ends: at the end of the file or of what is wanted of it.
    func setEnd(_ end: Int64) {
        let wanted = state.withLock { state -> [Range<Int64>] in
            state.end = end
            return state.advance(pieceByteCount)
        }
        for range in wanted { request(range) }
    }

    private func request(_ range: Range<Int64>) {
        lease.connection.read(range.count, of: handle, at: range.lowerBound) { [weak self] in self?.take($0, range) }
    }

    /// Hands over the next bytes; nil at the end.
    func next() async throws -> [UInt8]? {
        let result: Result<[UInt8]?, any Error>
        do {
            result = .success(
                try await withTaskCancellationHandler {
                    try await withCheckedThrowingContinuation { wait($0) }
                } onCancel: {
                    cancel()
                }
            )
        } catch {
            result = .failure(translate(error))
        }
        let wanted = state.withLock { $0.advance(pieceByteCount) }
        for range in wanted { request(range) }
        return try result.get()
    }

    private func wait(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        let result = state.withLock { state -> Result<[UInt8]?, any Error>? in
            if state.isCancelled { return .failure(CancellationError()) }
            if let result = state.ready() { return result }
            // The reader is faster than the line.
            state.ahead = min(state.ahead * 2, Self.maxAhead)
            state.waiter = continuation
            return nil
        }
        if let result {
            continuation.resume(with: result)
        } else {
            let wanted = state.withLock { $0.advance(pieceByteCount) }
            for range in wanted { request(range) }
        }
    }

    private func cancel() {
        let waiter = state.withLock { state in
            state.isCancelled = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(throwing: CancellationError())
    }

    private func take(_ result: Result<Response, any Error>, _ range: Range<Int64>) {
        let (again, waiter, ready) = state.withLock { state in
            let again = state.take(result, range)
            guard let waiter = state.waiter, let ready = state.ready() else {
                return (again, nil as CheckedContinuation<[UInt8]?, any Error>?, nil as Result<[UInt8]?, any Error>?)
            }
            state.waiter = nil
            return (again, waiter, ready)
        }
        if let again { request(again) }
        if let waiter, let ready { waiter.resume(with: ready) }
    }
}

extension Download.State {
    /// What is to be asked for next.
    fileprivate mutating func advance(_ pieceByteCount: Int) -> [Range<Int64>] {
        guard let end, failure == nil, !isCancelled else { return [] }
        var wanted: [Range<Int64>] = []
        var distance = next - (pieces.first?.range.lowerBound ?? next)
        while next < end, distance < ahead {
            let range = next..<min(next + Int64(pieceByteCount), end)
            pieces.append(Download.Piece(range: range))
            wanted.append(range)
            next = range.upperBound
            distance += Int64(range.count)
        }
        return wanted
    }

    /// What the reader can have now: bytes, the end, or an error; nil if it must wait.
    fileprivate mutating func ready() -> Result<[UInt8]?, any Error>? {
        while let first = pieces.first {
            if let end, first.range.lowerBound >= end { return .success(nil) }
            guard var bytes = first.bytes else { return failure.map { .failure($0) } }
            pieces.removeFirst()
            if let end, first.range.upperBound > end {
                bytes.removeLast(Int(min(first.range.upperBound - end, Int64(bytes.count))))
            }
            if !bytes.isEmpty { return .success(bytes) }
        }
        if let failure { return .failure(failure) }
        return .success(nil)
    }

    /// Takes an answer.
    ///
    /// - Returns: What is missing of the piece, as a server may send less than it was asked for.
    fileprivate mutating func take(_ result: Result<Response, any Error>, _ range: Range<Int64>) -> Range<Int64>? {
        guard let index = pieces.firstIndex(where: { $0.range == range }) else { return nil }
        switch result {
        case .failure(let error): fail(error)
        case .success(.data(let bytes)) where !bytes.isEmpty && bytes.count <= range.count:
            pieces[index].bytes = bytes
            let middle = range.lowerBound + Int64(bytes.count)
            pieces[index].range = range.lowerBound..<middle
            // Nothing else was asked for as long as the end isn't known.
            if end == nil { next = middle }
            guard let end, middle < min(range.upperBound, end) else { return nil }
            let rest = middle..<range.upperBound
            pieces.insert(Download.Piece(range: rest), at: index + 1)
            return rest
        case .success(.status(let status)) where status.code == Status.Code.endOfFile:
            if let end, range.lowerBound < end {
                fail(StorageError(.damaged, "The file became shorter while it was read."))
            } else {
                pieces[index].bytes = []
                pieces[index].range = range.lowerBound..<range.lowerBound
                if end == nil { next = range.lowerBound }
            }
        case .success(let response): fail(response.failure)
        }
        return nil
    }

    private mutating func fail(_ error: any Error) {
        if failure == nil { failure = error }
    }
}
