public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage: ChecksumStorage {
    public func checksum(_ name: String) async throws -> Checksum? {
        let resolved = try resolve(name)
        return try await act("looked up", name) {
            let path = try await self.path(resolved)
            guard let entry = try await self.entry(path) else { throw self.missing(name) }
            guard entry.kind != .directory else {
                throw StorageError(
                    .isDirectory,
                    name: name,
                    "\(FileName.quoted(name)) is a directory on the FTP server."
                )
            }
            return try await self.serverChecksum(path, size: entry.size ?? 0)
        }
    }
}

extension FTPStorage {
    /// The strongest checksum that the server computes of a file; nil if it computes none.
    ///
    /// The server says nothing meanwhile: that it is waited for is told every while.
    func serverChecksum(
        _ path: String,
        size: Int64,
        progress: @escaping @Sendable (Int64) -> Void
    ) async throws -> Checksum? {
        try await withThrowingTaskGroup(of: Checksum??.self) { group in
            group.addTask { .some(try await self.serverChecksum(path, size: size)) }
            group.addTask {
                while true {
                    try await Task.sleep(for: .seconds(10))
                    progress(size)
                }
            }
            defer { group.cancelAll() }
            return try await group.next().flatMap { $0 } ?? nil
        }
    }

    /// The strongest checksum that the server computes of a file; nil if it computes none.
    func serverChecksum(_ path: String, size: Int64) async throws -> Checksum? {
        // The server reads the whole file before it answers: ten megabytes a second at least.
        let patience = Duration.seconds(size / 10_000_000)
        for (algorithm, command) in try await server.features().checksums {
            // The older commands take several words for a path and a range.
            let word = path.utf8.contains(UInt8(ascii: " ")) ? "\"\(path)\"" : path
            let commands =
                switch command {
                case .plain(let verb): ["\(verb) \(word)"]
                case .hash(let name): ["OPTS HASH \(name)", "HASH \(path)"]
                }
            let reply = try await server.perform(commands, patience: patience).last
            guard let reply, reply.isPositive else { continue }
            if case .hash(let name) = command, !reply.text.uppercased().contains(name) { continue }
            let digitCount = algorithm == .sha256 ? 64 : 32
            let digits = reply.text.split(separator: " ").first { word in
                word.utf8.count == digitCount && word.allSatisfy { $0.isASCII && $0.isHexDigit }
            }
            if let digits { return Checksum(algorithm, String(digits)) }
        }
        return nil
    }
}
