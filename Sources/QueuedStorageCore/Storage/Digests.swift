internal import CLinux
internal import Crypto

/// Several checksums of the same bytes, computed as the bytes come.
package struct Digests: Sendable {
    private var sha256: SHA256?
    private var md5: Insecure.MD5?
    private var crc32c: UInt32?

    /// Begins to compute.
    package init(_ algorithms: Checksum.Algorithm...) {
        if algorithms.contains(.sha256) { sha256 = SHA256() }
        if algorithms.contains(.md5) { md5 = Insecure.MD5() }
        if algorithms.contains(.crc32c) { crc32c = 0 }
    }

    /// Takes the next bytes.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        if bytes.withContiguousStorageIfAvailable({ update(UnsafeRawBufferPointer($0)) }) == nil {
            Array(bytes).withUnsafeBytes { update($0) }
        }
    }

    /// Takes the next bytes.
    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        sha256?.update(bufferPointer: bytes)
        md5?.update(bufferPointer: bytes)
        if let sum = crc32c { crc32c = clinux_crc32c(sum, bytes.baseAddress, bytes.count) }
    }

    /// The bytes of a checksum of what came so far; it must be one of those that were asked for.
    package func bytes(_ algorithm: Checksum.Algorithm) -> [UInt8] {
        let bytes: [UInt8]? =
            switch algorithm {
            case .sha256: sha256.map { Array($0.finalize()) }
            case .md5: md5.map { Array($0.finalize()) }
            default: crc32c.map { sum in (0..<4).map { UInt8(truncatingIfNeeded: sum >> (24 - 8 * $0)) } }
            }
        guard let bytes else { preconditionFailure("The checksum \(algorithm) wasn't asked for.") }
        return bytes
    }

    /// A checksum of what came so far; it must be one of those that were asked for.
    package func checksum(_ algorithm: Checksum.Algorithm) -> Checksum {
        Checksum(algorithm, bytes(algorithm).hexadecimal)
    }
}
