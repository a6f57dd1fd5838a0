internal import CLinux
internal import Glibc

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: ResumableStorage {
    /// Never: the kernel copies a file faster than its rest is found.
    public var resumableFrom: Int64 { .max }

    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        try await act("resumed", upload.name) {
            guard let file = try openUpload(upload.id, O_RDWR) else { return 0 }
            try file.sync()
            return try file.status().size
        }
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let file = try await act("appended to", upload.name) {
            let folder = try location.privateFolder("uploads", in: location.open())
            guard let file = try openUpload(upload.id, O_RDWR | O_CREAT) else { throw SystemError(ENOENT, "openat2") }
            try folder.sync()
            let error = clinux_ofd_lock(file.descriptor)
            guard error == 0 else {
                throw StorageError(
                    .failed,
                    "The upload \(FileName.quoted(upload.id)) is being written by somebody else."
                )
            }
            let size = try file.status().size
            guard size == offset else {
                throw StorageError(
                    .failed,
                    "The upload \(FileName.quoted(upload.id)) has \(size) bytes, so that none belong at \(offset)."
                )
            }
            return file
        }
        do {
            return try await append(content, to: file, at: offset, options.progress)
        } catch let error as SystemError where error.call == "fsync" {
            // What couldn't be synced once isn't believed again.
            try? await abandon(upload)
            throw StorageError.couldNot("appended to", upload.name, error)
        } catch {
            throw StorageError.couldNot("appended to", upload.name, error)
        }
    }

    private func append(
        _ content: FileContent,
        to file: OpenFile,
        at offset: Int64,
        _ progress: (@Sendable (Int64) -> Void)?
    ) async throws -> Int64 {
        var end = offset
        for try await buffer in try content.reader() {
            try Task.checkCancellation()
            let start = end
            try await blocking { try buffer.withUnsafeBytes { try file.write($0, at: start) } }
            end += Int64(buffer.count)
            progress?(end - offset)
        }
        try await blocking { try file.sync() }
        return end
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        let name = upload.name
        try FileName.validate(name)
        let replaces = options.replaces || allowsOverwrite
        let path = try resolve(name)
        do {
            return try await cancellableBlocking { cancellation in
                guard let file = try openUpload(upload.id, O_RDWR) else {
                    throw StorageError(.notFound, name: name, "The upload \(FileName.quoted(upload.id)) isn't known.")
                }
                let size = try file.status().size
                let sha256 = options.computesSHA256 ? try file.sha256(cancellation) : nil
                try complete(file)
                let root = try location.open()
                let uploads = try location.privateFolder("uploads", in: root)
                let (parent, leaf) = FileName.split(path)
                let (target, made) = try root.makingDirectories(parent, mode: directoryMode)
                do {
                    try move(upload.id, of: uploads, to: target, leaf, replacing: replaces)
                    try target.sync()
                    try uploads.sync()
                } catch {
                    root.removeDirectories(made)
                    throw error
                }
                return StoredObject(name: path, size: size, sha256: sha256)
            }
        } catch {
            throw StorageError.couldNot("stored", name, error)
        }
    }

    public func abandon(_ upload: Upload) async throws {
        try await act("abandoned", upload.name) {
            try checkUpload(upload.id)
            try location.existingPrivateFolder("uploads", in: location.open())?.remove(upload.id)
        }
    }

    private func openUpload(_ upload: String, _ flags: Int32) throws -> OpenFile? {
        try checkUpload(upload)
        do {
            return try location.open().open(
                "\(FileName.privateComponent)/uploads/\(upload)",
                flags,
                mode: flags & O_CREAT == 0 ? 0 : 0o600,
                followsLinks: false
            )
        } catch let error as SystemError where error.errno == ENOENT && flags & O_CREAT == 0 {
            return nil
        }
    }

    private func checkUpload(_ upload: String) throws {
        guard Place.isIdentifier(upload) else {
            throw StorageError(.invalidName, "The upload \(FileName.quoted(upload)) isn't an identifier.")
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: CopyingStorage {
    public func copy(_ source: String, to destination: String) async throws {
        let file = try await act("copied", source) {
            let file = try openFile(source, O_RDONLY)
            if try file.status().isDirectory { throw SystemError(EISDIR, "open") }
            return file
        }
        _ = try await store(FileContent(.open(file)), as: destination, options: StoreOptions())
    }
}

extension OpenFile {
    /// Reads the whole file for its SHA-256, in hexadecimal digits.
    func sha256(_ cancellation: Cancellation) throws -> String {
        var hash = FileHash()
        var buffer = [UInt8](repeating: 0, count: FileReader.bufferSize)
        var position: Int64 = 0
        while true {
            try cancellation.check()
            let count = try read(into: &buffer, at: position)
            if count == 0 { return hash.value }
            hash.update(buffer[..<count])
            position += Int64(count)
        }
    }
}

// MARK: Left-over temporaries

extension FileSystemStorage {
    /// The names of temporary files that dead writers left, where the file system can't do without such names.
    ///
    /// Each carries the ``StoreOptions/temporaryTag`` that it was made for.
    package func temporaries() async throws -> [String] {
        try await act("listed", "") {
            try location.existingPrivateFolder("tmp", in: location.open())?.entries().map(\.name).sorted() ?? []
        }
    }

    /// Removes a temporary file that a dead writer left; a live one would fail then.
    package func removeTemporary(_ name: String) async throws {
        try await act("removed", name) {
            try FileName.validate(name, allowsDirectories: false)
            try location.existingPrivateFolder("tmp", in: location.open())?.remove(name)
        }
    }
}
