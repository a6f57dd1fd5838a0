import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// Content on its way from a server; its session is free again once it has ended, or was let go.
final class Download: Sendable {
    private let response: TransportResponse
    private let path: String
    private let session: Mutex<Session?>
    private let pool: SessionPool
    private let leavesSessionFit: Bool

    init(
        _ response: TransportResponse,
        _ path: String,
        _ session: Session,
        _ pool: SessionPool,
        leavesSessionFit: Bool
    ) {
        self.response = response
        self.path = path
        self.session = Mutex(session)
        self.pool = pool
        self.leavesSessionFit = leavesSessionFit
        pool.beginWaitingForUs()
    }

    deinit { end(isFit: false) }

    /// How many bytes the opened file has, if the server said so: `150 Opening … (1234 bytes)`.
    var size: Int64? {
        let line = response.replies.last { $0.hasPrefix("150") || $0.hasPrefix("125") }
        return line.flatMap { Self.size(in: $0, of: path) }
    }

    /// How many bytes an answer says; the name in it may say such a thing, too.
    static func size(in line: String, of path: String) -> Int64? {
        let words = Reply.words(of: line, without: [path])
        guard let end = words.ranges(of: " bytes)").last, let start = words[..<end.lowerBound].lastIndex(of: "(")
        else { return nil }
        return Int64(words[words.index(after: start)..<end.lowerBound])
    }

    private func end(isFit: Bool) {
        let session = session.withLock { session in
            defer { session = nil }
            return session
        }
        guard let session else { return }
        pool.endWaitingForUs()
        pool.giveBack(session, isFit: isFit)
    }

    /// The content, to be read once.
    func reader(size: Int64?, translating translate: @escaping @Sendable (any Error) -> any Error) -> FileReader {
        FileReader(size: size) {
            let next = self.response.body.makeAsyncIterator().read
            let count = Shared(Int64(0))
            return {
                do {
                    if let buffer = try await self.waitingForServer(next) {
                        count.value += Int64(buffer.count)
                        return buffer
                    }
                    if let size, count.value != size {
                        throw StorageError(
                            .failed,
                            "The server \"\(self.response.host)\" sent \(count.value) bytes of \(size).",
                            cause: ServerFailure(subjects: [self.path])
                        )
                    }
                    self.end(isFit: self.leavesSessionFit)
                    return nil
                } catch {
                    self.end(isFit: false)
                    throw translate((error as? StorageError).map { ServerFailure.marked($0, [self.path]) } ?? error)
                }
            }
        }
    }

    /// Waits for the next buffer; meanwhile the session's use is up to the server, and not to whoever reads.
    private func waitingForServer(_ next: FileReader.Next) async throws -> [UInt8]? {
        let isOpen = session.withLock { $0 != nil }
        if isOpen { pool.endWaitingForUs() }
        defer { if isOpen { pool.beginWaitingForUs() } }
        return try await next()
    }

    /// Reads everything into memory.
    func collect() async throws -> [UInt8] {
        // A directory whose listing doesn't fit in this has more files than any server lists.
        try await reader(size: nil) { $0 }.collect(upTo: 1 << 30)
    }
}
