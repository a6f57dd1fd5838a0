import CLinux
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// An open directory.
///
/// Whatever is done in it is done in this very directory, whatever its path becomes.
///
/// Names are one component; symbolic links are never followed. All methods block.
struct Directory: Sendable {
    let file: OpenFile
    var descriptor: Int32 { file.descriptor }

    /// Opens a directory by its absolute path.
    static func open(_ path: String) throws -> Self {
        let descriptor = clinux_openat2(AT_FDCWD, path, UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, 0)
        guard descriptor >= 0 else { throw SystemError(errno, "open") }
        return Self(file: OpenFile(descriptor))
    }

    /// Opens a directory below this one; the kernel keeps the way to it inside, and off symbolic links.
    ///
    /// Where the way may not lead into what is mounted below, that is `EXDEV`.
    func directory(_ path: DropPath, crossesMounts: Bool = true) throws -> Self {
        if path == .root { return self }
        let flags = UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        let resolve =
            clinux_RESOLVE_BENEATH | clinux_RESOLVE_NO_SYMLINKS | (crossesMounts ? 0 : clinux_RESOLVE_NO_XDEV)
        let descriptor = withPath(path.bytes) { clinux_openat2(self.descriptor, $0, flags, 0, resolve) }
        guard descriptor >= 0 else { throw SystemError(errno, "openat2") }
        return Self(file: OpenFile(descriptor))
    }

    func directory(_ name: String) throws -> Self { try directory(DropPath(name)) }

    /// Opens a directory of ours that nobody else may enter, and makes it if need be.
    func privateDirectory(_ name: String) throws -> Self {
        if withPath(Array(name.utf8), { mkdirat(descriptor, $0, 0o700) }) == 0 {
            try sync()
        } else if errno != EEXIST {
            throw SystemError(errno, "mkdirat")
        }
        let directory = try directory(name)
        let status = try directory.file.status()
        guard status.owner == geteuid() else { throw SystemError(EPERM, "mkdirat") }
        if status.mode & 0o777 != 0o700, fchmod(directory.descriptor, 0o700) != 0 {
            throw SystemError(errno, "fchmod")
        }
        return directory
    }

    /// What lies under a name; nil if nothing does.
    func status(_ name: some Collection<UInt8>) throws -> FileStatus? {
        var status = stat()
        guard withPath(name, { fstatat(descriptor, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0 else {
            if errno == ENOENT { return nil }
            throw SystemError(errno, "fstatat")
        }
        return FileStatus(status)
    }

    /// Opens a file for reading; not blocking, not following.
    func open(_ name: some Collection<UInt8>) throws -> OpenFile {
        let flags = UInt64(O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY)
        let file = withPath(name) { clinux_openat2(descriptor, $0, flags, 0, clinux_RESOLVE_BENEATH) }
        guard file >= 0 else { throw SystemError(errno, "open") }
        return OpenFile(file)
    }

    /// Opens a file for reading and writing; makes it, for us alone, if need be.
    func openOrCreate(_ name: String, exclusively: Bool = false) throws -> OpenFile {
        let flags = UInt64(O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | (exclusively ? O_EXCL : 0))
        let file = clinux_openat2(descriptor, name, flags, 0o600, clinux_RESOLVE_BENEATH)
        guard file >= 0 else { throw SystemError(errno, "open") }
        return OpenFile(file)
    }

    /// Makes a file with its bytes, synced; not its directory entry.
    func create(_ name: String, _ bytes: [UInt8]) throws {
        let file = try openOrCreate(name, exclusively: true)
        do {
            try file.write(bytes)
            guard fsync(file.descriptor) == 0 else { throw SystemError(errno, "fsync") }
        } catch {
            try? remove(name.utf8)
            throw error
        }
    }

    /// Moves a file, never over another one.
    func move(_ name: some Collection<UInt8>, to directory: Directory, as newName: some Collection<UInt8>) throws {
        try withPath(name) { from in
            try withPath(newName) { to in
                if clinux_renameat2(descriptor, from, directory.descriptor, to, clinux_RENAME_NOREPLACE) == 0 { return }
                guard errno == EINVAL else { throw SystemError(errno, "renameat2") }
                // The file system can't rename without replacing.
                guard linkat(descriptor, from, directory.descriptor, to, 0) == 0 else {
                    throw SystemError(errno, "linkat")
                }
                guard unlinkat(descriptor, from, 0) == 0 else { throw SystemError(errno, "unlinkat") }
            }
        }
    }

    /// Removes a file; what is absent is removed.
    func remove(_ name: some Collection<UInt8>) throws {
        if withPath(name, { unlinkat(descriptor, $0, 0) }) != 0, errno != ENOENT {
            throw SystemError(errno, "unlinkat")
        }
    }

    /// Removes an empty directory; false if it isn't empty.
    @discardableResult
    func removeDirectory(_ name: some Collection<UInt8>) throws -> Bool {
        if withPath(name, { unlinkat(descriptor, $0, AT_REMOVEDIR) }) == 0 || errno == ENOENT { return true }
        guard errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY else { throw SystemError(errno, "unlinkat") }
        return false
    }

    /// Makes the directory's entries durable.
    func sync() throws {
        guard fsync(descriptor) == 0 else { throw SystemError(errno, "fsync") }
    }

    /// The names in it.
    func names() throws -> [[UInt8]] {
        let entries = try Entries(self)
        var names: [[UInt8]] = []
        while let entry = try entries.next() { names.append(entry.name) }
        return names
    }

    /// The names in it that are text.
    func textNames() throws -> [String] { try names().compactMap { String(validating: $0, as: UTF8.self) } }
}

/// The entries of a directory, read one after another, so that a million of them needs no memory.
final class Entries {
    struct Entry {
        var name: [UInt8]
        /// `DT_REG`, `DT_DIR` …; `DT_UNKNOWN` where the file system doesn't say.
        var type: Int32
    }

    private let stream: OpaquePointer

    init(_ directory: Directory) throws {
        // A stream of its own, from the start: the position belongs to the open file description.
        let descriptor = clinux_openat2(directory.descriptor, ".", UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, 0)
        guard descriptor >= 0 else { throw SystemError(errno, "openat2") }
        guard let stream = fdopendir(descriptor) else {
            let error = SystemError(errno, "fdopendir")
            close(descriptor)
            throw error
        }
        self.stream = stream
    }

    deinit { closedir(stream) }

    func next() throws -> Entry? {
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw SystemError(errno, "readdir") }
                return nil
            }
            let type = Int32(entry.pointee.d_type)
            let offset = MemoryLayout<dirent>.offset(of: \.d_name) ?? 19
            let start = UnsafeRawPointer(entry) + offset
            let name = Array(
                UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self)))
            )
            if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { continue }
            return Entry(name: name, type: type)
        }
    }
}

extension OpenFile {
    func write(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError(errno, "write")
            }
            rest = rest.dropFirst(count)
        }
    }

    /// The bytes from the beginning; nil if there are more than `limit`.
    func read(limit: Int) throws -> [UInt8]? {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(limit + 1, 64 << 10))
        while true {
            let count = buffer.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress, $0.count, off_t(bytes.count))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError(errno, "pread")
            }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
            if bytes.count > limit { return nil }
        }
    }
}

/// Hands bytes to a system call as a path.
func withPath<Value>(_ bytes: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) throws -> Value) rethrows -> Value
{
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
        var index = 0
        for byte in bytes {
            buffer[index] = CChar(bitPattern: byte)
            index += 1
        }
        buffer[index] = 0
        guard let start = buffer.baseAddress else {
            preconditionFailure("a buffer of at least one byte has an address")
        }
        return try body(UnsafePointer(start))
    }
}

/// Random hexadecimal digits, two for each byte.
func randomDigits(_ byteCount: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<byteCount).map { _ in
        let byte = UInt8.random(in: 0...255, using: &generator)
        return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
}
