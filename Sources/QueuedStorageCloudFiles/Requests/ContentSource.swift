import QueuedStorageCore
import Synchronization

/// The bytes of a content, read once from its beginning to its end, in portions as they are wanted.
///
/// What was read too much can be put back. There is one reader at a time.
final class ContentSource: Sendable {
    private struct State: Sendable {
        var digests: Digests
        var rest: [[UInt8]] = []
        var byteCount: Int64 = 0
    }

    /// How many bytes there are, if that is known.
    let size: Int64?
    private let read: FileReader.Next
    private let state: Mutex<State>

    /// Begins to read.
    ///
    /// - Parameters:
    ///   - reader: The bytes.
    ///   - digests: What to compute of all of them.
    init(_ reader: FileReader, _ digests: Digests) {
        size = reader.size
        read = reader.makeAsyncIterator().read
        state = Mutex(State(digests: digests))
    }

    /// How many bytes were read so far, those included that were put back.
    var byteCount: Int64 { state.withLock { $0.byteCount } }

    /// How many bytes were handed out and not put back.
    var takenByteCount: Int64 {
        state.withLock { state in state.byteCount - state.rest.reduce(0) { $0 + Int64($1.count) } }
    }

    /// A checksum of all that was read so far, among those asked for.
    func checksum(_ algorithm: Checksum.Algorithm) -> Checksum { state.withLock { $0.digests.checksum(algorithm) } }

    /// The next buffer, at most so large; nil at the end.
    func next(upTo count: Int64) async throws -> [UInt8]? {
        try Task.checkCancellation()
        let kept = state.withLock { state in state.rest.isEmpty ? nil : state.rest.removeFirst() }
        var buffer: [UInt8]
        if let kept {
            buffer = kept
        } else {
            repeat {
                guard let new = try await read() else { return nil }
                buffer = new
            } while buffer.isEmpty
            state.withLock { state in
                state.byteCount += Int64(buffer.count)
                state.digests.update(buffer)
            }
        }
        if buffer.count > count {
            let end = Int(count)
            state.withLock { $0.rest.insert(Array(buffer[end...]), at: 0) }
            buffer = Array(buffer[..<end])
        }
        return buffer
    }

    /// As many bytes as are asked for, in buffers; fewer only at the end.
    func take(_ count: Int64) async throws -> [[UInt8]] {
        var buffers: [[UInt8]] = []
        var rest = count
        while rest > 0, let buffer = try await next(upTo: rest) {
            rest -= Int64(buffer.count)
            buffers.append(buffer)
        }
        return buffers
    }

    /// Refuses content that goes on after the size that it was said to have.
    func requireEnd() async throws {
        // A part of it is followed by the next one.
        guard let size, takenByteCount == size, try await next(upTo: 1) != nil else { return }
        throw StorageError(.damaged, "The content was said to have \(size) bytes, and has more.")
    }

    /// Takes back what was read last.
    func putBack(_ buffers: [[UInt8]]) { state.withLock { $0.rest = buffers + $0.rest } }
}
