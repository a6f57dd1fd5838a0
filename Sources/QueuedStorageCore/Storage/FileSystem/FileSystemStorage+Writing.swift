internal import Glibc
internal import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage {
    /// Opens a file for writing, in a directory that exists; nothing shows before the writer is closed.
    public func openForWriting(_ name: String, options: StoreOptions) async throws -> FileWriter {
        try FileName.validate(name)
        let replaces = options.replaces || allowsOverwrite
        let path = try resolve(name)
        let temporary = try await act("opened for writing", name) {
            _ = try location.open().directory(FileName.split(path).directory)
            if !replaces, try status(name) != nil { throw SystemError(EEXIST, "fstatat") }
            return try beginFile(for: path, tag: options.temporaryTag).temporary
        }
        let draft = Draft(temporary, options: options)
        return FileWriter { bytes in
            try await act("written", name) { try draft.write(bytes) }
        } close: {
            try await act("stored", name) {
                let (size, sha256) = try draft.end { file in
                    try complete(file.file)
                    try publish(file, as: path, replacing: replaces)
                }
                return StoredObject(name: path, size: size, sha256: sha256)
            }
        } discard: {
            draft.forget()
        }
    }
}

/// A file that a writer fills.
private final class Draft: Sendable {
    private let state: Mutex<(file: TemporaryFile, copy: FileCopy)?>

    init(_ file: TemporaryFile, options: StoreOptions) {
        let copy = FileCopy(to: file.file, computesSHA256: options.computesSHA256, progress: options.progress)
        state = Mutex((file, copy))
    }

    func write(_ bytes: [UInt8]) throws {
        try state.withLock { state in
            guard state != nil else { throw StorageError.writerClosed }
            try state?.copy.write(bytes)
        }
    }

    /// Hands the file to what publishes it; it is gone then, also after an error.
    func end(_ body: (TemporaryFile) throws -> Void) throws -> (size: Int64, sha256: String?) {
        let ended = state.withLock { state in
            defer { state = nil }
            return state
        }
        guard let ended else { throw StorageError.writerClosed }
        try body(ended.file)
        return (ended.copy.size, ended.copy.sha256)
    }

    func forget() { state.withLock { $0 = nil } }
}
