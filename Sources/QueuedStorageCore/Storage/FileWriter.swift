/// A file being written; the storage shows it once the writer is closed, and not before.
///
/// A writer that is let go without ``close()`` leaves nothing behind.
public struct FileWriter: Sendable {
    private let writeBytes: @Sendable ([UInt8]) async throws -> Void
    private let publish: @Sendable () async throws -> StoredObject
    private let abandon: @Sendable () async -> Void

    /// Makes a writer of what it does.
    ///
    /// - Parameters:
    ///   - write: Takes the next bytes.
    ///   - close: Publishes the file.
    ///   - discard: Forgets the file.
    public init(
        write: @escaping @Sendable ([UInt8]) async throws -> Void,
        close: @escaping @Sendable () async throws -> StoredObject,
        discard: @escaping @Sendable () async -> Void
    ) {
        writeBytes = write
        publish = close
        abandon = discard
    }

    /// Takes the next bytes.
    ///
    /// - Parameter bytes: The bytes; they are handed on before the call returns.
    /// - Throws: What the storage throws when it can't take them; discard the writer then.
    public func write(_ bytes: some Sequence<UInt8>) async throws { try await writeBytes(Array(bytes)) }

    /// Publishes the file, durably.
    ///
    /// - Returns: What was stored, and under which name.
    public func close() async throws -> StoredObject { try await publish() }

    /// Forgets the file; nothing of it stays behind.
    public func discard() async { await abandon() }
}
