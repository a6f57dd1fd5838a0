internal import QueuedStorageCore
import Synchronization

/// A file that is being read: several requests ahead of who asks for it, and handed over in order.
///
/// How far ahead follows the reader: it doubles whenever the reader had to wait, up to ``maxAhead``. A reader that is slow,
/// or stops, so keeps little in memory. Where the line is so long that a connection's window is what the reader waits for, the
/// file is read through further connections, too. It is closed when the download is let go.
final class Download: Sendable {
    /// How many bytes are asked for ahead at most in each connection: more than OpenSSH's window of 2 MiB.
    static let maxAhead = 4 << 20

    /// Opens the same file in another connection than those that it is open in; nil if there is none, or it isn't the same.
    typealias Another = @Sendable ([OpenedFile]) async -> OpenedFile?

    /// A part of the file that was asked for.
    fileprivate struct Piece {
        var range: Range<Int64>
        /// Whom it was asked of.
        var file: OpenedFile
        var bytes: [UInt8]?
    }

    fileprivate struct State {
        /// What was asked for and not handed over, in order.
        var pieces: [Piece] = []
        /// The file in each of its connections; the first one stays.
        var files: [OpenedFile]
        var line: LineRate
        var another: Download.Another?
        /// Where the next request begins.
        var next: Int64
        /// Where the reading ends; not known before the file's size is.
        var end: Int64?
        var ahead: Int
        var failure: (any Error)?
        var waiter: CheckedContinuation<[UInt8]?, any Error>?
        var isCancelled = false
    }

    private let pieceByteCount: Int
    private let translate: @Sendable (any Error) -> any Error
    private let state: Mutex<State>

    /// Begins to read, before it is known how much there is.
    ///
    /// - Parameters:
    ///   - file: The open file.
    ///   - start: Where to begin.
    ///   - wanted: How many bytes are wanted, if not all.
    ///   - translate: Makes errors that say which file it was.
    init(
        _ file: OpenedFile,
        from start: Int64,
        wanted: Int?,
        translate: @escaping @Sendable (any Error) -> any Error
    ) {
        self.translate = translate
        let features = file.lease.connection.features
        pieceByteCount = features.maxReadByteCount
        let start = min(start, .max / 2)
        let first = start..<(start + Int64(min(pieceByteCount, wanted ?? .max)))
        state = Mutex(
            State(
                files: [file],
                line: LineRate(roundTrip: .milliseconds(features.roundTripMilliseconds)),
                next: first.upperBound,
                ahead: 2 * pieceByteCount
            )
        )
        guard !first.isEmpty else { return }
        let piece = Piece(range: first, file: file)
        state.withLock { $0.pieces = [piece] }
        request(piece)
    }

    /// Says where the reading ends: at the end of the file or of what is wanted of it.
    ///
    /// - Parameters:
    ///   - end: Where the reading ends.
    ///   - another: Opens the file in further connections.
    func setEnd(_ end: Int64, another: Another? = nil) {
        state.withLock { state in
            state.end = end
            state.another = another
        }
        advance()
    }

    private func advance() {
        for piece in state.withLock({ $0.advance(pieceByteCount) }) { request(piece) }
    }

    private func request(_ piece: Piece) {
        let (file, range) = (piece.file, piece.range)
        file.lease.connection.read(range.count, of: file.handle, at: range.lowerBound) { [weak self, weak file] in
            guard let file else { return }
            self?.take($0, range, of: file)
        }
    }

    /// Has the file opened in one more connection.
    private func widen(_ another: @escaping Another, _ files: [OpenedFile]) {
        Task { [weak self] in
            let file = await another(files)
            self?.add(file, another)
        }
    }

    private func add(_ file: OpenedFile?, _ another: @escaping Another) {
        state.withLock { state in
            // Who got none doesn't ask again.
            guard let file else { return }
            state.another = another
            state.files.append(file)
            state.line.restart()
        }
        advance()
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
        advance()
        return try result.get()
    }

    private func wait(_ continuation: CheckedContinuation<[UInt8]?, any Error>) {
        let result = state.withLock { state -> Result<[UInt8]?, any Error>? in
            if state.isCancelled { return .failure(CancellationError()) }
            if let result = state.ready() { return result }
            // The reader is faster than the line.
            if state.ahead < Self.maxAhead * state.files.count {
                state.ahead = min(state.ahead * 2, Self.maxAhead * state.files.count)
                state.line.restart()
            }
            state.waiter = continuation
            return nil
        }
        if let result { return continuation.resume(with: result) }
        advance()
        if let (another, files) = state.withLock({ $0.widening() }) { widen(another, files) }
    }

    private func cancel() {
        let waiter = state.withLock { state in
            state.isCancelled = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(throwing: CancellationError())
    }

    private func take(_ result: Result<Response, any Error>, _ range: Range<Int64>, of file: OpenedFile) {
        let (again, waiter, ready) = state.withLock { state in
            let again = state.take(result, range, of: file)
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
    fileprivate mutating func advance(_ pieceByteCount: Int) -> [Download.Piece] {
        guard let end, failure == nil, !isCancelled else { return [] }
        var wanted: [Download.Piece] = []
        var distance = next - (pieces.first?.range.lowerBound ?? next)
        while next < end, distance < ahead {
            let range = next..<min(next + Int64(pieceByteCount), end)
            let piece = Download.Piece(range: range, file: leastAsked)
            pieces.append(piece)
            wanted.append(piece)
            next = range.upperBound
            distance += Int64(range.count)
        }
        return wanted
    }

    /// The connection's file that the fewest bytes are on their way of.
    private var leastAsked: OpenedFile {
        guard files.count > 1 else { return files[0] }
        let counts = files.map { file in
            pieces.reduce(0) { $0 + ($1.bytes == nil && $1.file === file ? $1.range.count : 0) }
        }
        return files[counts.indices.min { counts[$0] < counts[$1] } ?? 0]
    }

    /// What opens the file in one more connection, and those that it is open in; nil if it doesn't pay, or is being done.
    fileprivate mutating func widening() -> (Download.Another, [OpenedFile])? {
        guard let another, let end, end - next >= Int64(4 * Download.maxAhead), line.isTooLong(for: files.count) else {
            return nil
        }
        self.another = nil
        return (another, files)
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
    fileprivate mutating func take(
        _ result: Result<Response, any Error>,
        _ range: Range<Int64>,
        of file: OpenedFile
    ) -> Download.Piece? {
        guard let index = pieces.firstIndex(where: { $0.range == range && $0.file === file }) else { return nil }
        switch result {
        case .failure where file !== files[0], .success(.status) where file !== files[0]:
            // What was opened to be faster does no harm if it goes.
            files.removeAll { $0 === file }
            pieces[index].file = files[0]
            return pieces[index]
        case .failure(let error): fail(error)
        case .success(.data(let bytes)) where !bytes.isEmpty && bytes.count <= range.count:
            pieces[index].bytes = bytes
            line.note(bytes.count)
            let middle = range.lowerBound + Int64(bytes.count)
            pieces[index].range = range.lowerBound..<middle
            // Nothing else was asked for as long as the end isn't known.
            if end == nil { next = middle }
            guard let end, middle < min(range.upperBound, end) else { return nil }
            let rest = Download.Piece(range: middle..<range.upperBound, file: file)
            pieces.insert(rest, at: index + 1)
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
