internal import QueuedStorageCore
internal import QueuedStorageTransport

/// A part of an object that was sent.
struct SentPart: Hashable, Sendable {
    /// Its number, from 1.
    var number: Int
    /// Its size in bytes.
    var size: Int64
    /// The MD5 of its bytes, as they were read here, in hexadecimal digits.
    var md5: String
    /// The server's tag of it, without quotes.
    var etag: String
}

/// What is known of an upload in parts, as its journal keeps it.
///
/// ```
/// s3 1
/// key media/a%20b.bin
/// upload 2~Abc…
/// part 1 8388608 9a0364b9e99bb480dd25e1f0284c8555 9a0364b9e99bb480dd25e1f0284c8555
/// ```
struct UploadRecord: Hashable, Sendable {
    /// The object's key.
    var key: String
    /// The server's identifier of the upload.
    var uploadID: String
    /// The parts that were sent, by their number.
    var parts: [Int: SentPart] = [:]
    /// No part is larger: 1 TiB, more than any server takes.
    private static let maxPartSize: Int64 = 1 << 40

    init(key: String, uploadID: String) {
        self.key = key
        self.uploadID = uploadID
    }

    /// Reads a record; nil if the text isn't one.
    init?(_ text: String) {
        var lines = text.split(separator: "\n").map { $0.split(separator: " ", omittingEmptySubsequences: false) }[...]
        guard lines.popFirst() == ["s3", "1"],
            let key = lines.popFirst(), key.count == 2, key[0] == "key", let name = String(key[1]).percentDecoded,
            let upload = lines.popFirst(), upload.count == 2, upload[0] == "upload",
            let uploadID = String(upload[1]).percentDecoded
        else { return nil }
        self.init(key: name, uploadID: uploadID)
        for line in lines {
            guard line.count == 5, line[0] == "part", let number = Int(line[1]), let size = Int64(line[2]),
                (0...Self.maxPartSize).contains(size), parts.count < S3Storage.maxPartCount
            else { return nil }
            parts[number] = SentPart(number: number, size: size, md5: String(line[3]), etag: String(line[4]))
        }
    }

    /// The record as a text.
    var text: String {
        var text = "s3 1\nkey \(key.percentEncoded())\nupload \(uploadID.percentEncoded())\n"
        for part in parts.values.sorted(by: { $0.number < $1.number }) {
            text += "part \(part.number) \(part.size) \(part.md5) \(part.etag)\n"
        }
        return text
    }

    /// The parts from the first one on, up to the first gap.
    var beginning: [SentPart] {
        var beginning: [SentPart] = []
        while let part = parts[beginning.count + 1] { beginning.append(part) }
        return beginning
    }
}
