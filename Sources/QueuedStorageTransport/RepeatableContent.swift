package import QueuedStorageCore

/// Content that can be read any number of times, whose size is known.
///
/// A stream is first written to an unnamed file of this machine's temporary directory (`TMPDIR`); anything else is read
/// where it is.
package struct RepeatableContent: Sendable {
    /// How many bytes there are.
    package let size: Int64
    private let content: FileContent

    /// Makes content repeatable.
    ///
    /// - Parameter content: The content; a stream is read to its end.
    /// - Throws: `StorageError` if it can't be read, there is no room for it here, or it is shorter or longer than was
    ///   said; what a stream throws.
    package init(_ content: FileContent) async throws {
        switch content.source {
        case .bytes(let bytes):
            (self.content, size) = (content, Int64(bytes.count))
        case .path(let path):
            let file = try await blocking { try OpenFile(source: path) }
            (self.content, size) = (FileContent(.open(file)), try file.status().size)
        case .open(let file):
            (self.content, size) = (content, try file.status().size)
        case .stream(let reader):
            let file = try await blocking { try OpenFile.unnamedTemporary() }
            (self.content, size) = (FileContent(.open(file)), try await Self.spool(reader, to: file))
        }
    }

    /// Begins to read from the start.
    package func reader() throws -> FileReader { try content.reader() }

    /// Reads everything, for its SHA-256 and MD5.
    ///
    /// - Returns: The checksums of all bytes.
    package func digests() async throws -> Digests {
        var digests = Digests(.sha256, .md5)
        for try await buffer in try reader() {
            try Task.checkCancellation()
            digests.update(buffer)
        }
        return digests
    }

    private static func spool(_ reader: FileReader, to file: OpenFile) async throws -> Int64 {
        var count: Int64 = 0
        for try await buffer in reader {
            try Task.checkCancellation()
            let offset = count
            try await blocking {
                do {
                    try buffer.withUnsafeBytes { try file.write($0, at: offset) }
                } catch {
                    throw StorageError(
                        .failed,
                        "The content couldn't be kept in a temporary file; see that TMPDIR has room for it.",
                        cause: error
                    )
                }
            }
            count += Int64(buffer.count)
        }
        try Task.checkCancellation()
        if let size = reader.size, size != count {
            throw StorageError(.failed, "The content should have \(size) bytes, but \(count) came.")
        }
        return count
    }
}
