internal import CLinux
internal import FoundationEssentials
internal import Glibc
internal import Synchronization

extension FileSystemStorage {
    /// What has a name, itself and not what a link points to; nil if nothing has it.
    func status(_ name: String) throws -> FileStatus? {
        try FileName.validateComponents(name, limitsLength: false)
        let (directory, leaf) = FileName.split(try FileName.relative(name, to: location.path))
        do {
            return try location.open().directory(directory).status(leaf == "" ? "." : leaf)
        } catch let error as SystemError where [ENOENT, ENOTDIR, ENAMETOOLONG].contains(error.errno) {
            // Nothing can have a name that is too long, which a name that is still to be cut may be.
            return nil
        }
    }

    /// What the kernel knows of a file, without opening it for reading.
    func fileStatus(_ name: String) throws -> stat {
        let file = try openFile(name, clinux_O_PATH)
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw SystemError(errno, "fstat") }
        return status
    }

    /// When a file was made; when its description last changed where the file system doesn't remember.
    func birth(_ name: String) throws -> Date {
        let file = try openFile(name, clinux_O_PATH)
        var nanoseconds: Int64 = 0
        if clinux_birth_time(file.descriptor, "", &nanoseconds) == 0 {
            return Date(timeIntervalSince1970: Double(nanoseconds) / 1e9)
        }
        return Date(timeIntervalSince1970: Double(try file.status().changed) / 1e9)
    }
}

extension Date {
    init(_ time: timespec) {
        self.init(timeIntervalSince1970: Double(withUnsafePointer(to: time) { clinux_nanoseconds($0) }) / 1e9)
    }
}

extension FileReader {
    /// Reads an open file, whole or a range of it; what happens to its names meanwhile doesn't matter.
    ///
    /// - Throws: An error of EISDIR if it is a directory.
    package init(_ file: OpenFile, range: Range<Int64>?) throws {
        let status = try file.status()
        if status.isDirectory { throw SystemError(EISDIR, "open") }
        guard status.isRegularFile else { throw StorageError(.failed, "What is to be read isn't a regular file.") }
        let whole = 0..<status.size
        let wanted = range.map { $0.clamped(to: whole) } ?? whole
        self.init(size: Int64(wanted.count)) {
            let cursor = Cursor(file: file, range: wanted)
            return { try await cursor.next() }
        }
    }
}

/// Where a reader is in a file.
private final class Cursor: Sendable {
    private let file: OpenFile
    private let end: Int64
    private let position: Mutex<Int64>

    init(file: OpenFile, range: Range<Int64>) {
        self.file = file
        end = range.upperBound
        position = Mutex(range.lowerBound)
        _ = clinux_fadvise(
            file.descriptor,
            range.lowerBound,
            range.upperBound - range.lowerBound,
            clinux_POSIX_FADV_SEQUENTIAL
        )
    }

    func next() async throws -> [UInt8]? {
        try Task.checkCancellation()
        let start = position.withLock { $0 }
        guard start < end else { return nil }
        let wanted = Int(min(Int64(FileReader.bufferSize), end - start))
        let buffer = try await blocking { [file] in
            do {
                return try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                    count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: start)
                }
            } catch {
                throw StorageError(.failed, "An open file couldn't be read at byte \(start).", cause: error)
            }
        }
        guard buffer.count == wanted else {
            throw StorageError(.damaged, "An open file became shorter than \(end) bytes while it was read.")
        }
        position.withLock { $0 = start + Int64(wanted) }
        return buffer
    }
}
