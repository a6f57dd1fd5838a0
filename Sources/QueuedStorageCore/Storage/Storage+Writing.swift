internal import CLinux
internal import Glibc

extension Storage {
    /// Opens a file for writing: the bytes wait in an unnamed file of this machine's temporary directory, and are stored
    /// when the writer is closed.
    public func openForWriting(_ name: String, options: StoreOptions) async throws -> FileWriter {
        try FileName.validate(name)
        let draft = Shared<(file: OpenFile, size: Int64)?>((try await blocking { try OpenFile.unnamedTemporary() }, 0))
        return FileWriter { bytes in
            guard let (file, size) = draft.value else { throw StorageError.writerClosed }
            try await blocking {
                do {
                    try bytes.withUnsafeBytes { try file.write($0, at: size) }
                } catch {
                    throw StorageError.couldNot("stored", name, error)
                }
            }
            draft.value = (file, size + Int64(bytes.count))
        } close: {
            guard let (file, _) = draft.value else { throw StorageError.writerClosed }
            draft.value = nil
            return try await self.store(FileContent(.open(file)), as: name, options: options)
        } discard: {
            // The file has no name, so that it goes with its descriptor.
            draft.value = nil
        }
    }
}

extension StorageError {
    package static var writerClosed: StorageError { StorageError(.failed, "The writer is closed already.") }
}

extension OpenFile {
    /// Makes a file without a name in this machine's temporary directory, gone with its descriptor.
    package static func unnamedTemporary() throws -> OpenFile {
        let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let descriptor = open(directory, O_RDWR | O_CLOEXEC | clinux_O_TMPFILE, 0o600)
        if descriptor >= 0 { return OpenFile(descriptor) }
        // A file system without O_TMPFILE: a name for a moment.
        var template = Array("\(directory)/queued-storage-XXXXXX".utf8CString)
        let named = mkstemp(&template)
        guard named >= 0 else {
            throw StorageError(
                .failed,
                "No temporary file can be made in \(FileName.quoted(directory)); set TMPDIR to a directory with room.",
                cause: SystemError(errno, "mkstemp")
            )
        }
        _ = fcntl(named, F_SETFD, FD_CLOEXEC)
        unlink(template)
        return OpenFile(named)
    }
}
