import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// What a server says of a file or a directory.
struct DAVResource: Sendable {
    var href: String
    var isDirectory = false
    var size: Int64?
    var modifiedAt: Date?
    var createdAt: Date?
    var checksum: Checksum?

    /// The properties that are asked for.
    static let question = """
        <?xml version="1.0" encoding="utf-8"?>
        <d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:resourcetype/><d:getcontentlength/>\
        <d:getlastmodified/><d:creationdate/><oc:checksums/></d:prop></d:propfind>
        """

    /// Reads one `response` of a multi-status.
    ///
    /// Source: RFC 4918, section 14.24.
    init?(_ response: XMLTree) {
        guard let href = response["href"]?.trimmedText, !href.isEmpty else { return nil }
        self.href = href
        if let status = response["status"]?.text, !Self.isSuccess(status) { return nil }
        for propstat in response.all("propstat") where Self.isSuccess(propstat["status"]?.text ?? "") {
            for property in propstat["prop"]?.children ?? [] { read(property) }
        }
    }

    private mutating func read(_ property: XMLTree) {
        let text = property.trimmedText
        switch property.name {
        case "resourcetype": isDirectory = property["collection"] != nil
        case "getcontentlength": size = Int64(text).flatMap { $0 >= 0 ? $0 : nil }
        case "getlastmodified": modifiedAt = HTTPDate.parse(text)
        case "creationdate": createdAt = Self.date(text)
        case "checksums": checksum = Self.checksum(property)
        default: break
        }
    }

    private static func isSuccess(_ status: String) -> Bool {
        let parts = status.split(separator: " ", omittingEmptySubsequences: true)
        return parts.count > 1 && parts[1].hasPrefix("2")
    }

    /// RFC 3339, which the standard wants, or an HTTP date, which some servers send.
    private static func date(_ text: String) -> Date? {
        if let date = HTTPDate.parse(text) { return date }
        if let date = try? Date(text, strategy: .iso8601) { return date }
        return try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    /// The strongest checksum that the server computed itself.
    ///
    /// ownCloud says `SHA1:… MD5:… ADLER32:…` of what it received. A single value is what a client claimed when it sent
    /// the file, which Nextcloud doesn't check: it proves nothing.
    private static func checksum(_ property: XMLTree) -> Checksum? {
        let texts = ([property.text] + property.children.map(\.text)).joined(separator: " ")
        let pairs = texts.split { $0.isWhitespace }.map {
            $0.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        }
        guard pairs.count > 1 else { return nil }
        for (name, algorithm, length) in [("SHA256", Checksum.Algorithm.sha256, 64), ("MD5", .md5, 32)] {
            if let pair = pairs.first(where: { $0[0].uppercased() == name }), pair.count == 2, pair[1].count == length {
                return Checksum(algorithm, pair[1])
            }
        }
        return nil
    }
}

extension WebDAVStorage {
    /// What the server says of a name; nil if nothing has it.
    ///
    /// - Parameters:
    ///   - components: The name's components.
    ///   - name: The name of the file that it is asked for.
    ///   - failed: The beginning of a sentence, should the server refuse.
    /// - Returns: What the server says.
    /// - Throws: `StorageError` if it can't be asked, or refuses.
    func resource(_ components: [String], name: String, failed: String) async throws -> DAVResource? {
        // Some servers answer for a directory only under its address with the slash.
        for isDirectory in components.isEmpty ? [true] : [false, true] {
            let answer = try await propfind(components, isDirectory: isDirectory, depth: "0")
            switch answer.status {
            case 207:
                let resources = try await resources(answer, failed: failed)
                return resources.first { client.child($0.href, of: components) == "" } ?? resources.first
            case 404, 410:
                try await answer.discard()
                return nil
            case 301, 302, 307, 308, 409:
                guard !isDirectory else { throw await refusal(answer, failed, name) }
                try await answer.discard()
            default:
                throw await refusal(answer, failed, name)
            }
        }
        return nil
    }

    /// What the server says of a directory and what lies directly in it; nil if there is none.
    func resources(in components: [String], name: String, failed: String) async throws -> [DAVResource]? {
        let answer = try await propfind(components, isDirectory: true, depth: "1")
        switch answer.status {
        case 207: return try await resources(answer, failed: failed)
        case 404, 410:
            try await answer.discard()
            return nil
        default: throw await refusal(answer, failed, name)
        }
    }

    private func propfind(
        _ components: [String],
        isDirectory: Bool,
        depth: String
    ) async throws -> TransportResponse {
        try await client.send(
            "PROPFIND",
            components,
            isDirectory: isDirectory,
            headers: ["Depth": depth, "Content-Type": "application/xml; charset=utf-8"],
            body: .bytes(Array(DAVResource.question.utf8))
        )
    }

    private func resources(_ answer: TransportResponse, failed: String) async throws -> [DAVResource] {
        guard let root = XMLTree.parse(try await answer.collect(upTo: 256 << 20)), root.name == "multistatus" else {
            throw StorageError(.failed, "\(failed): the server's answer isn't a multi-status of WebDAV.")
        }
        return root.all("response").compactMap(DAVResource.init)
    }

    /// The error that an answer comes to.
    func refusal(
        _ answer: TransportResponse,
        _ failed: String,
        _ name: String,
        codes: [Int: StorageError.Code] = [:]
    ) async -> StorageError {
        if (200..<300).contains(answer.status) {
            let type = answer.headers["Content-Type"].map { " with \($0)" } ?? ""
            return StorageError(
                .failed,
                name: name,
                "\(failed): the server answered \(answer.status)\(type), which isn't an answer of WebDAV; "
                    + "check the address, and whether a proxy is in between."
            )
        }
        return await answer.failure(failed, name: name, codes: codes.merging([409: .failed]) { ours, _ in ours })
    }
}
