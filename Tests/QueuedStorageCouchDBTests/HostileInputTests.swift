import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@testable import QueuedStorageCouchDB

/// What a CouchDB server can say.
@Suite(.serialized) struct HostileInputTests {
    private static func document(_ length: String) -> String {
        """
        {"_id":"a.txt","_rev":"1-x","sha256":"00","created":"2026-11-20T12:00:00.5Z","modified":"2026-11-20T12:00:00Z",\
        "_attachments":{"content":{"length":\(length),"digest":"md5-AAAA","content_type":"text/plain"}}}
        """
    }
    private static let rows = """
        {"total_rows":2,"rows":[{"id":"a.txt","doc":{"_attachments":{"content":{}}}},{"id":"../up","doc":{"_attachments":\
        {"content":{}}}},{"id":"/etc/passwd","doc":{"_attachments":{"content":{}}}},{"id":"d/x\\u0000y","doc":null}]}
        """

    @Test func `documents and dates`() async throws {
        let examples = [
            Self.document("5"), Self.document("-5"), Self.document("9223372036854775807"), Self.rows,
            Self.document("5").replacing("2026-11-20T", with: "99999999999999999999-11-20T"),
            String(repeating: "[", count: 20_000), #"{"_id":1}"#, "\u{10FFFF}", "~_x", "\u{D7FF}",
        ]
        try await HostileInput("couchdb-documents", examples, words: ["\"length\":", "\\u0000", "\\ud800"]).attack {
            bytes in
            if let document = try? JSONDecoder().decode(StoredDocument.self, from: Data(bytes)) {
                try hold(document.content?.length ?? 0 >= 0, "a file has \(document.content?.length ?? 0) bytes")
                _ = document.createdAt
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = RFC3339.parse(text)
            for prefix in ["", "files:"] {
                let ids = DocumentIDs(prefix: prefix)
                let name = ids.name(ids.id(text))
                try hold(name?.utf8.elementsEqual(text.utf8) == true, "a name is \(ids.id(text)), and another then")
            }
        }
    }

    @Test func `conversations`() async throws {
        let json: KeyValuePairs = ["Content-Type": "application/json"]
        let full = "{\"rows\":[" + (0..<500).map { "{\"id\":\"f\($0)\"}" }.joined(separator: ",") + "]}"
        let examples = [
            answer(200, json, Self.document("5")), answer(200, json, Self.document("-5")), answer(200, json, Self.rows),
            answer(404, json, #"{"error":"not_found","reason":"missing"}"#), answer(200, json, full),
            answer(503, ["Retry-After": "Sun, 06 Nov 9223372036854775807 08:49:37 GMT"]),
            answer(200, json, Self.document("9223372036854775807")),
            answer(206, ["Content-Range": "bytes 1-2/3"], "bc"),
        ]
        let server = try HostileServer.http()
        try await HostileInput("couchdb-conversations", examples, words: ["\"id\":"], cost: 40).attack { bytes in
            server.say(bytes)
            var configuration = CouchDBStorage.Configuration(server: server.url, database: "files")
            configuration.timeout = 2
            try await interrogate(CouchDBStorage(configuration, password: nil))
        }
    }
}
