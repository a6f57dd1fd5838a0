import QueuedStorageCore

/// Carries requests to servers over HTTP and FTP, through libcurl's multi interface on a thread of its own.
///
/// The thread starts with the first request and ends with the transport. Connections are kept for the next request.
/// ```swift
/// let transport = Transport()
/// let answer = try await transport.send(TransportRequest("PUT", url, body: .stream(reader, size: reader.size)))
/// guard answer.status == 201 else { throw await answer.failure("The file \"a\" couldn't be stored", name: "a") }
/// try await answer.discard()
/// ```
/// Nothing of it blocks the caller's thread, and memory stays bounded: a megabyte at most waits on either side of a
/// request's connection.
package final class Transport: Sendable {
    private let engine: Engine

    /// Makes a transport.
    package init(options: TransportOptions = TransportOptions()) { engine = Engine(options) }

    deinit { engine.stop() }

    /// Sends a request, and returns as soon as the head of the answer is there.
    ///
    /// An answer that comes before the body was sent ends the sending, unless it is a success. Cancelling the task, or
    /// letting the answer's body go unread, ends the transfer.
    ///
    /// - Parameter request: What is asked.
    /// - Returns: The answer, whatever its status is; its body is still to be read.
    /// - Throws: `StorageError` if there is no answer; what the request's body threw; `CancellationError`.
    package func send(_ request: TransportRequest) async throws -> TransportResponse {
        try Task.checkCancellation()
        try request.validate()
        let exchange = Exchange(request, engine)
        let body = ResponseBody(exchange, self)
        return try await withTaskCancellationHandler {
            engine.start(exchange)
            guard case .stream(let reader, let size) = request.body else {
                return TransportResponse(try await exchange.answer(), exchange, body)
            }
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await exchange.send(reader, size: size) }
                defer { group.cancelAll() }
                return TransportResponse(try await exchange.answer(), exchange, body)
            }
        } onCancel: {
            exchange.fail(CancellationError())
        }
    }
}

extension TransportRequest {
    /// Refuses what would change the request's form on the wire.
    fileprivate func validate() throws {
        let isClean = { (text: String) in !text.utf8.contains { $0 == 0x0D || $0 == 0x0A || $0 == 0 } }
        guard isClean(url), isClean(method), !method.isEmpty, !url.utf8.contains(0x20) else {
            throw StorageError(.failed, "A request has blanks or line breaks in its address or method.")
        }
        guard ["http://", "https://", "ftp://", "ftps://"].contains(where: { url.lowercasedPrefix($0.count) == $0 })
        else {
            throw StorageError(
                .invalidConfiguration,
                "An address isn't one of HTTP or FTP; check the storage's options."
            )
        }
        for field in headers.fields {
            guard isClean(field.name), isClean(field.value), !field.name.isEmpty, !field.name.utf8.contains(0x3A) else {
                throw StorageError(
                    .failed,
                    "The header field \(FileName.quoted(field.name)) of a request has line breaks."
                )
            }
        }
    }
}
