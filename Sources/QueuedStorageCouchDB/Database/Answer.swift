import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// A short answer of the server, read whole.
struct Answer: Sendable {
    let status: Int
    let headers: HeaderFields
    let host: String
    let body: [UInt8]

    /// Reads the rest of an answer.
    init(_ response: TransportResponse) async throws {
        (status, headers, host) = (response.status, response.headers, response.host)
        body = try await response.collect(upTo: 256 << 20)
    }

    /// What the server says went wrong: `{"error": "conflict", "reason": "Document update conflict."}`.
    struct Complaint: Decodable {
        var error: String?
        var reason: String?
    }

    var complaint: Complaint? { try? JSONDecoder().decode(Complaint.self, from: Data(body)) }

    var isSuccess: Bool { (200..<300).contains(status) }

    /// Whether it is the database that isn't there, and not a document in it.
    var missesDatabase: Bool {
        guard status == 404, let reason = complaint?.reason else { return false }
        // Source: CouchDB 1.x says no_db_file, later ones say it in a sentence.
        return reason == "no_db_file" || reason.hasPrefix("Database does not exist")
    }

    /// Reads the answer's JSON.
    func json<Value: Decodable>(_ type: Value.Type, _ failed: String, name: String?) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw StorageError(
                .failed,
                name: name,
                """
                \(failed): the answer of \(FileName.quoted(host)), status \(status), isn't CouchDB's\(pageNote); check \
                the address, and whether a proxy answers in the server's place.
                """
            )
        }
    }

    /// The error that the answer comes to.
    func failure(_ failed: String, name: String?) -> StorageError {
        let complaint = complaint
        let words = [complaint?.error, complaint?.reason].compactMap { $0 }.joined(separator: ": ")
        let shown = String(words.prefix(200).map { $0.isNewline ? " " : $0 })
        let said = shown.isEmpty ? HTTPStatus.words(status).map { $0 + pageNote } : shown
        let reason = "the CouchDB server \(FileName.quoted(host)) answered \(status)" + (said.map { " (\($0))" } ?? "")
        let now = headers["Date"].flatMap(HTTPDate.parse) ?? Date()
        return StorageError(
            code(complaint),
            name: name,
            "\(failed): \(reason)\(advice(complaint)).",
            retryAfter: HTTPStatus.retryAfter(headers["Retry-After"], now: now)
        )
    }

    /// Source: CouchDB's documentation, "HTTP Status Codes" and "JSON errors"; `error_info` of its HTTP layer.
    private func code(_ complaint: Complaint?) -> StorageError.Code {
        if missesDatabase { return .invalidConfiguration }
        switch (status, complaint?.error) {
        case (_, "illegal_docid"?): return .invalidName
        case (_, "illegal_database_name"?): return .invalidConfiguration
        case (_, "content_md5_mismatch"?): return .damaged
        case (500..., _) where complaint?.reason?.contains("enospc") == true: return .full
        // A proxy's, or another server's.
        case (404, let error) where error != "not_found": return .failed
        case (409, _): return .alreadyExists
        // Of a limit that the server's configuration sets; the same file never fits.
        case (413, _): return .notSupported
        case (400, _), (406, _), (412, _), (415, _), (416, _), (417, _): return .failed
        default: return HTTPStatus.code(status)
        }
    }

    private func advice(_ complaint: Complaint?) -> String {
        if missesDatabase { return "; create the database, or set the option createsDatabase" }
        switch status {
        case 301, 302, 307, 308: return "; it redirects to another address: check the option server"
        case 401: return "; check the user and the password"
        case 413: return "; see max_attachment_size and max_document_size in its configuration"
        default: return ""
        }
    }

    private var pageNote: String {
        headers["Content-Type"]?.lowercased().contains("html") == true ? ", but a page of HTML" : ""
    }
}
