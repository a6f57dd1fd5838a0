internal import FoundationEssentials
internal import QueuedStorageCore

/// The checksums of bytes that are sent at once.
struct ContentSeal: Sendable {
    let md5: [UInt8]
    let sha256: [UInt8]
    private let crc32c: [UInt8]?
    private let kept: Checksum.Algorithm?

    /// Computes the checksums.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - kept: The checksum that the server is to keep beside them.
    init(_ bytes: [UInt8], _ kept: Checksum.Algorithm?) {
        var digests = kept == .crc32c ? Digests(.md5, .sha256, .crc32c) : Digests(.md5, .sha256)
        bytes.withUnsafeBytes { digests.update($0) }
        md5 = digests.bytes(.md5)
        sha256 = digests.bytes(.sha256)
        crc32c = kept == .crc32c ? digests.bytes(.crc32c) : nil
        self.kept = kept
    }

    /// The checksums that go with the bytes.
    var headers: [(name: String, value: String)] {
        var headers = [(name: "content-md5", value: Data(md5).base64EncodedString())]
        if let kept, let value = value(kept) {
            headers.append(("x-amz-checksum-\(kept)", Data(value).base64EncodedString()))
            headers.append(("x-amz-sdk-checksum-algorithm", kept.description.uppercased()))
        }
        return headers
    }

    /// A checksum; nil if it wasn't computed.
    func value(_ algorithm: Checksum.Algorithm) -> [UInt8]? {
        switch algorithm {
        case .md5: md5
        case .sha256: sha256
        default: crc32c
        }
    }
}
