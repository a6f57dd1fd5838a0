internal import FoundationEssentials
internal import QueuedStorageCore
internal import QueuedStorageTransport

/// What the head of an answer says of an object.
struct S3Description: Sendable {
    let size: Int64
    let modifiedAt: Date?
    /// The object's tag, without its quotes.
    let etag: String
    /// The strongest checksum of the whole object that the server keeps.
    let checksum: Checksum?

    init(_ headers: HeaderFields) {
        size = headers["Content-Length"].flatMap { Int64($0) }.map { max(0, $0) } ?? 0
        modifiedAt = headers["Last-Modified"].flatMap { HTTPDate.parse($0) }
        etag = unquoted(headers["ETag"] ?? "")
        checksum = Self.checksum(headers) ?? Self.md5(of: headers).map { Checksum(.md5, $0) }
    }

    /// The checksum that the server keeps beside the object, if it is one of the whole object.
    static func checksum(_ headers: HeaderFields) -> Checksum? {
        guard headers["x-amz-checksum-type"] != "COMPOSITE" else { return nil }
        for algorithm in [Checksum.Algorithm.sha256, .crc32c] {
            // Those of the parts, hashed together, end in `-` and a number.
            guard let text = headers["x-amz-checksum-\(algorithm)"], let data = Data(base64Encoded: text) else {
                continue
            }
            return Checksum(algorithm, data.hexadecimal)
        }
        return nil
    }

    /// The MD5 that the tag is, unless the object came in parts or is encrypted by a key of the customer's.
    static func md5(of headers: HeaderFields) -> String? {
        guard let etag = headers["ETag"].map({ unquoted($0) }), isMD5(etag), hasMD5Tags(headers) else { return nil }
        return etag.lowercased()
    }

    /// Whether tags are made of MD5s.
    ///
    /// Source: Amazon S3 API Reference, "Object": only objects without encryption or with SSE-S3.
    static func hasMD5Tags(_ headers: HeaderFields) -> Bool {
        headers["x-amz-server-side-encryption"]?.hasPrefix("aws:kms") != true
            && headers["x-amz-server-side-encryption-customer-algorithm"] == nil
    }

    static func isMD5(_ text: String) -> Bool {
        text.utf8.count == 32 && text.allSatisfy { $0.isASCII && $0.isHexDigit }
    }
}
