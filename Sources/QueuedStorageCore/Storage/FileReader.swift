/// The bytes of a file, as they are read, in buffers.
///
/// Iterate it once. Reading happens as the buffers are asked for; who stops early leaves nothing open.
/// ```swift
/// for try await buffer in try await photos.open("2026/cat.jpg") { hash.update(data: buffer) }
/// ```
public struct FileReader: AsyncSequence, Sendable {
    /// A buffer of bytes, never empty.
    public typealias Element = [UInt8]
    /// Hands over the next buffer, or nil at the end.
    public typealias Next = @Sendable () async throws -> [UInt8]?

    /// The size of the buffers that storages read, in bytes: 256 KiB, beyond which copying gets slower again.
    public static let bufferSize = 256 << 10

    /// How many bytes will come, if that is known.
    public let size: Int64?
    private let start: @Sendable () -> Next

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - size: How many bytes will come, if that is known.
    ///   - start: Begins to read: returns what hands over one buffer after another, and nil at the end.
    public init(size: Int64?, _ start: @escaping @Sendable () -> Next) {
        self.size = size
        self.start = start
    }

    /// Begins to read.
    public func makeAsyncIterator() -> Iterator { Iterator(read: start()) }

    /// Hands over the buffers, one after another.
    public struct Iterator: AsyncIteratorProtocol {
        /// What ``next()`` calls, for those who can't keep an iterator in a variable.
        package let read: Next

        /// Hands over the next buffer, or nil at the end.
        public mutating func next() async throws -> [UInt8]? { try await read() }
    }

    /// Reads everything into memory.
    ///
    /// - Parameter maxSize: The most bytes to take.
    /// - Returns: All bytes, in order.
    /// - Throws: ``StorageError`` with ``StorageError/Code/full`` if there is more.
    public func collect(upTo maxSize: Int = .max) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await buffer in self {
            guard buffer.count <= maxSize - bytes.count else {
                throw StorageError(.full, "the content is larger than \(maxSize) bytes")
            }
            bytes += buffer
        }
        return bytes
    }
}

extension FileReader {
    /// Reads bytes that are in memory.
    package init(_ bytes: [UInt8]) {
        self.init(size: Int64(bytes.count)) {
            let position = Shared(0)
            return {
                let start = position.value
                let end = Swift.min(start + Self.bufferSize, bytes.count)
                position.value = end
                return start < end ? Array(bytes[start..<end]) : nil
            }
        }
    }
}
