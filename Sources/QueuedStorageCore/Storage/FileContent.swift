internal import Glibc

/// Bytes to be stored: given at once, lying in a file, or still to come.
///
/// A stream can be read once; bytes and files can be read again.
public struct FileContent: Sendable {
    package enum Source: Sendable {
        case bytes([UInt8])
        /// A file of this machine, opened when it is needed.
        case path(String)
        /// A file of this machine, open already.
        case open(OpenFile)
        case stream(FileReader)
    }

    package let source: Source
    /// The content's media type, where the storage keeps one.
    public var contentType: String?
    /// Whether the file that the content lies in goes away once it is saved.
    package var isTemporary = false

    /// How many bytes there are, if that is known before reading.
    public var size: Int64? {
        switch source {
        case .bytes(let bytes): Int64(bytes.count)
        case .path: nil
        case .open(let file): try? file.status().size
        case .stream(let reader): reader.size
        }
    }

    package init(_ source: Source, contentType: String? = nil) {
        self.source = source
        self.contentType = contentType
    }

    /// Content that is in memory.
    ///
    /// - Parameters:
    ///   - bytes: The bytes.
    ///   - contentType: Their media type.
    /// - Returns: Content that can be read any number of times.
    public static func bytes(_ bytes: some Sequence<UInt8>, contentType: String? = nil) -> Self {
        Self(.bytes(Array(bytes)), contentType: contentType)
    }

    /// Text, as UTF-8.
    ///
    /// - Parameters:
    ///   - text: The text.
    ///   - contentType: Its media type.
    /// - Returns: Content that can be read any number of times.
    public static func text(_ text: String, contentType: String? = nil) -> Self {
        Self(.bytes(Array(text.utf8)), contentType: contentType)
    }

    /// Content that lies in a file of this machine.
    ///
    /// - Parameters:
    ///   - path: The file's path.
    ///   - contentType: Its media type.
    /// - Returns: Content that is opened when it is stored; that the file is missing shows then.
    public static func file(_ path: String, contentType: String? = nil) -> Self {
        Self(.path(path), contentType: contentType)
    }

    /// Content that lies in a temporary file of this machine, which is moved: once it is saved, the file is gone.
    ///
    /// - Parameters:
    ///   - path: The file's path; nobody may still write to it.
    ///   - contentType: Its media type.
    /// - Returns: Content that is opened when it is stored, and whose file goes away after.
    public static func temporaryFile(_ path: String, contentType: String? = nil) -> Self {
        var content = Self(.path(path), contentType: contentType)
        content.isTemporary = true
        return content
    }

    /// Begins to read the content.
    ///
    /// Nothing is held open but what is being read; a stream can be begun once.
    package func reader() throws -> FileReader {
        switch source {
        case .bytes(let bytes): FileReader(bytes)
        case .path(let path): try FileReader(OpenFile(source: path), range: nil)
        case .open(let file): try FileReader(file, range: nil)
        case .stream(let reader): reader
        }
    }

    /// Removes the file that the content was in, if it was temporary.
    package func removeSourceIfTemporary() {
        if isTemporary, case .path(let path) = source { unlink(path) }
    }

    /// Content that is still to come, buffer by buffer.
    ///
    /// - Parameters:
    ///   - buffers: The buffers; the sequence is iterated once.
    ///   - size: How many bytes will come, if that is known; another number is an error.
    ///   - contentType: Their media type.
    /// - Returns: Content that can be stored once.
    public static func stream<Buffers: AsyncSequence & Sendable>(
        _ buffers: Buffers,
        size: Int64? = nil,
        contentType: String? = nil
    ) -> Self where Buffers.Element: Collection<UInt8> {
        Self(.stream(FileReader(size: size, buffers)), contentType: contentType)
    }
}

extension FileReader {
    /// Makes a reader of any sequence of buffers.
    package init<Buffers: AsyncSequence & Sendable>(size: Int64?, _ buffers: Buffers)
    where Buffers.Element: Collection<UInt8> {
        self.init(size: size) {
            let iterator = IteratorBox(buffers.makeAsyncIterator())
            return { try await iterator.next().map { Array($0) } }
        }
    }
}

/// Keeps an iterator for closures that are called one after another.
private final class IteratorBox<Iterator: AsyncIteratorProtocol>:
    @unchecked Sendable /* one reader, one call at a time */
{
    private var iterator: Iterator

    init(_ iterator: Iterator) { self.iterator = iterator }

    func next() async throws -> Iterator.Element? { try await iterator.next() }
}
