public import FoundationEssentials

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
public protocol ExclusiveStorage: Storage {
    /// Whether it really does, where only the server at the other end can tell; true if not said otherwise.
    ///
    /// A storage that doesn't looks first whether a name is taken, and two stores at the same moment may both succeed.
    var isExclusive: Bool { get async throws }
}

extension ExclusiveStorage {
    /// True.
    public var isExclusive: Bool { true }
}

/// A storage whose other side promises that what it confirmed survives a loss of power there.
///
/// Where that isn't promised, a transfer that deletes the local copy keeps it for a while, and looks at the remote's copy
/// once more before it goes; see ``QueuedStorageOptions/durabilityGrace``.
public protocol DurableStorage: Storage {
    /// Whether it really does, where only the server at the other end can tell; true if not said otherwise.
    var isDurable: Bool { get async throws }
}

extension DurableStorage {
    /// True.
    public var isDurable: Bool { true }
}

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
    /// The smallest file, in bytes, that is worth being sent so; smaller ones begin again when they are cut.
    var resumableFrom: Int64 { get }

    /// Returns how many bytes of an upload the storage holds durably; 0 if it never heard of it.
    ///
    /// - Parameter upload: The upload.
    /// - Returns: A number of bytes from the upload's beginning.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` and the like where the storage can't tell.
    func uploadedByteCount(_ upload: Upload) async throws -> Int64

    /// Appends content to an upload, making it if it is new.
    ///
    /// - Parameters:
    ///   - content: The bytes, usually all that are missing.
    ///   - upload: The upload.
    ///   - offset: Where the bytes belong; it must be what ``uploadedByteCount(_:)`` said.
    ///   - options: The content's type, and whom to tell how many bytes of this content were handed over.
    /// - Returns: How many bytes of the upload are durable now; what is missing is to be handed over again.
    /// - Throws: ``StorageError`` with ``StorageError/Code/failed`` if the offset isn't where the upload ends, or
    ///   somebody else appends to it; what was durable before stays so.
    func append(_ content: FileContent, to upload: Upload, at offset: Int64, options: StoreOptions) async throws
        -> Int64

    /// Publishes an upload under its name, and forgets the upload.
    ///
    /// - Parameters:
    ///   - upload: The upload.
    ///   - options: As for ``Storage/store(_:as:options:)``, and the SHA-256 that the bytes must have.
    /// - Returns: What was stored.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such upload,
    ///   ``StorageError/Code/alreadyExists`` if the name is taken and may not be replaced: the upload stays then; or
    ///   ``StorageError/Code/damaged`` if its bytes turned out to be other ones: it is forgotten then.
    func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject

    /// Forgets an upload and its bytes; one that is unknown is forgotten already.
    ///
    /// - Parameter upload: The upload.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` and the like; forgetting it again is harmless.
    func abandon(_ upload: Upload) async throws
}

extension ResumableStorage {
    /// 8 MiB: what is smaller is sent again sooner than its rest is found.
    public var resumableFrom: Int64 { 8 << 20 }
}

/// A storage that can find what attempts that died left in it.
public protocol LeftoverStorage: Storage {
    /// Finds unfinished uploads and temporary files, those of live attempts included: only their age tells them apart.
    ///
    /// - Returns: What was found, in no order.
    /// - Throws: ``StorageError`` where the storage can't tell.
    func leftovers() async throws -> [Leftover]

    /// Removes what was found; what is gone already is removed.
    ///
    /// - Parameter leftover: One of ``leftovers()``.
    /// - Throws: ``StorageError`` where it can't be removed.
    func remove(_ leftover: Leftover) async throws
}

/// Something that an unfinished attempt left in a storage.
public struct Leftover: Hashable, Sendable {
    /// How the storage finds it again.
    public var id: String
    /// The name or upload that it was made for, as far as the storage knows.
    public var purpose: String
    /// How many bytes it occupies, if the storage says so.
    public var byteCount: Int64?
    /// When it was last touched, if the storage says so.
    public var touchedAt: Date?

    /// Describes something left over.
    ///
    /// - Parameters:
    ///   - id: How the storage finds it again.
    ///   - purpose: The name or upload that it was made for.
    ///   - byteCount: How many bytes it occupies.
    ///   - touchedAt: When it was last touched.
    public init(id: String, purpose: String, byteCount: Int64? = nil, touchedAt: Date? = nil) {
        self.id = id
        self.purpose = purpose
        self.byteCount = byteCount
        self.touchedAt = touchedAt
    }
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
