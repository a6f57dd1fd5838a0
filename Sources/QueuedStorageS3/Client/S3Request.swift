internal import QueuedStorageCore
internal import QueuedStorageTransport

/// One act on a bucket or an object.
struct S3Request: Sendable {
    var method: String
    /// The object's key; nil for the bucket itself.
    var key: String?
    var query: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// The SHA-256 of the body, if it is known already.
    var payloadHash: String?
    /// What couldn't be done, if it fails: a word of the sentence.
    var verb: String
    /// The file that the sentence is about.
    var name: String?
    /// Whom to tell how many bytes of the body were handed over.
    var progress: (@Sendable (Int64) -> Void)?
    /// Whether the answer must be one about an object, which always has an ETag.
    var expectsETag = false

    init(
        _ method: String,
        _ key: String?,
        verb: String,
        name: String? = nil,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = []
    ) {
        self.method = method
        self.key = key
        self.verb = verb
        self.name = name
        self.query = query
        self.headers = headers
    }
}

/// An answer that was a success.
struct S3Response: Sendable {
    let status: Int
    let headers: HeaderFields
    /// The content, where it is still to be read.
    let body: FileReader

    /// The object's tag, without its quotes.
    var etag: String? { headers["ETag"].map { unquoted($0) } }
}

/// A tag without the quotes around it.
func unquoted(_ etag: String) -> String {
    var text = etag[...]
    if text.hasPrefix("W/") { text = text.dropFirst(2) }
    if text.count >= 2, text.first == "\"", text.last == "\"" { text = text.dropFirst().dropLast() }
    return String(text)
}
