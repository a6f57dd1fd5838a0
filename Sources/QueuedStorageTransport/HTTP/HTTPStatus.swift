package import FoundationEssentials
package import QueuedStorageCore

/// What an HTTP status means for a storage.
package enum HTTPStatus {
    /// Returns what a status means, where the protocol at hand doesn't say otherwise.
    ///
    /// Source: RFC 9110, section 15; RFC 4918, section 11; RFC 6585.
    ///
    /// - Parameter status: The status of an answer that wasn't a success.
    /// - Returns: The code of the error.
    package static func code(_ status: Int) -> StorageError.Code {
        switch status {
        case 401, 402, 403, 407, 451, 511: .denied
        case 404, 410: .notFound
        case 405, 411, 415, 426, 501, 505: .notSupported
        case 408: .timedOut
        case 412: .alreadyExists
        case 413, 507: .full
        case 414: .invalidName
        case 429, 503, 509: .throttled
        default: .failed
        }
    }

    /// Returns how long a server asks to be left alone.
    ///
    /// - Parameters:
    ///   - value: The value of `Retry-After`: seconds, or an instant.
    ///   - now: What time it is, where the server doesn't say it.
    /// - Returns: The time from now on, never negative; nil if the value is neither.
    package static func retryAfter(_ value: String?, now: Date) -> Duration? {
        guard let value = value?.trimmingBlanks, !value.isEmpty else { return nil }
        if value.utf8.allSatisfy({ (48...57).contains($0) }) {
            // A wait of more than a year is as good as a year.
            return .seconds(min(Int64(value) ?? .max, 366 * 86400))
        }
        guard let date = HTTPDate.parse(value) else { return nil }
        return .seconds(min(max(0, date.timeIntervalSince(now)), 366 * 86400))
    }

    /// The usual words for a status.
    package static func words(_ status: Int) -> String? {
        switch status {
        case 400: "bad request"
        case 401: "the user or password isn't accepted"
        case 403: "forbidden"
        case 404: "not found"
        case 405: "the method isn't allowed"
        case 407: "the proxy wants other credentials"
        case 408: "the request took too long"
        case 409: "a conflict"
        case 410: "gone"
        case 411: "a length is wanted"
        case 412: "a precondition failed"
        case 413: "the content is too large, or there is no room for it: a limit or a quota"
        case 414: "the address is too long"
        case 416: "no such range"
        case 423: "locked"
        case 429: "too many requests"
        case 500: "the server failed"
        case 501: "not implemented"
        case 502: "bad gateway"
        case 503: "the service isn't available"
        case 504: "the gateway had no answer in time"
        case 507: "no room left"
        case 509: "the bandwidth is used up"
        default: nil
        }
    }
}

extension TransportResponse {
    /// Returns the error that an answer comes to, reading the beginning of its content for the server's words.
    ///
    /// ```swift
    /// throw await answer.failure("The file \"a\" couldn't be stored in \"photos\"", name: "a", codes: [409: .notFound])
    /// ```
    ///
    /// - Parameters:
    ///   - failed: What failed, as the sentence's beginning.
    ///   - name: The file's name, if it is about one.
    ///   - codes: What statuses mean here that usually mean something else.
    /// - Returns: The error, with the server's status and words, and how long the server asks to be left alone.
    package func failure(
        _ failed: String,
        name: String? = nil,
        codes: [Int: StorageError.Code] = [:]
    ) async -> StorageError {
        let excerpt = ServerWords.excerpt(of: await beginning(), type: headers["Content-Type"])
        let said = excerpt ?? HTTPStatus.words(status)
        let host = FileName.quoted(host)
        let isRedirect = (300..<400).contains(status) && status != 304
        let reason =
            isRedirect
            ? "the server \(host) redirects to another address (status \(status)); check the address"
            : "the server \(host) answered \(status)" + (said.map { " (\($0))" } ?? "")
        let now = headers["Date"].flatMap(HTTPDate.parse) ?? Date()
        return StorageError(
            codes[status] ?? HTTPStatus.code(status),
            name: name,
            "\(failed): \(reason).",
            retryAfter: HTTPStatus.retryAfter(headers["Retry-After"], now: now)
        )
    }

    /// The beginning of the content, as far as it comes.
    private func beginning() async -> [UInt8] {
        var bytes: [UInt8] = []
        var iterator = body.makeAsyncIterator()
        while bytes.count < 64 << 10, let buffer = try? await iterator.next() { bytes += buffer }
        return bytes
    }
}
