import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// What a request sends: bytes in memory, or bytes that come from a source and can be sent again as long as few went.
final class UploadBody: Sendable {
    /// How many bytes of a source are kept: more than a transport takes before the server asked for them.
    static let keptByteCount: Int64 = 2 << 20

    let size: Int64
    private struct Kept: Sendable {
        var buffers: [[UInt8]] = []
        var byteCount: Int64 = 0
        var isWhole = true
        /// Of what a source brings, if somebody will ask.
        var digests: Digests?
        /// Of bytes in memory, once somebody asked.
        var md5: String?
    }

    private let source: ContentSource?
    private let kept: Mutex<Kept>

    /// Sends buffers, as often as is wanted.
    init(_ buffers: [[UInt8]]) {
        size = buffers.reduce(0) { $0 + Int64($1.count) }
        source = nil
        kept = Mutex(Kept(buffers: buffers, byteCount: size))
    }

    /// Sends the next bytes of a source.
    init(_ source: ContentSource, size: Int64, computesMD5: Bool = false) {
        self.size = size
        self.source = source
        kept = Mutex(Kept(digests: computesMD5 ? Digests(.md5) : nil))
    }

    convenience init(_ bytes: [UInt8]) { self.init(bytes.isEmpty ? [] : [bytes]) }

    /// Whether everything that was read is still there.
    var canBeSentAgain: Bool { kept.withLock { $0.isWhole } }

    /// Whether the transport has all of it, so that the server may have it, too.
    var isHandedOver: Bool { source == nil || kept.withLock { $0.byteCount == size } }

    /// Whether all bytes are known before they are sent.
    var isInMemory: Bool { source == nil }

    /// The MD5 of all bytes; of a source's, of those that it brought so far, if it was to be computed.
    var md5: String {
        kept.withLock { kept in
            if let known = kept.md5 { return known }
            var digests = kept.digests ?? Digests(.md5)
            guard source == nil else { return digests.checksum(.md5).value }
            for buffer in kept.buffers { digests.update(buffer) }
            let value = digests.checksum(.md5).value
            kept.md5 = value
            return value
        }
    }

    func transportBody() -> TransportRequest.Body {
        if source == nil {
            let buffers = kept.withLock { $0.buffers }
            if buffers.count <= 1 { return buffers.isEmpty ? .none : .bytes(buffers[0]) }
        }
        return .stream(reader(), size: size)
    }

    private func reader() -> FileReader {
        FileReader(size: size) {
            let position = Shared(0)
            return { [self] in
                let index = position.value
                position.value = index + 1
                if let buffer = kept.withLock({ $0.buffers.indices.contains(index) ? $0.buffers[index] : nil }) {
                    return buffer
                }
                return try await fetch()
            }
        }
    }

    private func fetch() async throws -> [UInt8]? {
        guard let source else { return nil }
        let rest = size - kept.withLock { $0.byteCount }
        guard rest > 0, let buffer = try await source.next(upTo: rest) else { return nil }
        // The last buffer makes the content whole for the server, so that nothing may go wrong after it.
        if buffer.count == rest { try await source.requireEnd() }
        kept.withLock { kept in
            kept.byteCount += Int64(buffer.count)
            kept.digests?.update(buffer)
            if kept.byteCount <= Self.keptByteCount {
                kept.buffers.append(buffer)
            } else {
                kept.isWhole = false
                kept.buffers = []
            }
        }
        return buffer
    }
}
