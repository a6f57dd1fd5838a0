/// A storage whose files are files of this machine.
public protocol LocalPathStorage: Storage {
    /// Returns the absolute path of a file, whether or not it exists.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The path, absolute and normalised; symbolic links are not resolved.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name leads out of the storage.
    func path(_ name: String) throws -> String
}

/// A storage that itself decides, in one step, that a name was free: of two concurrent stores of one name without
/// ``StoreOptions/replaces``, one wins and the other throws ``StorageError/Code/alreadyExists``.
public protocol ExclusiveStorage: Storage {}

/// A storage that can tell a checksum of what it holds, without the caller reading it.
public protocol ChecksumStorage: Storage {
    /// Returns the strongest checksum of a stored file that the storage can vouch for.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The checksum, or nil if the storage has none for this file.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file.
    func checksum(_ name: String) async throws -> Checksum?
}

/// A storage that copies a file within itself, without the bytes passing through the caller.
public protocol CopyingStorage: Storage {
    /// Copies a file to a free name.
    ///
    /// - Parameters:
    ///   - source: The name of the file to copy.
    ///   - destination: The name of the copy.
    /// - Throws: ``StorageError`` with ``StorageError/Code/alreadyExists`` if the destination is taken.
    func copy(_ source: String, to destination: String) async throws
}

/// A storage that takes a file in pieces, over several calls and several processes' lives, and shows it at the end.
public protocol ResumableStorage: Storage {
    /// Returns how many bytes of an upload the storage holds durably; 0 if it never heard of it.
    ///
    /// - Parameter upload: The upload's identifier, chosen by the caller: ASCII letters, digits, `-` and `_`.
    /// - Returns: A number of bytes from the upload's beginning.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` and the like where the storage can't tell.
    func uploadedByteCount(_ upload: String) async throws -> Int64

    /// Appends content to an upload, making it if it is new.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - upload: The upload's identifier.
    ///   - offset: Where the bytes belong; it must be what ``uploadedByteCount(_:)`` said.
    /// - Returns: How many bytes of the upload are durable now.
    /// - Throws: ``StorageError`` with ``StorageError/Code/failed`` if the offset isn't where the upload ends, or
    ///   somebody else appends to it; what was durable before stays so.
    func append(_ content: FileContent, to upload: String, at offset: Int64) async throws -> Int64

    /// Publishes an upload under a name, and forgets the upload.
    ///
    /// - Parameters:
    ///   - upload: The upload's identifier.
    ///   - name: The name to publish under.
    ///   - options: As for ``Storage/store(_:as:options:)``.
    /// - Returns: What was stored.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such upload, or
    ///   ``StorageError/Code/alreadyExists`` if the name is taken and may not be replaced; the upload stays then.
    func finish(_ upload: String, as name: String, options: StoreOptions) async throws -> StoredObject

    /// Forgets an upload and its bytes; one that is unknown is forgotten already.
    ///
    /// - Parameter upload: The upload's identifier.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` and the like; forgetting it again is harmless.
    func abandon(_ upload: String) async throws
}

/// A checksum and how it was computed.
public struct Checksum: Hashable, Sendable {
    /// A way to compute a checksum.
    public struct Algorithm: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String { case sha256, md5, crc32c }
        private let kind: Kind
        /// The algorithm's name.
        public var description: String { kind.rawValue }
        /// SHA-256 (FIPS 180-4).
        public static let sha256 = Self(kind: .sha256)
        /// MD5 (RFC 1321): no proof against an adversary, one against accidents.
        public static let md5 = Self(kind: .md5)
        /// CRC-32C (RFC 3720).
        public static let crc32c = Self(kind: .crc32c)
    }

    /// How the checksum was computed.
    public let algorithm: Algorithm
    /// The checksum in lower-case hexadecimal digits.
    public let value: String

    /// Makes a checksum.
    ///
    /// - Parameters:
    ///   - algorithm: How it was computed.
    ///   - value: Its value in hexadecimal digits.
    public init(_ algorithm: Algorithm, _ value: String) {
        self.algorithm = algorithm
        self.value = value.lowercased()
    }
}
