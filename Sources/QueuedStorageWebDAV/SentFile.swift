import QueuedStorageCore
private import Synchronization

/// A file on the server under its temporary name.
struct SentFile: Sendable {
    /// Where it lies, below the storage's directory.
    var place: [String]
    var size: Int64
    var sha256: String
    /// What of the server's own checksums agreed with ours.
    var verifiedBy: Checksum.Algorithm?
}

/// Computes checksums of content on its way.
final class Witness: Sendable {
    private let computesMD5: Bool
    private let state: Mutex<(digests: Digests, size: Int64)>

    /// Makes a witness.
    ///
    /// - Parameter computesMD5: Whether to compute MD5 beside SHA-256, which takes as long as all the rest.
    init(computesMD5: Bool) {
        self.computesMD5 = computesMD5
        state = Mutex((Self.digests(computesMD5), 0))
    }

    private static func digests(_ computesMD5: Bool) -> Digests {
        computesMD5 ? Digests(.sha256, .md5) : Digests(.sha256)
    }

    /// Returns the same content, and sees what is read of it, anew whenever it is read anew.
    func watching(_ reader: FileReader) -> FileReader {
        FileReader(size: reader.size) { [self] in
            state.withLock { $0 = (Self.digests(computesMD5), 0) }
            let next = reader.makeAsyncIterator().read
            return { [self] in
                guard let buffer = try await next() else { return nil }
                state.withLock { state in
                    state.digests.update(buffer)
                    state.size += Int64(buffer.count)
                }
                return buffer
            }
        }
    }

    var size: Int64 { state.withLock { $0.size } }

    /// A checksum of what was read; nil if it wasn't computed.
    func checksum(_ algorithm: Checksum.Algorithm) -> Checksum? {
        guard algorithm == .sha256 || algorithm == .md5 && computesMD5 else { return nil }
        return state.withLock { $0.digests.checksum(algorithm) }
    }
}
