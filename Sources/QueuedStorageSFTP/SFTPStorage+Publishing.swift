internal import QueuedStorageCore
import Synchronization

extension SFTPStorage {
    /// Gives an unpublished file its name, and syncs the directory.
    ///
    /// - Parameters:
    ///   - temporary: The file's path in the private folder.
    ///   - name: The name.
    ///   - replaces: Whether a file that has the name gives way.
    ///   - connection: Where to do it.
    /// - Returns: False if the name is taken.
    /// - Throws: `StorageError`; the file is still in the private folder then.
    func publish(
        _ temporary: String,
        as name: String,
        replaces: Bool,
        _ connection: Connection
    ) async throws -> Bool {
        let target = try path(name)
        var made: [String] = []
        do {
            while true {
                do {
                    try await give(temporary, target, replaces, connection)
                    break
                } catch let status as Status where status.isNoSuchFile && made.isEmpty {
                    made = try await makeDirectories(FileName.split(target).directory, connection, directoryAttributes)
                    // Its directory was there: then it is the file that isn't.
                    if made.isEmpty, try await find(temporary, connection) == nil {
                        throw error(.notFound, "stored", name, "its temporary file was removed by somebody")
                    }
                } catch let status as Status where status.code != Status.Code.permissionDenied {
                    guard let found = try await find(target, connection) else {
                        throw await unpublished(status, name, connection)
                    }
                    guard replaces else { return false }
                    if found.isDirectory { throw error(.isDirectory, "stored", name, "a directory has the name") }
                    throw await unpublished(status, name, connection)
                }
            }
            try await syncDirectory(FileName.split(target).directory, connection)
            for directory in made { try await syncDirectory(FileName.split(directory).directory, connection) }
            return true
        } catch {
            for directory in made.reversed() {
                _ = try? await connection.removeDirectory(directory).responseWhateverHappens()
            }
            throw error
        }
    }

    /// The one step by which a file gets its name.
    private func give(_ temporary: String, _ target: String, _ replaces: Bool, _ connection: Connection) async throws {
        if replaces {
            if connection.features.replacesByRename {
                return try await connection.replace(target, by: temporary).done()
            }
            if try await !renameIsExclusive(connection) {
                return try await connection.rename(temporary, to: target).done()
            }
            // There is no such step: for a moment nothing has the name.
            _ = try await connection.remove(target).response()
            return try await connection.rename(temporary, to: target).done()
        }
        if try await renameIsExclusive(connection) {
            return try await connection.rename(temporary, to: target).done()
        }
        try await names.withLock(target) {
            if try await find(target, connection) != nil { throw Status(code: Status.Code.failure, message: "") }
            try await connection.rename(temporary, to: target).done()
        }
    }

    private func unpublished(_ status: Status, _ name: String, _ connection: Connection) async -> any Error {
        let error = await explained(status, connection)
        guard error is Status, status.code == Status.Code.failure else { return error }
        return StorageError(
            .failed,
            name: name,
            """
            The file \(FileName.quoted(name)) couldn't get its name at \(configuration.place): the server failed without \
            saying why. If its directory is on another file system there than \(FileName.quoted(root)), make it a storage \
            of its own.
            """,
            cause: status
        )
    }

    /// Makes a directory and those above it, as far as they are missing.
    ///
    /// - Returns: The paths of those that were made, the uppermost one first.
    func makeDirectories(
        _ path: String,
        _ connection: Connection,
        _ attributes: FileAttributes? = nil
    ) async throws -> [String] {
        let attributes = attributes ?? directoryAttributes
        guard path != "", path != "/", path != "." else { return [] }
        do {
            try await connection.makeDirectory(path, attributes).done()
        } catch let status as Status where status.isNoSuchFile {
            let above = try await makeDirectories(FileName.split(path).directory, connection, attributes)
            return try await above + makeDirectories(below: path, connection, attributes, status)
        } catch let status as Status {
            return try await acceptDirectory(path, connection, otherwise: status)
        }
        // The server's umask was at it.
        if attributes.mode != nil { _ = try? await connection.set(attributes, of: path).response() }
        return [path]
    }

    private func makeDirectories(
        below path: String,
        _ connection: Connection,
        _ attributes: FileAttributes,
        _ status: Status
    ) async throws -> [String] {
        do {
            try await connection.makeDirectory(path, attributes).done()
        } catch let status as Status {
            return try await acceptDirectory(path, connection, otherwise: status)
        }
        if attributes.mode != nil { _ = try? await connection.set(attributes, of: path).response() }
        return [path]
    }

    /// What couldn't be made may be there already.
    private func acceptDirectory(
        _ path: String,
        _ connection: Connection,
        otherwise status: Status
    ) async throws -> [String] {
        let found: FileAttributes
        do {
            found = try await connection.status(path).attributes
        } catch let missing as Status where missing.isNoSuchFile {
            // A file in the way of the path looks like this, too.
            let above = FileName.split(path).directory
            if above != "", let file = try? await connection.status(above).attributes, !file.isDirectory {
                throw error(.notADirectory, "stored", path, "a file stands where its directory should be")
            }
            throw await explained(status, connection)
        }
        guard found.isDirectory else {
            throw error(.notADirectory, "stored", path, "a file stands where its directory should be")
        }
        return []
    }

    /// Syncs a directory, if the server can: names that were given in it last then.
    ///
    /// Opening a directory as a file isn't in the protocol, but where the server lets it through, its sync works as on any
    /// file. Stores that end at the same time share one.
    func syncDirectory(_ path: String, _ connection: Connection) async throws {
        guard connection.features.syncsFiles, knowledge.withLock({ $0.syncsDirectories }) else { return }
        let path = path == "" ? "." : path
        try await directorySyncs.run(path) {
            let handle: Handle
            do {
                handle = try await connection.open(path, .read).responseWhateverHappens().handleOrError
            } catch let status as Status {
                // It may be gone by now; else the server won't have it.
                if !status.isNoSuchFile { knowledge.withLock { $0.syncsDirectories = false } }
                return
            }
            let sync = connection.sync(handle)
            connection.forget(handle)
            try await sync.doneWhateverHappens()
        }
    }

    /// Whether a rename of this server refuses a name that is taken, as the draft wants it; tried out once.
    func renameIsExclusive(_ connection: Connection) async throws -> Bool {
        if let known = knowledge.withLock({ $0.renameIsExclusive }) { return known }
        let path = privatePath("tmp", "probe-" + FileName.randomIdentifier())
        let (one, other) = (path + "-1", path + "-2")
        let flags: OpenFlags = [.write, .create, .exclusive]
        let handles = try await inPrivateFolder("tmp", connection) {
            let (first, second) = (connection.open(one, flags), connection.open(other, flags))
            return (try await first.handle, try await second.handle)
        }
        connection.forget(handles.0)
        connection.forget(handles.1)
        let rename = connection.rename(one, to: other)
        let removals = [connection.remove(one), connection.remove(other)]
        let status = try await rename.responseWhateverHappens()
        for removal in removals { _ = try await removal.responseWhateverHappens() }
        guard case .status(let status) = status else { throw MalformedPacket() }
        let isExclusive = !status.isOK
        knowledge.withLock { $0.renameIsExclusive = isExclusive }
        return isExclusive
    }
}

extension Connection {
    func removal(of path: String) -> Request {
        var request = Request(PacketType.remove)
        request.add(path.utf8)
        return request
    }
}
