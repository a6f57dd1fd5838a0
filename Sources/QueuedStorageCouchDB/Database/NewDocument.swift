import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// A document that is to be made, with the attachment that holds the file's bytes.
///
/// ```json
/// { "_rev": "3-917f…", "kind": "queued-storage.file", "size": 11, "sha256": "b94d…", "content_type": "text/plain",
///   "created": "2026-03-01T09:00:00.000Z", "modified": "2026-03-01T09:00:00.000Z", "upload": "5f2c…",
///   "_attachments": { "content": { "content_type": "text/plain", "follows": true, "length": 11, "digest": "md5-Xr…" } } }
/// ```
struct NewDocument: Encodable, Sendable {
    /// The revision that this one follows; nil for a new document.
    var revision: String?
    var size: Int64
    var sha256: String
    var contentType: String
    var created: String
    var modified: String
    /// What tells the store that makes it from all others.
    var upload: String
    private var attachments: [String: Attachment] = [:]
    private var kind = "queued-storage.file"

    /// An attachment whose bytes are in the document itself, or follow it.
    private struct Attachment: Encodable {
        var contentType: String
        var data: String?
        var follows: Bool?
        var length: Int64?
        var digest: String?

        private enum CodingKeys: String, CodingKey {
            case data, follows, length, digest
            case contentType = "content_type"
        }
    }

    private enum CodingKeys: String, CodingKey {
        case revision = "_rev"
        case attachments = "_attachments"
        case contentType = "content_type"
        case kind, size, sha256, created, modified, upload
    }

    init(size: Int64, digests: Digests, contentType: String, created: String?) {
        self.size = size
        sha256 = digests.checksum(.sha256).value
        self.contentType = contentType
        modified = RFC3339.format(Date())
        self.created = created ?? modified
        upload = FileName.randomIdentifier()
    }

    /// The document with the bytes in it.
    func json(with bytes: [UInt8]) throws -> [UInt8] {
        var document = self
        document.attachments[StoredDocument.attachmentName] = Attachment(
            contentType: contentType,
            data: Data(bytes).base64EncodedString()
        )
        return [UInt8](try JSONEncoder().encode(document))
    }

    /// The document whose bytes follow it; the server refuses them if they haven't this digest.
    func json(followedBy digest: String) throws -> [UInt8] {
        var document = self
        document.attachments[StoredDocument.attachmentName] = Attachment(
            contentType: contentType,
            follows: true,
            length: size,
            digest: digest
        )
        return [UInt8](try JSONEncoder().encode(document))
    }
}

/// The MD5 of bytes as CouchDB writes it.
func couchDigest(_ digests: Digests) -> String { "md5-" + Data(digests.bytes(.md5)).base64EncodedString() }

/// A document and the bytes of its attachment, in one body.
///
/// Source: RFC 2387; CouchDB's documentation, "Creating Multiple Attachments".
struct MultipartBody: Sendable {
    let contentType: String
    private let head: [UInt8]
    private let tail: [UInt8]
    private let content: RepeatableContent

    init(_ json: [UInt8], _ content: RepeatableContent, contentType: String) {
        let boundary = FileName.randomIdentifier()
        self.contentType = "multipart/related;boundary=\"\(boundary)\""
        self.content = content
        let attachment = StoredDocument.attachmentName
        head =
            Array("--\(boundary)\r\nContent-Type: application/json\r\n\r\n".utf8) + json
            + Array(
                ("\r\n--\(boundary)\r\nContent-Disposition: attachment; filename=\"\(attachment)\"\r\n"
                    + "Content-Type: \(contentType)\r\nContent-Length: \(content.size)\r\n\r\n").utf8
            )
        tail = Array("\r\n--\(boundary)--".utf8)
    }

    /// How many bytes come before those of the content.
    var contentOffset: Int64 { Int64(head.count) }

    /// How many bytes there are in all.
    var size: Int64 { Int64(head.count) + content.size + Int64(tail.count) }

    /// Begins to read from the start.
    func reader() throws -> FileReader {
        let (head, tail, size) = (head, tail, size)
        let content = try content.reader()
        return FileReader(size: size) {
            let next = content.makeAsyncIterator().read
            let part = Shared(0)
            return {
                if part.value == 0 {
                    part.value = 1
                    return head
                }
                if part.value == 1 {
                    if let buffer = try await next() { return buffer }
                    part.value = 2
                    return tail
                }
                return nil
            }
        }
    }
}
