import FoundationEssentials

/// A document as the server tells it, with what it says of the attachments.
///
/// Files of other programs, the original among them, have fewer fields: an attachment `content` makes a document a file.
struct StoredDocument: Decodable, Sendable {
    /// The attachment with a file's bytes.
    static let attachmentName = "content"

    var id: String
    var revision: String
    /// The revisions that lost against this one when databases were replicated.
    var conflicts: [String]
    var content: Attachment?
    var sha256: String?
    /// When the file was made, as the document says it.
    var created: String?
    var modifiedAt: Date?
    /// What tells the store that made it from all others.
    var upload: String?

    /// When the file was made.
    var createdAt: Date? { created.flatMap(RFC3339.parse) }

    /// What the server says of an attachment.
    struct Attachment: Decodable, Sendable {
        /// How many bytes it has, uncompressed.
        var length: Int64
        /// `md5-` and the MD5 of the bytes as the server keeps them, in Base64.
        var digest: String?
        /// `gzip` if the server keeps the bytes compressed.
        var encoding: String?
        var contentType: String?

        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            length = try values.decode(Int64.self, forKey: .length)
            guard length >= 0 else {
                throw DecodingError.dataCorruptedError(forKey: .length, in: values, debugDescription: "it is negative")
            }
            digest = try values.decodeIfPresent(String.self, forKey: .digest)
            encoding = try values.decodeIfPresent(String.self, forKey: .encoding)
            contentType = try values.decodeIfPresent(String.self, forKey: .contentType)
        }

        private enum CodingKeys: String, CodingKey {
            case length, digest, encoding
            case contentType = "content_type"
        }

        /// Whether the server's digest is one of the file's own bytes.
        var hasDigestOfContent: Bool { digest?.hasPrefix("md5-") == true && (encoding ?? "identity") == "identity" }
    }

    private enum CodingKeys: String, CodingKey {
        case id = "_id"
        case revision = "_rev"
        case conflicts = "_conflicts"
        case attachments = "_attachments"
        case sha256, created, modified, upload
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        id = try values.decode(String.self, forKey: .id)
        revision = try values.decode(String.self, forKey: .revision)
        conflicts = try values.decodeIfPresent([String].self, forKey: .conflicts) ?? []
        let attachments = try values.decodeIfPresent([String: Attachment].self, forKey: .attachments)
        content = attachments?[Self.attachmentName]
        // Fields of other programs may have these names.
        let text = { (key: CodingKeys) in try? values.decodeIfPresent(String.self, forKey: key) }
        sha256 = text(.sha256)
        created = text(.created)
        modifiedAt = text(.modified).flatMap(RFC3339.parse)
        upload = text(.upload)
    }
}

/// Instants as RFC 3339 writes them, in UTC, to the millisecond.
enum RFC3339 {
    static func format(_ date: Date) -> String {
        Date.ISO8601FormatStyle(includingFractionalSeconds: true).format(date)
    }

    static func parse(_ text: String) -> Date? {
        (try? Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text))
            ?? (try? Date.ISO8601FormatStyle().parse(text))
    }
}
