public import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage {
    public func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions
    ) async throws -> StoredObject {
        try Task.checkCancellation()
        try FileName.validate(name)
        let resolved = try resolve(name)
        return try await act("stored", name) {
            let path = try await self.path(resolved)
            let reader = try await blocking { try content.reader() }
            if !options.replaces, content.isWorthLooking(reader.size) { try await self.requireFree(path, name) }
            let (temporary, tag) = (FileName.randomIdentifier().prefix(16), options.temporaryTag ?? "file")
            let temporaryPath = try await self.privatePath("tmp/\(Self.identifier(tag))-\(temporary)")
            try await self.makeDirectory(Self.parent(temporaryPath), for: name)
            do {
                var stored = try await self.sendAnew(content, reader, to: temporaryPath, name, options)
                try await self.publish(temporaryPath, stored.size, as: path, name, replacing: options.replaces)
                stored.name = resolved
                return stored
            } catch {
                if ServerFailure(behind: error)?.keepsTemporary != true { await self.discard(temporaryPath) }
                throw error
            }
        }
    }

    public func delete(_ name: String) async throws {
        let resolved = try resolve(name)
        try await act("deleted", name) {
            let path = try await self.path(resolved)
            guard let (reply, kind) = try await self.deleteFile(path) else { return }
            guard kind == .directory else { throw self.denial(reply) }
            let removal = try await self.server.perform(["RMD \(path)"])[0]
            self.server.forgetDirectories()
            guard removal.isPositive else {
                throw StorageError(
                    .isDirectory,
                    name: name,
                    """
                    \(FileName.quoted(name)) is a directory on the FTP server, and isn't empty: it answered \
                    \(FileName.quoted(removal.text)).
                    """
                )
            }
        }
    }

    /// Deletes a file.
    ///
    /// - Returns: The refusal, and what has the path; nil if nothing has it any more.
    private func deleteFile(_ path: String) async throws -> (Reply, ListingEntry.Kind)? {
        var isLast = false
        while true {
            let reply = try await server.perform(["DELE \(path)"])[0]
            if reply.isPositive { return nil }
            // The answer to a missing file is the one to a directory, and to a file that may not be deleted.
            guard (500..<600).contains(reply.code) || reply.code == 450 else { throw refusal(reply) }
            guard let entry = try await entry(path) else { return nil }
            // It may be there only since it was refused.
            if isLast || entry.kind == .directory { return (reply, entry.kind) }
            isLast = true
        }
    }

    /// A tag as a part of a file's name.
    private static func identifier(_ tag: String) -> String {
        String(tag.prefix(100).map { $0.isLetterOrDigit || $0 == "-" ? $0 : "_" })
    }
}

extension FileContent {
    /// Whether it is better to look for a taken name before sending: it costs an answer, and may save all the rest.
    fileprivate func isWorthLooking(_ size: Int64?) -> Bool {
        if case .stream = source { return true }
        return size.map { $0 > 256 << 10 } ?? true
    }
}

// MARK: - Sending

extension FTPStorage {
    /// Sends content to a temporary file; once more if its directory turned out to be gone.
    private func sendAnew(
        _ content: FileContent,
        _ reader: FileReader,
        to path: String,
        _ name: String,
        _ options: StoreOptions
    ) async throws -> StoredObject {
        do {
            return try await send(content, reader, to: path, options)
        } catch {
            guard try await hasMadeDirectory(of: path, name, after: error) else { throw error }
            if case .stream = content.source { throw directoryWasGone() }
            return try await send(content, try await blocking { try content.reader() }, to: path, options)
        }
    }

    /// Makes the directory of a file that was refused, if it is gone; somebody removed it since it was known.
    func hasMadeDirectory(of path: String, _ name: String, after error: any Error) async throws -> Bool {
        guard let reply = Reply(refusalIn: error), [550, 553].contains(reply.code), let parent = Self.parent(path),
            try await entry(parent) == nil
        else { return false }
        server.forgetDirectories()
        try await makeDirectory(parent, for: name)
        return true
    }

    /// The error of content that can't be read again for a directory that had to be made once more.
    func directoryWasGone() -> StorageError {
        StorageError(
            .failed,
            """
            The directory for files on their way was gone from the server "\(server.address)", and was made again; try \
            once more.
            """,
            cause: ServerFailure()
        )
    }

    /// Sends content to a temporary file, and proves what came there.
    private func send(
        _ content: FileContent,
        _ reader: FileReader,
        to path: String,
        _ options: StoreOptions
    ) async throws -> StoredObject {
        let wantsProof = self.options.verification == .readback
        let computesMD5 = try await server.features().checksums.contains { $0.algorithm == .md5 }
        let tally = Tally(computes: options.computesSHA256 || wantsProof, alsoMD5: computesMD5)
        if case .bytes(let bytes) = content.source, bytes.count <= 1 << 20 {
            tally.add(bytes)
            try await upload(.bytes(bytes), to: path, progress: options.progress)
        } else {
            let counted = FileReader(size: reader.size) {
                let next = reader.makeAsyncIterator().read
                return {
                    let buffer = try await next()
                    if let buffer { tally.add(buffer) }
                    return buffer
                }
            }
            try await upload(.stream(counted, size: reader.size), to: path, progress: options.progress)
        }
        var stored = StoredObject(name: "", size: tally.size)
        guard options.computesSHA256 || wantsProof else { return stored }
        if options.computesSHA256 { stored.sha256 = tally.checksum(.sha256)?.value }
        stored.verifiedBy = try await prove(path, tally.size) { tally.checksum($0) }
        return stored
    }

    /// Sends content; where the server hangs up in the middle, finds out why.
    func upload(
        _ body: TransportRequest.Body,
        to path: String,
        at offset: Int64 = 0,
        progress: (@Sendable (Int64) -> Void)?
    ) async throws {
        do {
            try await server.upload(body, to: path, at: offset, progress: progress)
        } catch let error as StorageError {
            // After a positive reply, it is the line that broke, unless the server hung up amid our bytes.
            let isStopped = CurlError(behind: error)?.code == 55 || Reply(refusalIn: error)?.meaning.code == .failed
            guard isStopped, let reason = await reasonForNoMore(path) else { throw error }
            throw reason
        }
    }

    /// Why a server stopped taking content, if it has no room.
    ///
    /// Such a server closes the connection for the content and says why only then, when libcurl doesn't listen any more;
    /// or it says no more than that it failed. A little content, which fits into the buffers on the way, is answered.
    private func reasonForNoMore(_ path: String) async -> StorageError? {
        let probe = path + "-probe"
        var reason: StorageError?
        do {
            try await server.upload(.bytes(Array(repeating: 0, count: 32 << 10)), to: probe, progress: nil)
        } catch {
            if let reply = Reply(refusalIn: error), reply.meaning.code == .full {
                reason = error as? StorageError
            } else if let reply = Reply(refusalIn: error), reply.meaning.code == .failed, await takesEmptyFile(probe) {
                reason = StorageError(
                    .full,
                    """
                    The server "\(server.address)" takes files, but no bytes for them \
                    (\(FileName.quoted(reply.lines.last ?? ""))): its disk or the user's quota seems to be full; \
                    make room there.
                    """,
                    cause: ServerFailure()
                )
            }
        }
        await discard(probe)
        return reason
    }

    private func takesEmptyFile(_ path: String) async -> Bool {
        do {
            try await server.upload(.bytes([]), to: path, progress: nil)
            return true
        } catch {
            return false
        }
    }

    /// Compares the server's checksum of a file with ours, or reads the file back where that is wanted.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - size: Its size.
    ///   - progress: Whom to tell that it goes on.
    ///   - ours: Our checksum by an algorithm; nil if it isn't known. SHA-256 always is.
    /// - Returns: By which checksum the file is proven; nil if it isn't.
    /// - Throws: `StorageError` with `damaged` if the server has other bytes.
    func prove(
        _ path: String,
        _ size: Int64,
        progress: @escaping @Sendable (Int64) -> Void = { _ in },
        _ ours: (Checksum.Algorithm) -> Checksum?
    ) async throws -> Checksum.Algorithm? {
        if let theirs = try await serverChecksum(path, size: size, progress: progress),
            let ours = ours(theirs.algorithm)
        {
            guard theirs == ours else { throw damage("the server's \(theirs.algorithm) of it is another one") }
            return theirs.algorithm
        }
        guard options.verification == .readback, let ours = ours(.sha256) else { return nil }
        let download = try await server.download(path)
        let theirs = try await download.reader(size: download.size) { $0 }.checksum(.sha256, progress: progress)
        guard theirs == ours else { throw damage("what was read back is something else") }
        return .sha256
    }

    func damage(_ what: String) -> StorageError {
        StorageError(
            .damaged,
            "The server \"\(server.address)\" didn't keep what was sent: \(what); it is sent again.",
            cause: ServerFailure()
        )
    }

    /// Removes a temporary file, also for a task that is cancelled; a server that can't be reached keeps it for
    /// ``leftovers()``.
    func discard(_ path: String) async {
        try? await shielded { [server] in
            // The server may take up the command to store only after the one to delete, on another connection.
            for delay in [0, 50, 200] {
                try await Task.sleep(for: .milliseconds(delay))
                if try await server.perform(["DELE \(path)"])[0].isPositive { return }
            }
        }
    }
}

/// Counts and sums up bytes as they pass.
final class Tally: Sendable {
    private let state: Mutex<(size: Int64, digests: Digests?)>

    private let hasMD5: Bool

    init(computes: Bool, alsoMD5 hasMD5: Bool) {
        self.hasMD5 = hasMD5
        state = Mutex((0, computes ? hasMD5 ? Digests(.sha256, .md5) : Digests(.sha256) : nil))
    }

    func add(_ bytes: [UInt8]) {
        state.withLock {
            $0.size += Int64(bytes.count)
            $0.digests?.update(bytes)
        }
    }

    var size: Int64 { state.withLock { $0.size } }

    /// A checksum, if it is computed.
    func checksum(_ algorithm: Checksum.Algorithm) -> Checksum? {
        guard algorithm == .sha256 || hasMD5 && algorithm == .md5 else { return nil }
        return state.withLock { $0.digests }?.checksum(algorithm)
    }
}
