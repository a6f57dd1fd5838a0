public import QueuedStorageCore
import Synchronization

/// A file in the private folder that isn't published yet.
struct Draft {
    let path: String
    let handle: Handle
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: ExclusiveStorage, DurableStorage, RetryingStorage {
    /// Whether the server itself decides that a name was free.
    ///
    /// OpenSSH does: its rename refuses a taken name in one step. Of a server whose rename replaces instead, which is
    /// tried out with two temporary files, this process looks first whether the name is free, one store of a name after
    /// the other; another process may take the name in between, and loses its file.
    public var isExclusive: Bool {
        get async throws { try await act("looked up", "") { try await renameIsExclusive($0.connection) } }
    }

    /// Whether the server syncs files and directories when asked (`fsync@openssh.com`), as OpenSSH does.
    public var isDurable: Bool {
        get async throws {
            try await act("looked up", "") { lease in
                lease.connection.features.syncsFiles && knowledge.withLock { $0.syncsDirectories }
            }
        }
    }

    public func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions
    ) async throws -> StoredObject {
        try await store(content, as: name, options: options) { [self] taken in
            throw error(.alreadyExists, "stored", taken, "the name is taken")
        }
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try FileName.validate(name)
        let reader = try await blocking { try content.reader() }
        return try await act("stored", name) { lease in
            try await store(reader, of: content.size, as: name, options, lease.connection, whenTaken: next)
        }
    }

    private func store(
        _ reader: FileReader,
        of size: Int64?,
        as name: String,
        _ options: StoreOptions,
        _ connection: Connection,
        whenTaken next: (String) async throws -> String
    ) async throws -> StoredObject {
        var name = try relativeName(name)
        // Both are on their way at once. What is taken already needs no bytes to be sent.
        let status = options.replaces ? nil : connection.linkStatus(try path(name))
        let draft = try await makeDraft(tag: options.temporaryTag, connection)
        do {
            do {
                if try await isThere(status) { name = try await relativeName(next(name)) }
            } catch {
                connection.forget(draft.handle)
                throw error
            }
            let stored = try await send(reader, size: size, to: draft, options, connection)
            while try await !publish(draft.path, as: name, replaces: options.replaces, connection) {
                name = try await relativeName(next(name))
            }
            return StoredObject(name: name, size: stored.size, sha256: stored.sha256)
        } catch {
            await discard(draft.path, connection)
            throw error
        }
    }

    private func isThere(_ status: Reply?) async throws -> Bool {
        do {
            _ = try await status?.attributes
            return status != nil
        } catch let status as Status where status.isNoSuchFile {
            return false
        }
    }

    /// Makes an empty file in the private folder.
    func makeDraft(tag: String?, _ connection: Connection) async throws -> Draft {
        let leaf = [tag, FileName.randomIdentifier()].compactMap(\.self).joined(separator: "-")
        let path = privatePath("tmp", leaf)
        let handle = try await inPrivateFolder("tmp", connection) {
            try await connection.open(path, [.write, .create, .exclusive], fileAttributes).handle
        }
        return Draft(path: path, handle: handle)
    }

    /// Does something in the private folder, which is made if it isn't there.
    func inPrivateFolder<Value>(
        _ folder: String,
        _ connection: Connection,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let status as Status where status.isNoSuchFile {
            try await makePrivateFolder(folder, connection)
            return try await body()
        }
    }

    private func makePrivateFolder(_ folder: String, _ connection: Connection) async throws {
        if configuration.createsDirectory ?? true {
            _ = try await makeDirectories(root, connection)
        } else if try await find(root, connection) == nil {
            throw StorageError(
                .invalidConfiguration,
                "The directory \(FileName.quoted(configuration.directory)) isn't there on \(configuration.place)."
            )
        }
        _ = try await makeDirectories(privatePath(folder), connection, FileAttributes(mode: 0o700))
    }

    /// Sends all of a content, syncs it, and closes the file.
    private func send(
        _ reader: FileReader,
        size: Int64?,
        to draft: Draft,
        _ options: StoreOptions,
        _ connection: Connection
    ) async throws -> (size: Int64, sha256: String?) {
        var hash = options.computesSHA256 ? FileHash() : nil
        var end: Int64 = 0
        let upstream = Upstream(connection, draft.handle, progress: options.progress)
        do {
            for try await buffer in reader {
                try Task.checkCancellation()
                hash?.update(buffer)
                try await upstream.write(buffer, at: end)
                end += Int64(buffer.count)
            }
            try Task.checkCancellation()
            if let size, end != size {
                throw StorageError(.failed, "The content has \(end) bytes, where \(size) were said to come.")
            }
        } catch {
            connection.forget(draft.handle)
            throw await explained(error, connection)
        }
        try await complete(draft.handle, upstream, connection)
        return (end, hash?.value)
    }

    /// Waits for what is on its way, gives the file its mode and owner, syncs and closes it.
    func complete(_ handle: Handle, _ upstream: Upstream?, _ connection: Connection) async throws {
        // All are sent at once, and acted on in order.
        let replies = try await ownership(of: handle, connection).map { connection.set($0, of: handle) }
        let sync = connection.features.syncsFiles ? connection.sync(handle) : nil
        let close = connection.close(handle)
        do {
            try await upstream?.drain()
            for reply in replies { try await reply.doneWhateverHappens() }
            try await sync?.doneWhateverHappens()
            try await close.doneWhateverHappens()
        } catch {
            throw await explained(error, connection)
        }
        try Task.checkCancellation()
    }

    /// The mode and owner that a file is to get.
    private func ownership(of handle: Handle, _ connection: Connection) async throws -> [FileAttributes] {
        var wanted: [FileAttributes] = []
        if configuration.fileMode != nil { wanted.append(fileAttributes) }
        if configuration.uid != nil || configuration.gid != nil {
            let (uid, gid) = (configuration.uid.map { UInt32($0) }, configuration.gid.map { UInt32($0) })
            // The protocol knows only both.
            let present = uid == nil || gid == nil ? try await connection.status(of: handle).attributes.owner : nil
            guard let user = uid ?? present?.user, let group = gid ?? present?.group else {
                throw StorageError(.notSupported, "\(configuration.place) doesn't tell the owners of files.")
            }
            wanted.append(FileAttributes(owner: FileAttributes.Owner(user: user, group: group)))
        }
        return wanted
    }

    /// What a refusal without a reason probably means: a file system without room fails like any other.
    func explained(_ error: any Error, _ connection: Connection) async -> any Error {
        guard let status = error as? Status, status.code == Status.Code.failure, connection.features.tellsSpace,
            let reply = try? await connection.space(at: root).responseWhateverHappens(),
            case .extended(let body) = reply, let space = try? Space(body)
        else { return error }
        guard space.isFull else { return status }
        return StorageError(
            .full,
            """
            it has no room: \(space.freeByteCount) bytes and \(space.freeFileCount) files are free; free some, and try again
            """,
            cause: status
        )
    }

    /// Removes an unpublished file, also in a cancelled task.
    func discard(_ path: String, _ connection: Connection) async {
        do {
            try await connection.remove(path).doneWhateverHappens()
        } catch let status as Status where status.isNoSuchFile {
            // It never came to be, or is gone.
        } catch {
            // The connection is lost: the next one has it to do.
            knowledge.withLock { $0.orphans.append(path) }
        }
    }

    /// Removes what could not be removed when its connection was lost.
    func removeOrphans(_ connection: Connection) {
        let orphans = knowledge.withLock { knowledge in
            defer { if !knowledge.orphans.isEmpty { knowledge.orphans = [] } }
            return knowledge.orphans
        }
        for path in orphans {
            connection.send(connection.removal(of: path)) { [self] result in
                if case .failure = result { knowledge.withLock { $0.orphans.append(path) } }
            }
        }
    }
}

/// What `statvfs@openssh.com` says.
///
/// Source: OpenSSH 9.2, PROTOCOL, section 4.4.
struct Space {
    let freeByteCount: UInt64
    let freeFileCount: UInt64
    private let hasFileLimit: Bool

    /// Whether there is no room for as much as one large write, or not for one more file.
    var isFull: Bool { freeByteCount < 512 << 10 || (hasFileLimit && freeFileCount == 0) }

    init(_ body: ArraySlice<UInt8>) throws(MalformedPacket) {
        var reader = PacketReader(body)
        _ = try reader.uint64()
        let fragmentByteCount = try reader.uint64()
        _ = try reader.uint64()
        _ = try reader.uint64()
        freeByteCount = fragmentByteCount.multipliedReportingOverflow(by: try reader.uint64()).partialValue
        hasFileLimit = try reader.uint64() > 0
        _ = try reader.uint64()
        freeFileCount = try reader.uint64()
    }
}
