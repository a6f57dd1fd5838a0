package import QueuedStorageCore

/// What a server answers.
package struct TransportResponse: Sendable {
    /// The HTTP status, or the last reply code of an FTP server.
    package let status: Int
    /// The header fields of the answer; FTP has none.
    package let headers: HeaderFields
    /// The lines of the head, or all replies of an FTP server so far.
    package let lines: [String]
    /// The content, to be read once; letting it go unread ends the transfer.
    package let body: FileReader
    /// The server's name and port, for sentences.
    package let host: String
    private let exchange: Exchange

    init(_ head: ResponseHead, _ exchange: Exchange, _ body: ResponseBody) {
        status = head.status
        headers = head.fields
        lines = head.lines
        host = exchange.host
        self.exchange = exchange
        self.body = FileReader(size: exchange.info.expectedByteCount) {
            { try await body.next() }
        }
    }

    /// What is known of the transfer so far; all of it once the content has ended.
    package var info: TransferInfo { exchange.info }

    /// The lines of an FTP server's replies so far; all of them once the content has ended.
    package var replies: [String] { exchange.head.lines }

    /// The last reply code of an FTP server so far.
    package var replyCode: Int { exchange.head.status }

    /// Reads the content into memory.
    ///
    /// - Parameter maxSize: The most bytes to take.
    /// - Returns: All bytes, in order.
    /// - Throws: `StorageError` with `full` if there is more.
    package func collect(upTo maxSize: Int) async throws -> [UInt8] { try await body.collect(upTo: maxSize) }

    /// Reads the content to its end if it is short, so that its connection can serve the next request.
    ///
    /// - Throws: What ended the content early.
    package func discard() async throws {
        var rest = 1 << 20
        for try await buffer in body {
            rest -= buffer.count
            if rest < 0 { return }
        }
    }
}

/// What is known of a transfer.
package struct TransferInfo: Hashable, Sendable {
    /// How many bytes the content of the answer has, if the server said so.
    package var expectedByteCount: Int64?
    /// When the file was last changed, in seconds since 1970, if asked for and known.
    package var fileTime: Int64?
    /// How many bytes were sent, without heads.
    package var sentByteCount: Int64 = 0
    /// How many bytes were received, without heads.
    package var receivedByteCount: Int64 = 0
    /// How many connections were made for it: 0 if one that was there served.
    package var newConnections = 0
    /// The directory that an FTP session began in.
    package var entryPath: String?
}

/// Reads the content of an answer; the transfer ends when this goes.
final class ResponseBody: Sendable {
    private let exchange: Exchange
    /// Keeps the transport's thread, for as long as somebody reads.
    private let transport: Transport

    init(_ exchange: Exchange, _ transport: Transport) {
        self.exchange = exchange
        self.transport = transport
    }

    deinit { exchange.fail(CancellationError()) }

    func next() async throws -> [UInt8]? { try await exchange.nextBuffer() }
}
