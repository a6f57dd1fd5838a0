import FoundationEssentials
public import QueuedStorageCore
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage {
    /// How many documents an answer to a listing has at most.
    private static let pageSize = 500

    public func list(_ directory: String) async throws -> DirectoryListing {
        let name = directory == "" ? "" : try resolve(directory)
        let failed = "The directory \(FileName.quoted(directory)) couldn't be listed"
        let parent = name == "" ? "" : name + "/"
        var files: [String] = []
        var directories: [String] = []
        let end = Self.end(of: ids.id(parent))
        var start: String? = ids.id(parent)
        while let from = start {
            let rows = try await page(from: from, to: end, failed)
            // A page that doesn't begin where it was asked to would come for ever.
            guard rows.allSatisfy({ !$0.id.utf8.lexicographicallyPrecedes(from.utf8) }) else {
                throw StorageError(.failed, "\(failed): the server lists from elsewhere than it was asked to.")
            }
            for row in rows {
                guard let name = ids.name(row.id), row.isFile, name.utf8.starts(with: parent.utf8) else { continue }
                let rest = name.utf8.dropFirst(parent.utf8.count)
                if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                    let component = String(Substring(rest[..<slash]))
                    if directories.last.map({ NameKey($0) }) != NameKey(component) { directories.append(component) }
                } else {
                    files.append(String(Substring(rest)))
                }
            }
            start = rows.count < Self.pageSize ? nil : rows.last.flatMap { next(after: $0.id, below: parent) }
        }
        return DirectoryListing(
            directories: directories.filter(Self.isComponent),
            files: files.filter(Self.isComponent)
        )
    }

    /// Whether a document of somebody else's can be a file's here.
    private static func isComponent(_ text: String) -> Bool {
        !["", ".", "..", FileName.privateComponent].contains(text) && !text.utf8.contains(0)
    }

    /// Where the next page begins: behind a directory as a whole, if the last document lies in one.
    private func next(after id: String, below parent: String) -> String {
        guard let name = ids.name(id) else { return Self.end(of: "_") ?? id + "\0" }
        let rest = name.utf8.dropFirst(parent.utf8.count)
        guard let slash = rest.firstIndex(of: UInt8(ascii: "/")) else { return id + "\0" }
        return Self.end(of: ids.id(String(Substring(name.utf8[..<name.utf8.index(after: slash)])))) ?? id + "\0"
    }

    /// The first text, in the order of bytes, after all that begin with another one; nil if all do.
    private static func end(of beginning: String) -> String? {
        // What ends beginnings is `/`, or an option in which nothing but text can stand.
        guard let last = beginning.unicodeScalars.last else { return nil }
        let next = last.value == 0xD7FF ? 0xE000 : last.value + 1
        return Unicode.Scalar(next).map { String(beginning.unicodeScalars.dropLast()) + String($0) }
    }

    private struct Page: Decodable {
        var rows: [Row]
    }

    private struct Row: Decodable {
        var id: String
        var doc: Document?

        /// Whether the document holds a file's bytes.
        var isFile: Bool { doc?.attachments?[StoredDocument.attachmentName] != nil }
    }

    private struct Document: Decodable {
        var attachments: [String: Anything]?

        private enum CodingKeys: String, CodingKey { case attachments = "_attachments" }
    }

    private struct Anything: Decodable { init(from decoder: any Decoder) {} }

    /// The documents from one identifier on, in the order of their identifiers' bytes.
    ///
    /// Source: CouchDB's documentation, "/{db}/_all_docs"; its keys are compared byte by byte, other than those of views.
    private func page(from start: String, to end: String?, _ failed: String) async throws -> [Row] {
        func json(_ text: String) throws -> String {
            String(decoding: try JSONEncoder().encode(text), as: UTF8.self).percentEncoded()
        }
        var query = "/_all_docs?include_docs=true&limit=\(Self.pageSize)"
        if start != "" { query += "&startkey=\(try json(start))" }
        if let end { query += "&endkey=\(try json(end))&inclusive_end=false" }
        let answer = try await database.ask(Database.Call("GET", query), failed)
        guard answer.isSuccess else { throw answer.failure(failed, name: nil) }
        return try answer.json(Page.self, failed, name: nil).rows
    }
}
