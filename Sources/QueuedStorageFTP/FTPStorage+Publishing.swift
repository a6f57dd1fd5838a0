import QueuedStorageCore

extension FTPStorage {
    /// The turns of all storages of the process: two of them may be one place.
    private static let publishing = NameGate()

    /// Refuses a name that is taken.
    func requireFree(_ path: String, _ name: String) async throws {
        if try await entry(path) != nil { throw taken(name) }
    }

    private func taken(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists,
            name: name,
            "The name \(FileName.quoted(name)) is taken on the FTP server \"\(server.address)\"."
        )
    }

    /// Gives a whole temporary file its name.
    ///
    /// Where the server's rename doesn't replace, the old file is set aside first: for as long as two commands take,
    /// nothing has the name then.
    ///
    /// - Parameters:
    ///   - temporary: The temporary file's path.
    ///   - size: How many bytes it must have.
    ///   - path: The path that it gets.
    ///   - name: The name, for sentences.
    ///   - isReplacing: Whether a file of the name gives way.
    /// - Throws: `StorageError` with `alreadyExists`, `damaged` and the like.
    func publish(
        _ temporary: String,
        _ size: Int64,
        as path: String,
        _ name: String,
        replacing isReplacing: Bool
    ) async throws {
        try await makeDirectory(Self.parent(path), for: name)
        try await Self.publishing.pass("\(server.address) \(path)") {
            try await self.check(temporary, size, path, name, looks: !isReplacing)
            try Task.checkCancellation()
            // What is renamed is stored: the task that learns of it may be cancelled, the rename isn't.
            try await shielded { try await self.rename(temporary, to: path, name, isReplacing) }
        }
    }

    /// Compares the temporary file's size, and looks whether the name is free.
    private func check(_ temporary: String, _ size: Int64, _ path: String, _ name: String, looks: Bool) async throws {
        guard try await server.hasFacts() else {
            guard let entry = try await entry(temporary) else { throw notThere }
            try compare(entry.size, size)
            if looks { try await requireFree(path, name) }
            return
        }
        // Both in one go.
        let replies = try await server.perform(["MLST \(temporary)"] + (looks ? ["MLST \(path)"] : []))
        guard !replies[0].isUnknownCommand else {
            server.noteLackOfFacts()
            return try await check(temporary, size, path, name, looks: looks)
        }
        guard let entry = try entry(replies[0]) else { throw notThere }
        try compare(entry.size, size)
        if looks, try self.entry(replies[1]) != nil { throw taken(name) }
    }

    private var notThere: StorageError { damage("it isn't there") }

    private func compare(_ theirs: Int64?, _ ours: Int64) throws {
        if let theirs, theirs != ours { throw damage("it has \(theirs) bytes there, and \(ours) here") }
    }

    private func rename(_ temporary: String, to path: String, _ name: String, _ isReplacing: Bool) async throws {
        let commands = ["RNFR \(temporary)", "RNTO \(path)"]
        var replies = try await server.perform(commands, isRepeatable: false)
        if !replies[1].isPositive, let parent = Self.parent(path), server.knowsDirectory(parent) {
            // Somebody may have removed the directory since.
            server.forgetDirectories()
            try await makeDirectory(parent, for: name)
            replies = try await server.perform(commands, isRepeatable: false)
        }
        // Only a rename that fails because of the file that has the name is helped by the file's going away.
        if replies[0].isPositive, !replies[1].isPositive, isReplacing, try await entry(path)?.kind == .file {
            replies = try await replace(path, by: temporary, name)
        }
        guard replies[1].isPositive else {
            if try await entry(path)?.kind == .directory {
                throw StorageError(
                    .isDirectory,
                    name: name,
                    "\(FileName.quoted(name)) is a directory on the FTP server, which no file can replace."
                )
            }
            if !replies[0].isPositive, try await entry(temporary) == nil { throw notThere }
            throw denial(replies[0].isPositive ? replies[1] : replies[0])
        }
    }

    /// Sets the file that has a path aside, and puts another one there; the old one comes back if that fails.
    ///
    /// - Returns: The answers to the new file's rename.
    private func replace(_ path: String, by temporary: String, _ name: String) async throws -> [Reply] {
        let old = try await privatePath("tmp/replaced-\(FileName.randomIdentifier().prefix(16))")
        try await makeDirectory(Self.parent(old), for: name)
        let commands = ["RNFR \(path)", "RNTO \(old)", "RNFR \(temporary)", "RNTO \(path)"]
        let replies: [Reply]
        do {
            replies = try await server.perform(commands, isRepeatable: false)
        } catch {
            // Nobody knows how far that came.
            try await putBack(old, as: path, name)
            throw error
        }
        if replies[3].isPositive {
            await discard(old)
        } else if replies[1].isPositive {
            try await putBack(old, as: path, name)
        }
        return Array(replies[2...])
    }

    /// Gives a file that was set aside its path again, if nothing has that.
    private func putBack(_ old: String, as path: String, _ name: String) async throws {
        let problem: StorageError
        do {
            guard try await entry(path) == nil else { return }
            let replies = try await server.perform(["RNFR \(old)", "RNTO \(path)"], isRepeatable: false)
            if replies[1].isPositive { return }
            problem = StorageError(.failed, refusal(replies[0].isPositive ? replies[1] : replies[0]).message)
        } catch let error as StorageError {
            problem = error
        }
        throw StorageError(
            problem.code,
            """
            The server "\(server.address)" set the old file aside, and took the new one under its name as little as the \
            old one again. What it had lies at \(FileName.quoted(old)) until it is renamed or removed. \(problem.message)
            """,
            cause: ServerFailure(keepsTemporary: true)
        )
    }

    /// Makes a directory and those above it, as far as they are missing.
    func makeDirectory(_ path: String?, for name: String) async throws {
        guard let path, path != "/", !server.knowsDirectory(path) else { return }
        if try await !isMade(path, name) {
            try await makeDirectory(Self.parent(path), for: name)
            guard try await isMade(path, name) else {
                throw StorageError(
                    .denied,
                    name: name,
                    """
                    The directory \(FileName.quoted(path)) can't be made on the FTP server "\(server.address)"; \
                    check what the user may do there.
                    """
                )
            }
        }
        server.noteDirectory(path)
    }

    /// Tries to make a directory; true if it is there then.
    private func isMade(_ path: String, _ name: String) async throws -> Bool {
        let reply = try await server.perform(["MKD \(path)"])[0]
        if reply.isPositive { return true }
        guard (500..<600).contains(reply.code) || reply.code == 450 else { throw refusal(reply) }
        // The same answer says that it is there, that the one above isn't, and that it mustn't be made.
        switch try await entry(path)?.kind {
        case .directory, .link: return true
        case nil:
            let refusal = refusal(reply)
            if reply.isDenial || [.full, .throttled, .invalidName].contains(refusal.code) { throw refusal }
            return false
        default:
            throw StorageError(
                .notADirectory,
                name: name,
                "\(FileName.quoted(path)) on the FTP server is a file, so that nothing can be stored below it."
            )
        }
    }
}
