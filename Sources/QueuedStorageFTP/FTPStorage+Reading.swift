public import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let resolved = try resolve(name)
        return try await act("opened", name) {
            let path = try await self.path(resolved)
            do {
                guard let range else {
                    let download = try await self.server.download(path)
                    return download.reader(size: download.size) { self.failure($0, "read", name) }
                }
                return try await self.open(path, range, name)
            } catch {
                throw try await self.explained(error, path, name)
            }
        }
    }

    private func open(_ path: String, _ range: Range<Int64>, _ name: String) async throws -> FileReader {
        let size = try await self.size(of: path, name)
        let wanted = range.clamped(to: 0..<max(0, size))
        guard !wanted.isEmpty else { return FileReader([]) }
        let count = wanted.upperBound < size ? Int64(wanted.count) : nil
        let isWhole = wanted.lowerBound == 0 && count == nil
        let continues = try await server.continuesFiles()
        guard isWhole || continues else {
            let download = try await server.download(path)
            return download.reader(size: nil) { self.failure($0, "read", name) }.part(wanted)
        }
        let download = try await server.download(path, from: wanted.lowerBound, count: count)
        return download.reader(size: Int64(wanted.count)) { self.failure($0, "read", name) }
    }

    public func exists(_ name: String) async throws -> Bool {
        let resolved = try resolve(name, allowsRoot: true)
        return try await act("looked up", name) { try await self.entry(self.path(resolved)) != nil }
    }

    public func size(_ name: String) async throws -> Int64 {
        let resolved = try resolve(name)
        return try await act("looked up", name) { try await self.size(of: self.path(resolved), name) }
    }

    private func size(of path: String, _ name: String) async throws -> Int64 {
        let entry = try await file(path, name)
        return try await size(of: entry, path, name)
    }

    /// The size of a file; nil if it isn't there.
    func sizeIfThere(_ path: String, _ name: String) async throws -> Int64? {
        guard let entry = try await entry(path) else { return nil }
        return try await size(of: entry, path, name)
    }

    private func size(of entry: ListingEntry, _ path: String, _ name: String) async throws -> Int64 {
        // Facts are what a server likes to tell.
        if let size = entry.size { return size }
        let reply = try await server.perform(["TYPE I", "SIZE \(path)"])[1]
        guard reply.code == 213, let size = Int64(reply.text.split(separator: " ").last ?? "") else {
            throw StorageError(
                .notSupported,
                name: name,
                """
                The server "\(server.address)" doesn't tell the size of \(FileName.quoted(name)): it answered \
                \(FileName.quoted(reply.text)).
                """
            )
        }
        return size
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        let resolved = try resolve(name)
        return try await act("looked up", name) {
            let path = try await self.path(resolved)
            let entry = try await self.file(path, name)
            if try await self.server.hasFacts(), let date = entry.modifiedAt { return date }
            let reply = try await self.server.perform(["MDTM \(path)"])[0]
            if reply.code == 213, let date = Date(fact: reply.text) { return date }
            guard let date = entry.modifiedAt else { throw self.notKept(name) }
            return date
        }
    }

    public func createdAt(_ name: String) async throws -> Date {
        let resolved = try resolve(name)
        return try await act("looked up", name) {
            guard let date = try await self.file(self.path(resolved), name).createdAt else { throw self.notKept(name) }
            return date
        }
    }

    public func accessedAt(_ name: String) async throws -> Date {
        let resolved = try resolve(name)
        return try await act("looked up", name) {
            _ = try await self.file(self.path(resolved), name)
            throw self.notKept(name)
        }
    }

    private func notKept(_ name: String) -> StorageError {
        StorageError(.notSupported, name: name, "The server \"\(server.address)\" doesn't tell this time of a file.")
    }

    public func url(_ name: String) async throws -> String {
        guard let base = options.baseURL else {
            throw StorageError(
                .notSupported,
                name: name,
                "The FTP storage has no addresses for clients; set the option \"baseURL\"."
            )
        }
        return try FileName.url(name, base: base)
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        let resolved = try resolve(directory, allowsRoot: true)
        return try await act("listed", directory) {
            let entries = try await self.entriesIfThere(self.path(resolved))
            guard let entries else {
                // The root is made with the first file.
                if resolved.isEmpty { return DirectoryListing(directories: [], files: []) }
                throw StorageError(
                    .notFound,
                    name: directory,
                    "The directory \(FileName.quoted(directory)) doesn't exist on the FTP server \"\(self.server.address)\"."
                )
            }
            let visible = entries.filter { $0.name != FileName.privateComponent }
            return DirectoryListing(
                directories: visible.filter { $0.kind == .directory }.map(\.name),
                files: visible.filter { $0.kind == .file || $0.kind == .link }.map(\.name)
            )
        }
    }
}

// MARK: - Looking

extension FTPStorage {
    /// What lies in a directory; nil if it isn't one.
    func entriesIfThere(_ path: String) async throws -> [ListingEntry]? {
        do {
            return try await entries(path)
        } catch {
            guard let reply = Reply(error), [450, 501, 550, 553].contains(reply.code), !reply.isDenial,
                ![.throttled, .full].contains(reply.meaning.code)
            else { throw error }
            return nil
        }
    }

    private func entries(_ path: String) async throws -> [ListingEntry] {
        if try await server.hasFacts() {
            do {
                return listingLines(try await server.listFacts(path)).compactMap { ListingEntry(facts: $0) }
                    .filter { $0.kind != .itself && $0.kind != .other }
            } catch {
                guard Reply(error)?.isUnknownCommand == true else { throw error }
                server.noteLackOfFacts()
            }
        }
        let bytes: [UInt8]
        do {
            // Without -a, names with a dot in front may stay hidden.
            bytes = try await server.listLines(path, command: "LIST -a")
        } catch {
            guard let reply = Reply(error), [500, 501, 504].contains(reply.code) else { throw error }
            bytes = try await server.listLines(path, command: "LIST")
        }
        let now = Date()
        return listingLines(bytes).compactMap { ListingEntry(listLine: $0, now: now) }.filter { $0.kind != .other }
    }

    /// What has a path; nil if nothing has.
    func entry(_ path: String) async throws -> ListingEntry? {
        if try await server.hasFacts() {
            let reply = try await server.perform(["MLST \(path)"])[0]
            if !reply.isUnknownCommand { return try entry(reply) }
            server.noteLackOfFacts()
        }
        return try await listedEntry(path)
    }

    /// What an answer to MLST says.
    func entry(_ reply: Reply) throws -> ListingEntry? {
        if reply.isPositive {
            for line in reply.lines.dropFirst() where line.utf8.first == UInt8(ascii: " ") {
                if let entry = ListingEntry(facts: Array(line.utf8.dropFirst())[...], checksName: false) {
                    var entry = entry
                    if entry.kind == .itself { entry.kind = .directory }
                    return entry
                }
            }
            throw StorageError(
                .failed,
                "The server \"\(server.address)\" answered MLST with something else.",
                cause: ServerFailure(subjects: reply.subjects)
            )
        }
        guard [450, 501, 550, 553].contains(reply.code), !reply.isDenial else { throw refusal(reply) }
        return nil
    }

    /// What has a path, by SIZE and the listing of its directory.
    private func listedEntry(_ path: String) async throws -> ListingEntry? {
        let reply = try await server.perform(["TYPE I", "SIZE \(path)"])[1]
        if reply.code == 213, let size = Int64(reply.text.split(separator: " ").last ?? "") {
            return ListingEntry(name: path, kind: .file, size: size)
        }
        guard let parent = Self.parent(path) else { return ListingEntry(name: path, kind: .directory) }
        let leaf = NameKey(FileName.split(path).base)
        return try await entriesIfThere(parent)?.first { NameKey($0.name) == leaf }
    }

    /// The file that has a path.
    private func file(_ path: String, _ name: String) async throws -> ListingEntry {
        guard let entry = try await entry(path) else { throw missing(name) }
        guard entry.kind != .directory else {
            throw StorageError(.isDirectory, name: name, "\(FileName.quoted(name)) is a directory on the FTP server.")
        }
        return entry
    }

    func missing(_ name: String) -> StorageError {
        StorageError(
            .notFound,
            name: name,
            "The file \(FileName.quoted(name)) doesn't exist on the FTP server \"\(server.address)\"."
        )
    }
}

extension FileReader {
    /// A part of what is read; the rest is read over.
    fileprivate func part(_ range: Range<Int64>) -> FileReader {
        let whole = self
        return FileReader(size: Int64(range.count)) {
            let next = whole.makeAsyncIterator().read
            let position = Shared(Int64(0))
            return {
                while position.value < range.upperBound, let buffer = try await next() {
                    let start = position.value
                    position.value += Int64(buffer.count)
                    let part = range.clamped(to: start..<position.value)
                    if !part.isEmpty {
                        return Array(buffer[Int(part.lowerBound - start)..<Int(part.upperBound - start)])
                    }
                }
                return nil
            }
        }
    }
}
