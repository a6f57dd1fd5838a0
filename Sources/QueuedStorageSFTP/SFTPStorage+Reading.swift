public import QueuedStorageCore
import Synchronization

extension SFTPStorage {
    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let path = try path(name)
        return try await act("opened", name, repeats: true) { lease in
            let connection = lease.connection
            let file = OpenedFile(lease, try await connection.open(path, .read).handle)
            // Which of the two answers comes first doesn't matter: a small file is here after one more round.
            let status = connection.status(of: file.handle)
            let download = Download(file, from: range?.lowerBound ?? 0, wanted: range?.count) { [self] in
                couldNot("read", name, $0)
            }
            let attributes = try await status.attributes
            if attributes.isDirectory { throw error(.isDirectory, "opened", name, "it is a directory") }
            guard attributes.isRegularFile else { throw error(.failed, "opened", name, "it isn't a regular file") }
            guard let size = attributes.size else {
                throw error(.notSupported, "opened", name, "the server doesn't tell its size")
            }
            let whole = 0..<Int64(clamping: size)
            let wanted = range?.clamped(to: whole) ?? whole
            download.setEnd(wanted.upperBound) { [self] in await open(path, like: attributes, besides: $0) }
            return FileReader(size: Int64(wanted.count)) { { try await download.next() } }
        }
    }

    /// Opens a file in one more connection.
    ///
    /// - Returns: Nil if no further connection is to be had, or if something else lies under the path by now.
    private func open(_ path: String, like known: FileAttributes, besides files: [OpenedFile]) async -> OpenedFile? {
        do {
            guard let identity = known.identity,
                let lease = try await pool.connection(besides: files.map(\.lease.connection))
            else { return nil }
            let file = OpenedFile(lease, try await lease.connection.open(path, .read).handle)
            return try await lease.connection.status(of: file.handle).attributes.identity == identity ? file : nil
        } catch { return nil }
    }

    // swift-format-ignore: AllPublicDeclarationsHaveDocumentation
    public func list(_ directory: String) async throws -> DirectoryListing {
        let path = try path(directory)
        return try await act("listed", directory, repeats: true) { lease in
            let connection = lease.connection
            var listing = (directories: [String](), files: [String](), links: [String]())
            for entry in try await entries(path, connection) {
                // What isn't UTF-8 is no name.
                guard let name = String(validating: entry.name, as: UTF8.self), name != FileName.privateComponent else {
                    continue
                }
                if entry.isDirectory {
                    listing.directories.append(name)
                } else if entry.attributes.isSymbolicLink {
                    listing.links.append(name)
                } else {
                    listing.files.append(name)
                }
            }
            for (name, isDirectory) in await targets(listing.links, in: path, connection) {
                if isDirectory { listing.directories.append(name) } else { listing.files.append(name) }
            }
            return DirectoryListing(directories: listing.directories, files: listing.files)
        }
    }

    /// Whether symbolic links lead to directories; those that lead nowhere are files.
    private func targets(
        _ links: [String],
        in path: String,
        _ connection: Connection
    ) async -> [(name: String, isDirectory: Bool)] {
        var result: [(String, Bool)] = []
        for start in stride(from: 0, to: links.count, by: 64) {
            let page = links[start..<min(start + 64, links.count)]
            let replies = page.map { ($0, connection.status(FileName.append($0, to: path))) }
            for (name, reply) in replies { result.append((name, (try? await reply.attributes.isDirectory) ?? false)) }
        }
        return result
    }

    /// Everything that lies in a directory, except the directory itself and the one above it.
    func entries(_ path: String, _ connection: Connection) async throws -> [Response.Entry] {
        let handle = try await connection.openDirectory(path).handle
        defer { connection.forget(handle) }
        var entries: [Response.Entry] = []
        // More and more pages are asked for at once: most directories have one, some have thousands.
        var pageCount = 2
        while true {
            let replies = (0..<pageCount).map { _ in connection.readDirectory(handle) }
            for reply in replies {
                do {
                    let page = try await reply.entries
                    // A server that has no more says so by an error; one that says nothing would say it for ever.
                    if page.isEmpty { return entries }
                    entries += page.filter { $0.isInDirectory }
                } catch let status as Status where status.code == Status.Code.endOfFile {
                    return entries
                }
            }
            pageCount = min(pageCount * 2, 16)
        }
    }
}

extension Response.Entry {
    /// Whether it can be what lies directly in a directory; the directory itself and its parent are listed, too.
    fileprivate var isInDirectory: Bool {
        !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
            && !name.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
    }

    /// Servers that don't tell a file's kind tell it as `ls` does.
    var isDirectory: Bool { attributes.mode == nil ? line.first == UInt8(ascii: "d") : attributes.isDirectory }
}
