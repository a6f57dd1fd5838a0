import Glibc

extension FileContent {
    /// Reads the content, whole or a range of it; a stream only as long as nobody has read it.
    ///
    /// Opening a path blocks.
    ///
    /// - Throws: ``StorageError`` if the file can't be opened.
    package func reader(range: Range<Int64>?) throws -> FileReader {
        switch source {
        case .bytes(let bytes):
            let whole = 0..<Int64(bytes.count)
            let wanted = range?.clamped(to: whole) ?? whole
            return FileReader(
                size: Int64(wanted.count),
                OneBuffer(bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)])
            )
        case .path(let path):
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw StorageError.couldNot("opened", path, SystemError(errno, "open"))
            }
            return try FileReader(OpenFile(descriptor), range: range)
        case .open(let file):
            return try FileReader(file, range: range)
        case .stream(let reader):
            guard range == nil else {
                throw StorageError(.notSupported, "a stream can only be read from its beginning to its end")
            }
            return reader
        }
    }
}

/// One buffer, unless it is empty.
private struct OneBuffer: AsyncSequence, AsyncIteratorProtocol, Sendable {
    private var buffer: ArraySlice<UInt8>?

    init(_ buffer: ArraySlice<UInt8>) { self.buffer = buffer.isEmpty ? nil : buffer }

    func makeAsyncIterator() -> Self { self }

    mutating func next() async -> ArraySlice<UInt8>? {
        defer { buffer = nil }
        return buffer
    }
}
