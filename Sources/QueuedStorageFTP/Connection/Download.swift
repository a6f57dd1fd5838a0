import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// Content on its way from a server; its session is free again once it has ended, or was let go.
final class Download: Sendable {
    private let response: TransportResponse
    private let session: Mutex<Session?>
    private let pool: SessionPool
    private let endsFit: Bool

    init(_ response: TransportResponse, _ session: Session, _ pool: SessionPool, endsFit: Bool) {
        self.response = response
        self.session = Mutex(session)
        self.pool = pool
        self.endsFit = endsFit
    }

    deinit { end(isFit: false) }

    /// How many bytes the opened file has, if the server said so: `150 Opening … (1234 bytes)`.
    var size: Int64? {
        guard let line = response.replies.last(where: { $0.hasPrefix("150") || $0.hasPrefix("125") }),
            let end = line.firstRange(of: " bytes)"), let start = line[..<end.lowerBound].lastIndex(of: "(")
        else { return nil }
        return Int64(line[line.index(after: start)..<end.lowerBound])
    }

    private func end(isFit: Bool) {
        let session = session.withLock { session in
            defer { session = nil }
            return session
        }
        if let session { pool.giveBack(session, isFit: isFit) }
    }

    /// The content, to be read once.
    func reader(size: Int64?, translating translate: @escaping @Sendable (any Error) -> any Error) -> FileReader {
        FileReader(size: size) {
            let next = self.response.body.makeAsyncIterator().read
            let count = Shared(Int64(0))
            return {
                do {
                    if let buffer = try await next() {
                        count.value += Int64(buffer.count)
                        return buffer
                    }
                    if let size, count.value != size {
                        throw StorageError(
                            .failed,
                            "The server \"\(self.response.host)\" sent \(count.value) bytes of \(size)."
                        )
                    }
                    self.end(isFit: self.endsFit)
                    return nil
                } catch {
                    self.end(isFit: false)
                    throw translate(error)
                }
            }
        }
    }

    /// Reads everything into memory.
    func collect() async throws -> [UInt8] {
        // A directory whose listing doesn't fit in this has more files than any server lists.
        try await reader(size: nil) { $0 }.collect(upTo: 1 << 30)
    }
}
