internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let target = try target(name)
        let failed = failed("opened", target.name)
        var request = Account.Request("GET", path(target.object))
        if let range {
            guard !range.isEmpty else {
                guard try await head(target, failed) != nil else { throw missing(target, failed) }
                return FileReader([])
            }
            request.headers["Range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        }
        let answer = try await account.send(request)
        switch answer.status {
        case 200 where range == nil && answer.isSwifts, 206 where range != nil && answer.isSwifts: return answer.body
        case 404: throw missing(target, failed)
        case 416 where range != nil:
            // It begins behind the end.
            try await answer.discard()
            return FileReader([])
        default: throw await answer.swiftFailure(failed, name: target.name)
        }
    }

    public func list(_ directory: String) async throws -> DirectoryListing {
        try FileName.validateComponents(directory)
        let target = try location(directory)
        let prefix = target.object.isEmpty ? "" : target.object + "/"
        var (directories, files): (Set<NameKey>, Set<NameKey>) = ([], [])
        try await forEachPage(prefix: prefix, delimited: true) { page in
            for entry in page {
                guard let key = entry.key.removing(prefix: prefix), !key.isEmpty else { continue }
                // Other programs mark directories by objects of this type, with a slash at their ends or without.
                let isDirectory = entry.subdirectory != nil || entry.contentType == "application/directory"
                let slash = UInt8(ascii: "/")
                let name = key.utf8.last == slash ? String(Substring(key.utf8.dropLast())) : key
                guard !["", ".", "..", FileName.privateComponent].contains(name),
                    !name.utf8.contains(where: { $0 == 0 || $0 == slash })
                else { continue }
                if isDirectory { directories.insert(NameKey(name)) } else { files.insert(NameKey(name)) }
            }
        }
        return DirectoryListing(directories: directories.map(\.name), files: files.map(\.name))
    }

    /// Hands over a container's objects, page by page.
    ///
    /// - Parameters:
    ///   - container: The container; the storage's own if nil.
    ///   - prefix: What their names begin with.
    ///   - delimited: Whether what lies below a directory is one entry.
    ///   - body: Takes a page.
    /// - Throws: `StorageError`, and what the body throws.
    func forEachPage(
        in container: String? = nil,
        prefix: String,
        delimited: Bool,
        _ body: ([ListingEntry]) throws -> Void
    ) async throws {
        let container = container ?? configuration.container
        let failed = "The container \(FileName.quoted(container)) couldn't be listed"
        var marker = ""
        while true {
            var query = "format=json&prefix=\(prefix.percentEncoded())"
            if delimited { query += "&delimiter=%2F" }
            if !marker.isEmpty { query += "&marker=\(marker.percentEncoded())" }
            if let size = configuration.pageSize { query += "&limit=\(size)" }
            let answer = try await account.send(Account.Request("GET", container.percentEncoded(), query: query))
            guard answer.status == 200 || answer.status == 204 else {
                if answer.status == 404 {
                    try? await answer.discard()
                    if configuration.createsContainer { return }
                    throw missingContainer(failed, container)
                }
                throw await answer.swiftFailure(failed)
            }
            let type = answer.headers["Content-Type"] ?? ""
            guard answer.status == 204 || type.lowercased().contains("json") else {
                throw await answer.swiftFailure(failed)
            }
            let bytes = try await answer.collect(upTo: 256 << 20)
            guard let page = try? bytes.isEmpty ? [] : JSONDecoder().decode([ListingEntry].self, from: Data(bytes)),
                page.allSatisfy({ !$0.key.isEmpty })
            else { throw StorageError(.failed, "\(failed): what the server sent is no listing.") }
            try body(page)
            // How many a page has is the server's choice: only one without any is behind the last.
            guard let last = page.last?.key, configuration.pageSize.map({ page.count >= $0 }) ?? true else { return }
            // The same page again would come for ever.
            guard marker.utf8.lexicographicallyPrecedes(last.utf8) else {
                throw StorageError(.failed, "\(failed): the server lists from elsewhere than it was asked to.")
            }
            marker = last
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: ChecksumStorage {
    /// The MD5 of an object; none of one made of segments, whose tag is a checksum of theirs.
    public func checksum(_ name: String) async throws -> Checksum? {
        let (headers, _) = try await found(name)
        guard headers["X-Static-Large-Object"] == nil, headers["X-Object-Manifest"] == nil,
            let tag = headers["Etag"]?.filter({ $0 != "\"" }), tag.isMD5
        else { return nil }
        return Checksum(.md5, tag)
    }
}

extension CloudFilesStorage {
    /// What the server says of an object; nil if there is none.
    func head(_ target: Target, _ failed: String) async throws -> HeaderFields? {
        let answer = try await account.send(Account.Request("HEAD", path(target.object)))
        try await answer.discard()
        if answer.status == 404 { return nil }
        guard answer.status == 200 || answer.status == 204, answer.isSwifts else {
            throw await answer.swiftFailure(failed, name: target.name)
        }
        return answer.headers
    }

    /// What the server says of a file that must be there.
    func found(_ name: String) async throws -> (HeaderFields, Target) {
        let target = try target(name)
        let failed = failed("looked up", target.name)
        guard let headers = try await head(target, failed) else { throw missing(target, failed) }
        return (headers, target)
    }

    func missing(_ target: Target, _ failed: String) -> StorageError {
        StorageError(.notFound, name: target.name, "\(failed): there is no such file.")
    }
}

extension String {
    /// Whether the text is an MD5 in hexadecimal digits.
    var isMD5: Bool { utf8.count == 32 && utf8.allSatisfy { Character(UnicodeScalar($0)).isHexDigit } }

    /// What follows a beginning, by bytes; nil if the text begins otherwise.
    func removing(prefix: String) -> String? {
        utf8.starts(with: prefix.utf8) ? String(Substring(utf8.dropFirst(prefix.utf8.count))) : nil
    }
}
