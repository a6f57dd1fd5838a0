import CLinux
import Foundation
import Glibc

/// A file that a writer holds open.
///
/// As long as it is open for writing, nobody may take it.
final class OpenDrop {
    let file: Int
    let bytes: [UInt8]
    let inbox: String
    /// Its name below the drop folder; a writer that is told that the name isn't there keeps the last that was.
    private(set) var name: String
    private var descriptor: Int32
    private var position = 0

    init(_ file: Int, _ bytes: [UInt8], in inbox: String, as name: String) throws {
        (self.file, self.bytes, self.inbox, self.name) = (file, bytes, inbox, name)
        descriptor = open("\(inbox)/\(name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileFailure("make", "\(inbox)/\(name)") }
    }

    /// Writes up to a part of the bytes.
    func write(upTo share: Double = 1) throws {
        let end = share >= 1 ? bytes.count : Int(Double(bytes.count) * share)
        while position < end {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + position }, end - position)
            }
            guard count > 0 || errno == EINTR else { throw FileFailure("write", name) }
            position += max(0, count)
        }
    }

    /// Begins again with other bytes, as a program does that finds that it was wrong.
    func scribble() throws {
        let other = [UInt8](repeating: UInt8(ascii: "?"), count: bytes.count + 100)
        guard pwrite(descriptor, other, other.count, 0) == other.count else { throw FileFailure("write", name) }
    }

    /// Throws away what was written.
    func truncate() throws {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw FileFailure("truncate", name)
        }
        position = 0
    }

    /// Opens it once more by its name, from the beginning if it is to be truncated, and only then closes it.
    ///
    /// Returns whether the name was there.
    func reopen(truncates: Bool) throws -> Bool {
        let next = open("\(inbox)/\(name)", O_WRONLY | O_CLOEXEC | (truncates ? O_TRUNC : 0))
        guard next >= 0 else {
            guard errno == ENOENT else { throw FileFailure("open", name) }
            return false
        }
        if truncates { position = 0 }
        guard lseek(next, off_t(position), SEEK_SET) == position else { throw FileFailure("open", name) }
        Glibc.close(descriptor)
        descriptor = next
        return true
    }

    /// Gives it another name.
    ///
    /// - Returns: Whether the old one was there.
    func rename(to other: String) throws -> Bool {
        guard try move("\(inbox)/\(name)", to: "\(inbox)/\(other)") else { return false }
        name = other
        return true
    }

    /// Notes that the directory has another name.
    func hasMoved(to other: String) { name = other }

    func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    deinit { close() }
}

/// Renames onto a free name, or exchanges two.
///
/// - Returns: Whether there was anything under the name.
func move(_ from: String, to: String, exchanging: Bool = false) throws -> Bool {
    let flags = exchanging ? clinux_RENAME_EXCHANGE : clinux_RENAME_NOREPLACE
    if clinux_renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) == 0 { return true }
    guard errno == ENOENT else { throw FileFailure("rename", from) }
    return false
}

/// Writes a whole file.
func write(_ bytes: [UInt8], to path: String, flags: Int32 = O_EXCL) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0o644)
    guard descriptor >= 0 else { throw FileFailure("make", path) }
    defer { close(descriptor) }
    guard write(descriptor, bytes, bytes.count) == bytes.count else { throw FileFailure("write", path) }
}

/// Why a writer can't do what it wants.
struct FileFailure: Error, CustomStringConvertible {
    let errno: Int32
    let description: String

    init(_ act: String, _ path: String) {
        errno = Glibc.errno
        description = "the writer can't \(act) \(path): \(String(cString: strerror(errno)))"
    }
}
