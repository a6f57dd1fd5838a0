public import FoundationEssentials

/// A place that keeps bytes under names.
///
/// A *name* is relative, its components are joined by `/`, and it is the same text wherever the file goes. A storage
/// never changes an argument: what it decided, such as the name that a file really got, it returns.
///
/// To write a storage, implement the requirements without a default; ``save(_:_:maxLength:options:)``, the rules for
/// names and ``openForWriting(_:options:)`` come with the protocol. Hold it against `StorageRequirement.all` of the
/// module `QueuedStorageTesting`. What only some storages can do is a protocol of its own: ``LocalPathStorage``,
/// ``ExclusiveStorage``, ``DurableStorage``, ``ChecksumStorage``, ``CopyingStorage``, ``ResumableStorage``, ``LeftoverStorage``.
///
/// Deleting what is absent succeeds; opening it throws ``StorageError/Code/notFound``.
///
/// Source: Django 5.2, "File storage API", whose methods these are.
public protocol Storage: Sendable {
    /// A text that tells this place from every other one, and holds no secret.
    ///
    /// The catalog keeps it to notice that a storage's alias suddenly means another place. Kind, host, container and
    /// prefix belong in it; credentials and tuning don't.
    var fingerprint: String { get }

    /// Opens a file for reading, whole or a range of its bytes.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - range: The bytes wanted, counted from 0; a range that reaches past the end is cut there. The whole file if nil.
    /// - Returns: The bytes, in buffers, to be iterated once.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file.
    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader

    /// Stores content under exactly the given name, durably and as a whole or not at all.
    ///
    /// This is the primitive below ``save(_:_:maxLength:options:)``: it doesn't look for a free name.
    ///
    /// - Parameters:
    ///   - content: The bytes.
    ///   - name: The name, valid by ``FileName/validate(_:allowsDirectories:)``.
    ///   - options: Whether an existing file may be replaced, what to compute on the way, and whom to tell of progress.
    /// - Returns: What was stored, and under which name, as some storages normalise names.
    /// - Throws: ``StorageError`` with ``StorageError/Code/alreadyExists`` if the name is taken and
    ///   ``StoreOptions/replaces`` is false. Nothing of the content stays behind then, or after any other error.
    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject

    /// Deletes a file; one that is absent is deleted already.
    ///
    /// - Parameter name: The file's name; an empty one is refused.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name is empty or leads out of the
    ///   storage, or ``StorageError/Code/isDirectory`` if it is a directory that isn't empty.
    func delete(_ name: String) async throws

    /// Tells whether anything has the name.
    ///
    /// - Parameter name: A file's name, or a directory's where the storage has directories.
    /// - Returns: False if nothing has it.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` or ``StorageError/Code/denied`` where the storage
    ///   can't tell.
    func exists(_ name: String) async throws -> Bool

    /// Lists the directories and files directly below a directory.
    ///
    /// - Parameter directory: The directory's name; empty for the storage's root.
    /// - Returns: The last components only, sorted by their bytes.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` where the storage has directories and this isn't one.
    func list(_ directory: String) async throws -> DirectoryListing

    /// Returns the size of a file, in bytes.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: Its number of bytes.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file.
    func size(_ name: String) async throws -> Int64

    /// Returns the address under which clients reach a file.
    ///
    /// - Parameter name: The file's name; one that leads out of the storage is refused.
    /// - Returns: The address, absolute or relative to the site, with the name percent-encoded.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notSupported`` if the storage has no addresses.
    func url(_ name: String) async throws -> String

    /// Returns when a file was last read.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The instant, as exactly as the storage knows it.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file, or
    ///   ``StorageError/Code/notSupported`` if the storage doesn't keep this time.
    func accessedAt(_ name: String) async throws -> Date

    /// Returns when a file was made.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The instant; where the storage keeps none, that of the last change of its description.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file, or
    ///   ``StorageError/Code/notSupported`` if the storage doesn't keep this time.
    func createdAt(_ name: String) async throws -> Date

    /// Returns when a file was last changed.
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The instant, as exactly as the storage knows it.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file, or
    ///   ``StorageError/Code/notSupported`` if the storage doesn't keep this time.
    func modifiedAt(_ name: String) async throws -> Date

    /// Opens a file for writing; the storage shows it once the writer is closed, and not before.
    ///
    /// - Parameters:
    ///   - name: The name to publish under.
    ///   - options: As for ``store(_:as:options:)``.
    /// - Returns: The writer; letting it go without closing it leaves nothing behind.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName``; that the name is taken may show only when the
    ///   writer is closed.
    func openForWriting(_ name: String, options: StoreOptions) async throws -> FileWriter

    /// Returns a name fit for this storage, made of a client's file name (a last component).
    ///
    /// - Parameter name: What the client called the file.
    /// - Returns: A last component of letters, digits, `_`, `-` and `.`, unless the storage has other rules.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if nothing usable is left of it.
    func validName(_ name: String) throws -> String

    /// Returns another name for a file whose name is taken.
    ///
    /// - Parameters:
    ///   - root: The name up to its extension.
    ///   - ext: The extension with its dot, or nothing.
    /// - Returns: A last component that nobody can foresee: root, `_`, seven random letters and digits, extension.
    func alternativeName(root: String, ext: String) -> String

    /// Tells whether a name is free and short enough.
    ///
    /// - Parameters:
    ///   - name: The whole name.
    ///   - maxLength: The longest name allowed, in Unicode scalars; no limit if nil or 0.
    /// - Returns: True if nothing has the name and it fits.
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` or ``StorageError/Code/denied`` where the storage
    ///   can't tell.
    func isNameAvailable(_ name: String, maxLength: Int?) async throws -> Bool

    /// Returns the name itself if it is free, else a free alternative.
    ///
    /// - Parameters:
    ///   - name: The wanted name.
    ///   - maxLength: The longest name allowed, in Unicode scalars; no limit if nil or 0.
    /// - Returns: A name that was free a moment ago; only a store tells who got it.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if no name of that length can be made of it.
    func availableName(_ name: String, maxLength: Int?) async throws -> String

    /// Returns the valid form of a name whose directories the application chose and whose last component a client chose.
    ///
    /// - Parameter filename: Directories and file name, joined by `/`.
    /// - Returns: Directories as they were, and the last component cleaned by ``validName(_:)``.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if it leads upwards, is absolute, or nothing
    ///   usable is left of its last component.
    func generateFilename(_ filename: String) throws -> String
}

/// What lies directly below a directory.
public struct DirectoryListing: Hashable, Sendable {
    /// The names of the sub-directories, last components only, sorted by their bytes.
    public var directories: [String]
    /// The names of the files, last components only, sorted by their bytes.
    public var files: [String]

    /// Makes a listing, sorting both sides by bytes.
    ///
    /// - Parameters:
    ///   - directories: The sub-directories' last components.
    ///   - files: The files' last components.
    public init(directories: some Sequence<String>, files: some Sequence<String>) {
        self.directories = directories.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        self.files = files.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}

/// How content is to be stored.
public struct StoreOptions: Sendable {
    /// Whether a file that has the name already may be replaced, in one step; an error otherwise.
    public var replaces: Bool
    /// The content's media type, where the storage keeps one.
    public var contentType: String?
    /// Whether to return the SHA-256 of the bytes, computed in the pass that reads them.
    public var computesSHA256: Bool
    /// The SHA-256 of an upload's bytes, where whoever finishes it knows it: a storage that can ask the other side for it,
    /// or is set to read back, compares before it publishes.
    public var expectedSHA256: String?
    /// What temporary names carry, so that what a dead attempt left can be told from a live one's.
    public var temporaryTag: String?
    /// Whom to tell how many bytes were handed over so far; called often, from any thread.
    public var progress: (@Sendable (Int64) -> Void)?

    /// Makes options.
    ///
    /// - Parameters:
    ///   - replaces: Whether an existing file may be replaced.
    ///   - contentType: The content's media type.
    ///   - computesSHA256: Whether to return the SHA-256 of the bytes.
    ///   - expectedSHA256: The SHA-256 of an upload's bytes, in lower-case hexadecimal digits.
    ///   - temporaryTag: What temporary names carry.
    ///   - progress: Whom to tell of the bytes handed over so far.
    public init(
        replaces: Bool = false,
        contentType: String? = nil,
        computesSHA256: Bool = false,
        expectedSHA256: String? = nil,
        temporaryTag: String? = nil,
        progress: (@Sendable (Int64) -> Void)? = nil
    ) {
        self.replaces = replaces
        self.contentType = contentType
        self.computesSHA256 = computesSHA256
        self.expectedSHA256 = expectedSHA256
        self.temporaryTag = temporaryTag
        self.progress = progress
    }
}

/// What a storage says of the content that it stored.
public struct StoredObject: Hashable, Sendable {
    /// The name that the content really has.
    public var name: String
    /// The number of bytes stored.
    public var size: Int64
    /// The SHA-256 of the bytes as they were read, in lower-case hexadecimal digits, if asked for.
    public var sha256: String?
    /// The checksum by which the storage itself vouched, after storing, for the bytes that were read; nil if it didn't.
    ///
    /// It is the proof that the stored bytes are those that were handed over: nothing needs to be read back.
    public var verifiedBy: Checksum.Algorithm?

    /// Makes a description of what was stored.
    ///
    /// - Parameters:
    ///   - name: The name that the content really has.
    ///   - size: The number of bytes stored.
    ///   - sha256: Their SHA-256 in lower-case hexadecimal digits, if computed.
    ///   - verifiedBy: The checksum by which the storage vouched for them.
    public init(name: String, size: Int64, sha256: String? = nil, verifiedBy: Checksum.Algorithm? = nil) {
        self.name = name
        self.size = size
        self.sha256 = sha256
        self.verifiedBy = verifiedBy
    }
}
