import Synchronization

/// A file that comes in pieces, over several attempts.
public struct Upload: Sendable {
    /// The upload's identifier, the same for all attempts: ASCII letters, digits, `-` and `_`.
    public let id: String
    /// The name to be published under.
    public let name: String
    /// Where the storage keeps what the next attempt must know.
    public let journal: any UploadJournal

    /// Makes an upload.
    ///
    /// - Parameters:
    ///   - id: Its identifier.
    ///   - name: The name to be published under.
    ///   - journal: Where the storage keeps what the next attempt must know; in memory if not said otherwise.
    public init(id: String, name: String, journal: any UploadJournal = MemoryUploadJournal()) {
        self.id = id
        self.name = name
        self.journal = journal
    }
}

/// Keeps what a storage must know of an upload again: one text of the storage's own making, without secrets.
public protocol UploadJournal: Sendable {
    /// Returns what was written last; nil if nothing was.
    ///
    /// - Returns: The text.
    /// - Throws: What keeps the journal from being read.
    func read() async throws -> String?

    /// Replaces the text, durably.
    ///
    /// - Parameter text: The new text.
    /// - Throws: What keeps the journal from being written, also that the attempt no longer counts: it must end then.
    func write(_ text: String) async throws
}

/// A journal that is forgotten with the process.
public final class MemoryUploadJournal: UploadJournal {
    private let text = Mutex<String?>(nil)

    /// Makes an empty journal.
    public init() {}

    /// Returns what was written last.
    ///
    /// - Returns: The text; nil if nothing was written.
    public func read() async -> String? { text.withLock { $0 } }

    /// Replaces the text.
    ///
    /// - Parameter text: The new text.
    public func write(_ text: String) async { self.text.withLock { $0 = text } }
}
