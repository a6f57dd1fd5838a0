public import FoundationEssentials
internal import Glibc

/// A storage whose files are the files of a directory.
///
/// Files appear whole or not at all: they are written without a name, synced, and get their name in one step that
/// replaces nothing unless it is told to. Nothing leads out of the location, through no name and no symbolic link, also
/// against somebody who swaps directories meanwhile: the kernel resolves names beneath it.
/// ```swift
/// let media = FileSystemStorage(location: "/srv/media", baseURL: "/media/")
/// let name = try await media.save("2026/cat.jpg", .file("cat.jpg"))
/// ```
/// What the storage needs for itself lies in the folder `.qstore` of the location, which listings never show.
public struct FileSystemStorage: Sendable {
    /// What the storage was made with.
    public let configuration: Configuration
    package let location: Location
    /// The address of the location, with a slash at its end.
    let baseURL: String?
    let makeSuffix: @Sendable () -> String
    /// Whether to give unpublished files a name even where none is needed, as on file systems without `O_TMPFILE`.
    let namesTemporaries: Bool

    /// Makes a storage; the directory is first looked at when something is done with it.
    ///
    /// - Parameters:
    ///   - location: The directory; a relative one is taken from the working directory of the process.
    ///   - baseURL: The address under which clients reach the location, if they can.
    ///   - fileMode: The mode of files.
    ///   - directoryMode: The mode of directories that are made; as the umask has it if nil.
    ///   - allowOverwrite: Whether a save replaces the file that has its name.
    ///   - createsLocation: Whether to make the directory at the first use.
    public init(
        location: String,
        baseURL: String? = nil,
        fileMode: Int = 0o644,
        directoryMode: Int? = nil,
        allowOverwrite: Bool = false,
        createsLocation: Bool = true
    ) {
        self.init(
            Configuration(
                location: location,
                baseURL: baseURL,
                fileMode: fileMode,
                directoryMode: directoryMode,
                allowOverwrite: allowOverwrite,
                createsLocation: createsLocation
            )
        )
    }

    /// Makes a storage of its configuration.
    ///
    /// - Parameter configuration: What it is made with.
    public init(_ configuration: Configuration) { self.init(configuration, makeSuffix: FileName.randomSuffix) }

    /// Makes a storage whose suffixes for taken names and whose way with temporary files are given.
    package init(
        _ configuration: Configuration,
        namesTemporaries: Bool = false,
        makeSuffix: @escaping @Sendable () -> String = FileName.randomSuffix
    ) {
        self.configuration = configuration
        self.namesTemporaries = namesTemporaries
        self.makeSuffix = makeSuffix
        baseURL = configuration.baseURL.map { $0.utf8.last == UInt8(ascii: "/") ? $0 : $0 + "/" }
        location = Location(
            path: FileName.absolute(configuration.location),
            creates: configuration.createsLocation ?? true,
            directoryMode: configuration.directoryMode.map { UInt32($0) }
        )
    }

    /// What a file system storage is made with, as plain data; what is left out has its default.
    /// ```json
    /// {"location": "/srv/media", "baseURL": "/media/", "fileMode": 416}
    /// ```
    public struct Configuration: Codable, Hashable, Sendable {
        /// The directory.
        public var location: String
        /// The address under which clients reach the location.
        public var baseURL: String?
        /// The mode of files; 0o644 if nil.
        public var fileMode: Int?
        /// The mode of directories that are made; as the umask has it if nil.
        public var directoryMode: Int?
        /// Whether a save replaces the file that has its name; it doesn't if nil.
        public var allowOverwrite: Bool?
        /// Whether to make the directory at the first use; it does if nil.
        public var createsLocation: Bool?

        /// Makes a configuration, which leaves out what has its default.
        ///
        /// - Parameters:
        ///   - location: The directory.
        ///   - baseURL: The address under which clients reach the location.
        ///   - fileMode: The mode of files.
        ///   - directoryMode: The mode of directories that are made.
        ///   - allowOverwrite: Whether a save replaces the file that has its name.
        ///   - createsLocation: Whether to make the directory at the first use.
        public init(
            location: String,
            baseURL: String? = nil,
            fileMode: Int = 0o644,
            directoryMode: Int? = nil,
            allowOverwrite: Bool = false,
            createsLocation: Bool = true
        ) {
            self.location = location
            self.baseURL = baseURL
            self.fileMode = fileMode == 0o644 ? nil : fileMode
            self.directoryMode = directoryMode
            self.allowOverwrite = allowOverwrite ? true : nil
            self.createsLocation = createsLocation ? nil : false
        }
    }
}

extension FileSystemStorage {
    var fileMode: UInt32 { UInt32(configuration.fileMode ?? 0o644) }
    var directoryMode: UInt32? { configuration.directoryMode.map { UInt32($0) } }
    var allowsOverwrite: Bool { configuration.allowOverwrite ?? false }

    /// A name's path below the location, normalised; empty for the location itself.
    func resolve(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        return try FileName.relative(name, to: location.path)
    }

    /// Opens what has a name, with the flags given.
    func openFile(_ name: String, _ flags: Int32) throws -> OpenFile {
        // A FIFO would wait for its other end.
        try location.open().open(resolve(name), flags == O_RDONLY ? O_RDONLY | O_NONBLOCK : flags)
    }

    /// Runs a blocking act on a file, and says in its error what failed.
    func act<Value: Sendable>(
        _ verb: String,
        _ name: String,
        _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        do {
            return try await blocking(body)
        } catch {
            throw StorageError.couldNot(verb, name, error)
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: Storage {
    public var fingerprint: String {
        guard let real = realpath(location.path, nil) else { return "file:" + location.path }
        defer { free(real) }
        return "file:" + String(cString: real)
    }

    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await act("opened", name) {
            let file = try openFile(name, O_RDONLY)
            return try FileReader(file, range: range)
        }
    }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        try await act("deleted", name) {
            let (directory, leaf) = FileName.split(try resolve(name))
            guard leaf != "" else { throw FileName.refusal(name, "the location itself isn't deleted") }
            do {
                let parent = try location.open().directory(directory)
                if try parent.status(leaf)?.isDirectory == true {
                    try parent.removeDirectory(leaf)
                } else {
                    try parent.remove(leaf)
                }
                try parent.sync()
            } catch let error as SystemError where [ENOENT, ENOTDIR].contains(error.errno) {
                // It is deleted already.
            }
        }
    }

    public func exists(_ name: String) async throws -> Bool {
        try await act("looked up", name) { try status(name) != nil }
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        try await act("listed", directory) {
            let folder = try location.open().directory(resolve(directory))
            var directories: [String] = []
            var files: [String] = []
            for entry in try folder.entries() where entry.name != FileName.privateComponent {
                let isDirectory = entry.isDirectory ?? ((try? folder.directory(entry.name)) != nil)
                if isDirectory { directories.append(entry.name) } else { files.append(entry.name) }
            }
            return DirectoryListing(directories: directories, files: files)
        }
    }

    public func size(_ name: String) async throws -> Int64 {
        try await act("measured", name) {
            let status = FileStatus(try fileStatus(name))
            if status.isDirectory { throw SystemError(EISDIR, "stat") }
            return status.size
        }
    }

    public func url(_ name: String) async throws -> String {
        guard let baseURL else {
            throw StorageError(.notSupported, name: name, "The storage has no addresses; give it a base URL.")
        }
        return try FileName.url(name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date {
        try await act("looked up", name) { Date(try fileStatus(name).st_atim) }
    }

    public func createdAt(_ name: String) async throws -> Date {
        try await act("looked up", name) { try birth(name) }
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        try await act("looked up", name) { Date(try fileStatus(name).st_mtim) }
    }

    public func alternativeName(root: String, ext: String) -> String { "\(root)_\(makeSuffix())\(ext)" }

    public func isNameAvailable(_ name: String, maxLength: Int?) async throws -> Bool {
        guard FileName.fits(name, maxLength) else { return false }
        if allowsOverwrite { return true }
        return try await !exists(name)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: LocalPathStorage {
    public func path(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        return try FileName.join(name, to: location.path)
    }
}

extension Storage where Self == FileSystemStorage {
    /// The files of a directory.
    ///
    /// - Parameters:
    ///   - location: The directory.
    ///   - baseURL: The address under which clients reach it, if they can.
    /// - Returns: A storage that makes the directory at its first use.
    public static func fileSystem(_ location: String, baseURL: String? = nil) -> Self {
        FileSystemStorage(location: location, baseURL: baseURL)
    }
}
