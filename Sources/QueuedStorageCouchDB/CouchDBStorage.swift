public import FoundationEssentials
public import QueuedStorageCore
import QueuedStorageTransport

/// Keeps files in a CouchDB database: a document for each, with the bytes as its attachment `content`.
///
/// A document's identifier is the file's name, `/` included. It appears with its attachment in one request, so that
/// nobody ever sees one without the other, and the server itself decides that a name was free. Directories are what
/// names have in common.
/// ```swift
/// let storage = try CouchDBStorage(.init(server: "http://127.0.0.1:5984", database: "media", user: "app"), password: password)
/// ```
/// Source: CouchDB's documentation, "API Reference".
public final class CouchDBStorage: Sendable {
    /// What the storage was made with.
    public let configuration: Configuration
    let database: Database
    let ids: DocumentIDs

    /// Makes a storage; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - configuration: What it is made with.
    ///   - password: The user's password.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public init(_ configuration: Configuration, password: Secret? = nil) throws {
        self.configuration = try configuration.validated(password: password)
        database = Database(self.configuration, password: password)
        ids = DocumentIDs(prefix: configuration.prefix ?? "")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage: Storage, ExclusiveStorage, DurableStorage {
    public var fingerprint: String {
        let server = configuration.server.drop { $0 != ":" }.drop { $0 == ":" || $0 == "/" }.lowercased()
        return "couchdb://\(server)/\(configuration.database)"
            + (ids.prefix.isEmpty ? "" : "?prefix=\(ids.prefix.percentEncoded())")
    }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let name = try resolve(name)
        guard name != "" else { throw FileName.refusal(name, "the location itself isn't deleted") }
        let failed = couldNot("deleted", name)
        for _ in 0..<Self.maxConflicts {
            guard let document = try await find(name, failed, query: "?conflicts=true") else { return }
            // A revision that lost in a replication would take the place of the one that is deleted.
            let revisions = document.conflicts + [document.revision]
            var isDone = true
            for revision in revisions { isDone = try await remove(document.id, revision, failed, name) && isDone }
            if isDone { return }
        }
        throw contention(failed, name)
    }

    public func exists(_ name: String) async throws -> Bool {
        try FileName.validateComponents(name, limitsLength: false)
        let relative = try FileName.relative(name, to: "/couchdb")
        return try await find(relative, "Whether there is a file \(FileName.quoted(name)) couldn't be found out") != nil
    }

    public func size(_ name: String) async throws -> Int64 {
        try await file(name, couldNot("looked at", name)).content.length
    }

    public func url(_ name: String) async throws -> String {
        if let baseURL = configuration.baseURL { return try FileName.url(name, base: baseURL) }
        let path = DocumentIDs.path(ids.id(try resolve(name))) + "/" + StoredDocument.attachmentName
        return configuration.server + "/" + configuration.database.percentEncoded() + path
    }

    public func accessedAt(_ name: String) async throws -> Date {
        _ = try await file(name, couldNot("looked at", name))
        throw StorageError(.notSupported, name: name, "CouchDB doesn't keep when a file was last read.")
    }

    public func createdAt(_ name: String) async throws -> Date {
        try known(try await file(name, couldNot("looked at", name)).document.createdAt, "made", name)
    }

    public func modifiedAt(_ name: String) async throws -> Date {
        try known(try await file(name, couldNot("looked at", name)).document.modifiedAt, "changed", name)
    }

    private func known(_ date: Date?, _ what: String, _ name: String) throws -> Date {
        if let date { return date }
        throw StorageError(
            .notSupported,
            name: name,
            "The document of the file \(FileName.quoted(name)) doesn't say when it was \(what)."
        )
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage: ChecksumStorage {
    public func checksum(_ name: String) async throws -> Checksum? {
        let content = try await file(name, couldNot("looked at", name)).content
        guard content.hasDigestOfContent, let digest = content.digest else { return nil }
        return Data(base64Encoded: String(digest.dropFirst(4))).map { Checksum(.md5, [UInt8]($0).hexadecimal) }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage: CopyingStorage {
    public func copy(_ source: String, to destination: String) async throws {
        try FileName.validate(destination)
        let (name, target) = (try resolve(source), ids.id(try resolve(destination)))
        let failed = couldNot("copied", source)
        let path = DocumentIDs.path(ids.id(name))
        let call = Database.Call(
            "COPY",
            path,
            headers: ["Destination": target.percentEncoded(keepingSlashes: true), "X-Couch-Full-Commit": "true"]
        )
        let answer = try await database.ask(call, failed, name: source)
        guard answer.status != 404 || answer.missesDatabase else { throw missing(source, failed) }
        guard answer.isSuccess else { throw answer.failure(failed, name: source) }
        struct Copied: Decodable { var id: String?, rev: String? }
        let copied = try answer.json(Copied.self, failed, name: source)
        guard let id = copied.id, NameKey(id) != NameKey(target), let revision = copied.rev else { return }
        // Early servers take the header as it is.
        _ = try await remove(id, revision, failed, source)
        throw StorageError(.notSupported, name: source, "\(failed): the server is too old to copy to such a name.")
    }
}

// MARK: - Documents

extension CouchDBStorage {
    /// How often a change may be overtaken by somebody else's before it is given up.
    static let maxConflicts = 32

    /// The name without empty components and `.`; refused if it leads out.
    func resolve(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        return try FileName.relative(name, to: "/couchdb")
    }

    func couldNot(_ verb: String, _ name: String) -> String {
        "The file \(FileName.quoted(name)) couldn't be \(verb)"
    }

    func missing(_ name: String, _ failed: String) -> StorageError {
        StorageError(.notFound, name: name, "\(failed): there is no such file.")
    }

    func contention(_ failed: String, _ name: String) -> StorageError {
        StorageError(.failed, name: name, "\(failed): others keep changing its document; try again later.")
    }

    /// The document of a name; nil if there is none, or it was deleted.
    func find(_ name: String, _ failed: String, query: String = "?att_encoding_info=true") async throws
        -> StoredDocument?
    {
        let call = Database.Call("GET", DocumentIDs.path(ids.id(name)) + query)
        let answer = try await database.ask(call, failed, name: name)
        if answer.status == 404, !answer.missesDatabase, answer.complaint?.error == "not_found" { return nil }
        guard answer.isSuccess else { throw answer.failure(failed, name: name) }
        return try answer.json(StoredDocument.self, failed, name: name)
    }

    /// The document of a file, and what it says of the bytes.
    func file(_ name: String, _ failed: String) async throws
        -> (document: StoredDocument, content: StoredDocument.Attachment)
    {
        guard let document = try await find(try resolve(name), failed) else { throw missing(name, failed) }
        guard let content = document.content else {
            throw StorageError(
                .notFound,
                name: name,
                "\(failed): the document of that name has no attachment \"\(StoredDocument.attachmentName)\", so it is no file."
            )
        }
        return (document, content)
    }

    /// Deletes a revision.
    ///
    /// - Returns: False if it isn't the newest of its line any more.
    func remove(_ id: String, _ revision: String, _ failed: String, _ name: String) async throws -> Bool {
        let path = DocumentIDs.path(id) + "?rev=" + revision.percentEncoded()
        let call = Database.Call("DELETE", path, headers: ["X-Couch-Full-Commit": "true"])
        let answer = try await database.ask(call, failed, name: name)
        switch answer.status {
        case 200..<300: return true
        case 404 where !answer.missesDatabase: return true
        case 409: return false
        default: throw answer.failure(failed, name: name)
        }
    }
}
