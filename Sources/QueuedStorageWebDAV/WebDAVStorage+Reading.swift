public import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let components = try fileComponents(name, "opened")
        let failed = "The file \(FileName.quoted(name)) couldn't be opened"
        guard let range else {
            let answer = try await client.send("GET", components)
            guard answer.status == 200 else { throw await refusedReading(answer, components, name, failed) }
            return answer.body
        }
        guard !range.isEmpty else {
            _ = try await file(name, "opened")
            return FileReader([])
        }
        let headers: HeaderFields = ["Range": "bytes=\(range.lowerBound)-\(range.upperBound - 1)"]
        let answer = try await client.send("GET", components, headers: headers)
        switch answer.status {
        case 206:
            guard answer.headers["Content-Range"]?.hasPrefix("bytes \(range.lowerBound)-") == true else {
                throw StorageError(.failed, name: name, "\(failed): the server sent another range than was asked for.")
            }
            return answer.body
        case 200:
            // The server knows no ranges.
            return answer.body.dropping(range.lowerBound, keeping: range.upperBound - range.lowerBound)
        case 416:
            try await answer.discard()
            return FileReader([])
        default:
            throw await refusedReading(answer, components, name, failed)
        }
    }

    private func refusedReading(
        _ answer: TransportResponse,
        _ components: [String],
        _ name: String,
        _ failed: String
    ) async -> any Error {
        let refusal = await refusal(answer, failed, name)
        guard [301, 302, 307, 308, 403, 404, 405, 409].contains(answer.status) else { return refusal }
        do {
            guard let found = try await resource(components, name: name, failed: failed) else {
                return try await missing(components, name, "opened")
            }
            return found.isDirectory ? couldNot("opened", name, .isDirectory, "it is a directory") : refusal
        } catch {
            return refusal
        }
    }

    /// Why there is nothing of a name.
    func missing(_ components: [String], _ name: String, _ verb: String) async throws -> StorageError {
        for count in 1..<max(1, components.count) {
            let parent = try await resource(Array(components.prefix(count)), name: name, failed: "")
            guard let parent else { break }
            if !parent.isDirectory {
                return couldNot(verb, name, .notADirectory, "a file stands where its directory should be")
            }
        }
        return couldNot(verb, name, .notFound, "there is no such file")
    }

    /// What the server says of a file.
    func file(_ name: String, _ verb: String) async throws -> DAVResource {
        let components = try fileComponents(name, verb)
        let failed = "The file \(FileName.quoted(name)) couldn't be \(verb)"
        guard let found = try await resource(components, name: name, failed: failed) else {
            throw try await missing(components, name, verb)
        }
        guard !found.isDirectory else { throw couldNot(verb, name, .isDirectory, "it is a directory") }
        return found
    }

    public func exists(_ name: String) async throws -> Bool {
        // A name that is too long is one that nothing has; it may still be cut.
        try FileName.validateComponents(name, limitsLength: false)
        guard let components = try? components(name) else {
            _ = try FileName.relative(name, to: "/dav")
            return false
        }
        let failed = "The server couldn't be asked for the file \(FileName.quoted(name))"
        return try await resource(components, name: name, failed: failed) != nil
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        let components = try components(directory)
        let failed = "The directory \(FileName.quoted(directory)) couldn't be listed"
        guard let resources = try await resources(in: components, name: directory, failed: failed) else {
            if let found = try await resource(components, name: directory, failed: failed), !found.isDirectory {
                throw StorageError(.notADirectory, name: directory, "\(failed): it is a file.")
            }
            // The storage's own directory is made by the first store.
            if components.isEmpty { return DirectoryListing(directories: [], files: []) }
            throw StorageError(.notFound, name: directory, "\(failed): there is no such directory.")
        }
        var (directories, files): ([String], [String]) = ([], [])
        for resource in resources {
            guard let child = client.child(resource.href, of: components) else { continue }
            if child.isEmpty {
                if resource.isDirectory { continue }
                throw StorageError(.notADirectory, name: directory, "\(failed): it is a file.")
            }
            guard child != FileName.privateComponent else { continue }
            if resource.isDirectory { directories.append(child) } else { files.append(child) }
        }
        return DirectoryListing(directories: directories, files: files)
    }

    public func size(_ name: String) async throws -> Int64 {
        guard let size = try await file(name, "looked at").size else {
            throw couldNot("looked at", name, .failed, "the server doesn't say its size")
        }
        return size
    }

    public func accessedAt(_ name: String) async throws -> Date {
        _ = try await file(name, "looked at")
        throw couldNot("looked at", name, .notSupported, "WebDAV doesn't know when a file was last read")
    }

    public func createdAt(_ name: String) async throws -> Date {
        guard let date = try await file(name, "looked at").createdAt else {
            throw couldNot("looked at", name, .notSupported, "the server doesn't say when it was made")
        }
        return date
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        guard let date = try await file(name, "looked at").modifiedAt else {
            throw couldNot("looked at", name, .notSupported, "the server doesn't say when it was changed")
        }
        return date
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: ChecksumStorage {
    public func checksum(_ name: String) async throws -> Checksum? { try await file(name, "looked at").checksum }
}

extension FileReader {
    /// The bytes after some, and no more than some.
    fileprivate func dropping(_ skipped: Int64, keeping kept: Int64) -> FileReader {
        let size = size.map { Swift.max(0, Swift.min(kept, $0 - skipped)) }
        return FileReader(size: size) {
            let next = makeAsyncIterator().read
            let rest = Shared((skipped: skipped, kept: kept))
            return {
                var (skipped, kept) = rest.value
                while kept > 0, let buffer = try await next() {
                    let drop = Int(Swift.min(skipped, Int64(buffer.count)))
                    skipped -= Int64(drop)
                    let piece = buffer.dropFirst(drop).prefix(Int(Swift.min(kept, Int64(buffer.count))))
                    kept -= Int64(piece.count)
                    rest.value = (skipped, kept)
                    if !piece.isEmpty { return Array(piece) }
                }
                return nil
            }
        }
    }
}
