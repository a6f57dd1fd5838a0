internal import QueuedStorageCore

/// Reads content in parts of chosen sizes.
struct PartReader: Sendable {
    private let next: FileReader.Next
    private let size: Int64?
    private var rest: ArraySlice<UInt8> = []
    private var count: Int64 = 0
    private var hasEnded = false

    init(_ reader: FileReader) {
        next = reader.makeAsyncIterator().read
        size = reader.size
    }

    /// Whether everything was read and handed over.
    var isAtEnd: Bool { hasEnded && rest.isEmpty }

    /// How many bytes are still to come, as far as the content says.
    var remaining: Int64? { size.map { max(0, $0 - count + Int64(rest.count)) } }

    /// Reads the next part.
    ///
    /// - Parameter size: The part's size; the last one is smaller.
    /// - Returns: The bytes; nil at the end.
    /// - Throws: What the content throws, or `StorageError` with `damaged` if there is more or less
    ///   of it than was said.
    mutating func part(of size: Int) async throws -> [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(size, remaining.map { Int($0) } ?? min(size, 1 << 20)))
        take(&bytes, upTo: size)
        while bytes.count < size, !hasEnded {
            try Task.checkCancellation()
            guard let buffer = try await next() else {
                hasEnded = true
                try checkSize()
                break
            }
            count += Int64(buffer.count)
            if let size = self.size, count > size { try checkSize() }
            rest = buffer[...]
            take(&bytes, upTo: size)
        }
        return bytes.isEmpty ? nil : bytes
    }

    /// Puts bytes back that were read too early.
    mutating func unread(_ bytes: [UInt8]) { rest = bytes + rest }

    /// Refuses content that isn't as long as was said.
    func checkSize() throws {
        guard let size, size != count else { return }
        throw StorageError(
            .damaged,
            "The content was said to have \(size) bytes, and had \(count > size ? "more" : String(count))."
        )
    }

    private mutating func take(_ bytes: inout [UInt8], upTo size: Int) {
        guard !rest.isEmpty else { return }
        let taken = rest.prefix(size - bytes.count)
        bytes += taken
        rest = rest.dropFirst(taken.count)
    }
}
