internal import CLinux
internal import Glibc

/// Bytes that were written and synced, and wait for their name.
struct WrittenFile: Sendable {
    var temporary: TemporaryFile
    var size: Int64
    var sha256: String?
    /// The directories that were made for it, outermost first.
    var made: [String]
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: ExclusiveStorage, DurableStorage, RetryingStorage {
    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await storeFirstFree(content, name, options, next: nil)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try await withoutActuallyEscaping(next) { try await storeFirstFree(content, name, options, next: $0) }
    }

    private func storeFirstFree(
        _ content: FileContent,
        _ name: String,
        _ options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        var name = name
        let written: WrittenFile
        while true {
            do {
                written = try await write(content, as: name, options: options)
                break
            } catch let error as StorageError where error.code == .alreadyExists {
                // Somebody was faster, and nothing of the content was read.
                guard let next else { throw error }
                name = try await next(name)
            }
        }
        while true {
            do {
                let target = name
                let final = try await act("stored", name) { try publish(written, as: target, options: options) }
                return StoredObject(name: final, size: written.size, sha256: written.sha256)
            } catch let error as StorageError {
                guard error.code == .alreadyExists, let next else {
                    await takeBack(written)
                    throw error
                }
                do {
                    name = try await next(name)
                } catch {
                    await takeBack(written)
                    throw error
                }
            }
        }
    }

    private func takeBack(_ written: WrittenFile) async {
        _ = try? await blocking { try location.open().removeDirectories(written.made) }
    }
}

extension FileSystemStorage {
    /// Writes content to a file without a name, next to where it will be, and syncs it.
    private func write(_ content: FileContent, as name: String, options: StoreOptions) async throws -> WrittenFile {
        let replaces = options.replaces || allowsOverwrite
        try FileName.validate(name)
        let started = try await act("stored", name) {
            // Asked first, so that a large content isn't read in vain.
            if !replaces, try status(name) != nil { throw SystemError(EEXIST, "fstatat") }
            return try beginFile(for: try resolve(name), tag: options.temporaryTag)
        }
        do {
            let copy = try await fill(started.temporary, with: content, options: options)
            return WrittenFile(temporary: started.temporary, size: copy.size, sha256: copy.sha256, made: started.made)
        } catch {
            _ = try? await blocking { try location.open().removeDirectories(started.made) }
            throw StorageError.couldNot("stored", name, error)
        }
    }

    /// Makes a file without a name in the directory of a path, making that too.
    func beginFile(for path: String, tag: String?) throws -> (temporary: TemporaryFile, made: [String]) {
        let root = try location.open()
        let (directory, made) = try root.makingDirectories(FileName.split(path).directory, mode: directoryMode)
        do {
            let temporary = try TemporaryFile.make(in: directory, tag: tag, named: namesTemporaries) {
                try location.privateFolder("tmp", in: root)
            }
            return (temporary, made)
        } catch {
            root.removeDirectories(made)
            throw error
        }
    }

    /// Writes content to a file, gives the file its mode and group, and syncs it.
    func fill(
        _ temporary: TemporaryFile,
        with content: FileContent,
        options: StoreOptions
    ) async throws -> (size: Int64, sha256: String?) {
        if case .stream(let reader) = content.source {
            return try await fill(temporary, from: reader, options: options)
        }
        return try await cancellableBlocking { cancellation in
            var copy = FileCopy(
                to: temporary.file,
                computesSHA256: options.computesSHA256,
                cancellation: cancellation,
                progress: options.progress
            )
            switch content.source {
            case .bytes(let bytes): try copy.write(bytes)
            case .open(let file): try copy.write(contentsOf: file)
            case .path(let path): try copy.write(contentsOf: OpenFile(source: path))
            case .stream: break
            }
            try cancellation.check()
            try complete(temporary.file)
            return (copy.size, copy.sha256)
        }
    }

    private func fill(
        _ temporary: TemporaryFile,
        from reader: FileReader,
        options: StoreOptions
    ) async throws -> (size: Int64, sha256: String?) {
        var copy = FileCopy(
            to: temporary.file,
            computesSHA256: options.computesSHA256,
            progress: options.progress
        )
        for try await buffer in reader {
            try Task.checkCancellation()
            copy = try await blocking { [copy] in
                var copy = copy
                try copy.write(buffer)
                return copy
            }
        }
        if let size = reader.size, size != copy.size {
            throw StorageError(.damaged, "The content was said to have \(size) bytes, and had \(copy.size).")
        }
        try Task.checkCancellation()
        try await blocking { try complete(temporary.file) }
        return (copy.size, copy.sha256)
    }

    /// Gives a file its mode and the location's group, and syncs it.
    func complete(_ file: OpenFile) throws {
        try applyMode(to: file)
        try file.sync()
    }

    func applyMode(to file: OpenFile) throws {
        guard fchmod(file.descriptor, mode_t(fileMode)) == 0 else { throw SystemError(errno, "fchmod") }
        var own = stat()
        var group = stat()
        if fstat(file.descriptor, &own) == 0, lstat(location.path, &group) == 0, own.st_gid != group.st_gid {
            // The group is a courtesy: who may not give it away keeps their own.
            if fchown(file.descriptor, .max, group.st_gid) == 0 { _ = fchmod(file.descriptor, mode_t(fileMode)) }
        }
    }

    /// Gives a written file its name, durably.
    private func publish(_ written: WrittenFile, as name: String, options: StoreOptions) throws -> String {
        try FileName.validate(name)
        let path = try resolve(name)
        try publish(written.temporary, as: path, replacing: options.replaces || allowsOverwrite)
        return path
    }

    /// Gives a file its name below the location, durably.
    func publish(_ temporary: TemporaryFile, as path: String, replacing: Bool) throws {
        let root = try location.open()
        let (parent, leaf) = FileName.split(path)
        var attempts = 8
        while true {
            let (directory, made) = try root.makingDirectories(parent, mode: directoryMode)
            do {
                do {
                    try temporary.publish(in: directory, as: leaf, replacing: replacing) {
                        try location.privateFolder("tmp", in: root)
                    }
                } catch let error as SystemError where error.errno == EXDEV {
                    try publishAcross(temporary, in: directory, as: leaf, replacing: replacing)
                    temporary.discard()
                }
                try syncEntry(of: leaf, in: directory, replacing: replacing)
                return
            } catch let error as SystemError where error.errno == ENOENT && attempts > 0 {
                // Somebody removed the directory while it was empty.
                attempts -= 1
            } catch {
                root.removeDirectories(made)
                throw error
            }
        }
    }

    /// Publishes a file in a directory that is another mount, from a private folder there.
    private func publishAcross(
        _ temporary: TemporaryFile,
        in directory: Directory,
        as leaf: String,
        replacing: Bool
    ) throws {
        let home = try directory.makingDirectories(FileName.privateComponent, mode: 0o700, followsLinks: false)
            .directory
        defer { try? directory.removeDirectory(FileName.privateComponent) }
        do {
            try temporary.publish(in: directory, as: leaf, replacing: replacing) { home }
        } catch let error as SystemError where error.errno == EXDEV {
            let copy = try TemporaryFile.make(in: directory, tag: nil, named: namesTemporaries) { home }
            var bytes = FileCopy(to: copy.file, computesSHA256: false)
            try bytes.write(contentsOf: temporary.file)
            try complete(copy.file)
            try copy.publish(in: directory, as: leaf, replacing: replacing) { home }
        }
    }

    /// Syncs a directory after an entry came; an entry that may not last is taken back.
    private func syncEntry(of leaf: String, in directory: Directory, replacing: Bool) throws {
        do {
            try directory.sync()
        } catch {
            if !replacing { _ = try? directory.remove(leaf) }
            throw error
        }
    }
}

extension OpenFile {
    /// Opens a file of this machine whose bytes are to be stored.
    package convenience init(source path: String) throws {
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            let error = SystemError(errno, "open")
            let code: StorageError.Code =
                switch error.errno {
                case ENOENT, ENOTDIR: .notFound
                case EACCES, EPERM: .denied
                default: .failed
                }
            throw StorageError(code, "The content \(FileName.quoted(path)) couldn't be opened.", cause: error)
        }
        self.init(descriptor)
    }
}
