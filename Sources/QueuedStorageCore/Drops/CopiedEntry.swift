/// A drop folder's taken entry whose bytes were copied, and what it was when the copy began.
///
/// Others may still write to such a file. Whoever removes the entry compares it with this first: what was written since
/// is a new drop, whichever process copied it.
public struct CopiedEntry: Hashable, Sendable {
    /// The entry: `INBOXID/TOKEN/ID`.
    public var entry: String
    /// The number of bytes.
    public var size: Int64
    /// When the bytes were changed last, in nanoseconds since 1970.
    public var modifiedAt: Int64
    /// When anything about the file was changed last, its links included, in nanoseconds since 1970.
    public var changedAt: Int64
    /// The SHA-256 of the copied bytes, in lower-case hexadecimal digits; nil if it wasn't computed.
    public var sha256: String?

    /// Describes an entry whose bytes were copied.
    ///
    /// - Parameters:
    ///   - entry: The entry.
    ///   - size: The number of bytes.
    ///   - modifiedAt: When the bytes were changed last, in nanoseconds since 1970.
    ///   - changedAt: When anything about the file was changed last, in nanoseconds since 1970.
    ///   - sha256: The SHA-256 of the copied bytes.
    public init(entry: String, size: Int64, modifiedAt: Int64, changedAt: Int64, sha256: String? = nil) {
        self.entry = entry
        self.size = size
        self.modifiedAt = modifiedAt
        self.changedAt = changedAt
        self.sha256 = sha256
    }

    package init(_ taken: TakenFile, sha256: String?) {
        self.init(
            entry: "\(taken.inboxID)/\(taken.entry)",
            size: taken.status.size,
            modifiedAt: taken.status.modified,
            changedAt: taken.status.changed,
            sha256: sha256
        )
    }
}
