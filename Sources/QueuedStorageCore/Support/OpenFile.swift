import CLinux
package import Glibc

/// An open file descriptor that closes itself.
package final class OpenFile: Sendable {
    package let descriptor: Int32

    /// Takes over a descriptor.
    package init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// What the kernel knows of the file now.
    package func status() throws -> FileStatus {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError(errno, "fstat") }
        return FileStatus(status)
    }
}

/// The part of `struct stat` that we use, with times in nanoseconds since 1970.
package struct FileStatus: Hashable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var mode: UInt32
    package var links: UInt64
    package var owner: UInt32
    package var size: Int64
    package var modified: Int64
    package var changed: Int64

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        links = UInt64(status.st_nlink)
        owner = status.st_uid
        size = Int64(status.st_size)
        modified = withUnsafePointer(to: status.st_mtim) { clinux_nanoseconds($0) }
        changed = withUnsafePointer(to: status.st_ctim) { clinux_nanoseconds($0) }
    }

    package var isRegularFile: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFREG) }
    package var isDirectory: Bool { mode & UInt32(S_IFMT) == UInt32(S_IFDIR) }
}

/// A system call that failed: its errno and its name.
package struct SystemError: Error, Hashable, CustomStringConvertible {
    package let errno: Int32
    package let call: String

    package init(_ errno: Int32, _ call: String) {
        self.errno = errno
        self.call = call
    }

    package var description: String { "\(call): \(String(cString: strerror(errno)))" }
}
