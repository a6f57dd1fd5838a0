internal import CLinux
internal import Glibc

/// An open directory, below which everything is reached by descriptor: no path leads out of it, whoever swaps what for a
/// symbolic link meanwhile.
///
/// Source: openat2(2), `RESOLVE_BENEATH`.
package struct Directory: Sendable {
    package let file: OpenFile

    package init(_ file: OpenFile) { self.file = file }

    private var descriptor: Int32 { file.descriptor }

    /// Opens a directory by an absolute path.
    package init(path: String) throws {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(errno, "open") }
        file = OpenFile(descriptor)
    }

    /// Opens what lies below; symbolic links are followed if they stay below, or not at all.
    package func open(_ path: String, _ flags: Int32, mode: UInt32 = 0, followsLinks: Bool = true) throws -> OpenFile {
        var resolve = clinux_RESOLVE_BENEATH | clinux_RESOLVE_NO_MAGICLINKS
        if !followsLinks { resolve |= clinux_RESOLVE_NO_SYMLINKS }
        let descriptor = clinux_openat2(
            self.descriptor,
            path == "" ? "." : path,
            UInt64(flags | O_CLOEXEC),
            UInt64(mode),
            resolve
        )
        guard descriptor >= 0 else { throw SystemError(errno, "openat2") }
        return OpenFile(descriptor)
    }

    /// Opens a directory below; this one if the path is empty.
    package func directory(_ path: String, followsLinks: Bool = true) throws -> Directory {
        try Directory(open(path, O_RDONLY | O_DIRECTORY, followsLinks: followsLinks))
    }

    /// What lies directly below, itself and not what a link points to; nil if there is nothing.
    package func status(_ leaf: String) throws -> FileStatus? {
        var status = stat()
        guard fstatat(descriptor, leaf, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw SystemError(errno, "fstatat")
        }
        return FileStatus(status)
    }

    /// Makes a directory directly below, and syncs this one.
    ///
    /// - Parameters:
    ///   - leaf: The new directory's last component.
    ///   - mode: The exact mode; by the umask if nil.
    /// - Returns: False if there is something already.
    /// - Throws: ``SystemError`` of `mkdirat`, `fchmod` or `fsync`.
    package func makeDirectory(_ leaf: String, mode: UInt32?) throws -> Bool {
        guard mkdirat(descriptor, leaf, mode_t(mode ?? 0o777)) == 0 else {
            if errno == EEXIST { return false }
            throw SystemError(errno, "mkdirat")
        }
        if let mode {
            let made = try open(leaf, O_RDONLY | O_DIRECTORY, followsLinks: false)
            guard fchmod(made.descriptor, mode_t(mode)) == 0 else { throw SystemError(errno, "fchmod") }
        }
        try sync()
        return true
    }

    /// Opens a directory below, making it and those on the way.
    ///
    /// - Returns: The directory and the paths that were made, outermost first.
    package func makingDirectories(
        _ path: String,
        mode: UInt32?,
        followsLinks: Bool = true
    ) throws -> (directory: Directory, made: [String]) {
        do {
            return (try directory(path, followsLinks: followsLinks), [])
        } catch let error as SystemError where error.errno == ENOENT {
            var made: [String] = []
            var parent = self
            var walked = ""
            do {
                // By bytes: a character can be a slash and what is combined with it.
                for part in path.utf8.split(separator: UInt8(ascii: "/")) {
                    let part = String(Substring(part))
                    walked = FileName.append(part, to: walked)
                    if try parent.makeDirectory(part, mode: mode) { made.append(walked) }
                    parent = try directory(walked, followsLinks: followsLinks)
                }
            } catch {
                removeDirectories(made)
                throw error
            }
            return (parent, made)
        }
    }

    /// Takes back directories that were made for nothing; those that are in use by now stay.
    package func removeDirectories(_ paths: [String]) {
        for path in paths.reversed() {
            let (parent, leaf) = FileName.split(path)
            if let parent = try? directory(parent) { unlinkat(parent.descriptor, leaf, AT_REMOVEDIR) }
        }
    }

    /// Removes a file directly below.
    ///
    /// - Returns: False if there was nothing.
    @discardableResult
    package func remove(_ leaf: String) throws -> Bool {
        guard unlinkat(descriptor, leaf, 0) == 0 else {
            if errno == ENOENT { return false }
            throw SystemError(errno, "unlinkat")
        }
        return true
    }

    /// Removes an empty directory directly below.
    package func removeDirectory(_ leaf: String) throws {
        guard unlinkat(descriptor, leaf, AT_REMOVEDIR) == 0 || errno == ENOENT else {
            throw SystemError(errno, "rmdir")
        }
    }

    /// Renames what lies directly below, over a file of the new name only if that is wanted.
    package func rename(_ leaf: String, to other: Directory, _ newLeaf: String, replacing: Bool) throws {
        let flags = replacing ? 0 : clinux_RENAME_NOREPLACE
        if clinux_renameat2(descriptor, leaf, other.descriptor, newLeaf, flags) == 0 { return }
        // File systems that know no flags say EINVAL; a link onto a free name is as exclusive.
        guard errno == EINVAL, !replacing else { throw SystemError(errno, "rename") }
        guard linkat(descriptor, leaf, other.descriptor, newLeaf, 0) == 0 else { throw SystemError(errno, "linkat") }
        try remove(leaf)
    }

    /// Makes what happened to the entries durable.
    package func sync() throws { try file.sync() }

    /// What lies directly below: names and whether they are directories; nil where only a look can tell.
    package func entries() throws -> [(name: String, isDirectory: Bool?)] {
        // A descriptor of its own: the stream closes it, and moves its position.
        let copy = try openCopy()
        guard let stream = fdopendir(copy) else {
            close(copy)
            throw SystemError(errno, "fdopendir")
        }
        defer { closedir(stream) }
        var entries: [(String, Bool?)] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw SystemError(errno, "readdir") }
                return entries
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(validatingCString: $0) }
            }
            // What isn't UTF-8 is no name.
            guard let name, name != ".", name != ".." else { continue }
            switch Int(entry.pointee.d_type) {
            case Int(DT_DIR): entries.append((name, true))
            case Int(DT_LNK), Int(DT_UNKNOWN): entries.append((name, nil))
            default: entries.append((name, false))
            }
        }
    }

    private func openCopy() throws -> Int32 {
        let copy = clinux_openat2(descriptor, ".", UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0, 0)
        guard copy >= 0 else { throw SystemError(errno, "openat2") }
        return copy
    }

    /// Reads a small file directly or deeper below; nil if there is none.
    package func text(_ path: String) throws -> String? {
        do {
            let file = try open(path, O_RDONLY | O_NONBLOCK, followsLinks: false)
            var buffer = [UInt8](repeating: 0, count: 8192)
            let count = try file.read(into: &buffer, at: 0)
            return String(decoding: buffer[..<count], as: UTF8.self)
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }
}

extension OpenFile {
    /// Reads at a position, until the buffer is full or the file ends.
    package func read(into buffer: inout [UInt8], at offset: Int64) throws -> Int {
        try buffer.withUnsafeMutableBytes { try read(into: $0, at: offset) }
    }

    /// Reads at a position, until the buffer is full or the file ends.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws -> Int {
        var count = 0
        while count < buffer.count, let base = buffer.baseAddress {
            let result = pread(descriptor, base + count, buffer.count - count, off_t(offset) + off_t(count))
            if result == 0 { break }
            if result < 0 {
                if errno == EINTR { continue }
                throw SystemError(errno, "pread")
            }
            count += result
        }
        return count
    }

    /// Writes all bytes at a position.
    package func write(_ buffer: UnsafeRawBufferPointer, at offset: Int64) throws {
        var count = 0
        while count < buffer.count, let base = buffer.baseAddress {
            let result = pwrite(descriptor, base + count, buffer.count - count, off_t(offset) + off_t(count))
            if result < 0 {
                if errno == EINTR { continue }
                throw SystemError(errno, "pwrite")
            }
            count += result
        }
    }

    /// Makes the bytes and their description durable; of a directory, its entries.
    ///
    /// Once it failed, the file can't be believed any more.
    package func sync() throws { try SyncGroup.of(self).sync(self) }
}
