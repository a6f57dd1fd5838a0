import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@testable import QueuedStorageWebDAV

/// What a WebDAV server can say.
@Suite(.serialized) struct HostileInputTests {
    private static func multistatus(_ href: String, _ property: String) -> String {
        """
        <?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:response><d:href>\(href)\
        </d:href><d:propstat><d:status>HTTP/1.1 200 OK</d:status><d:prop>\(property)</d:prop></d:propstat></d:response>\
        </d:multistatus>
        """
    }
    private static let documents = [
        multistatus("/base/a.txt", "<d:getcontentlength>5</d:getcontentlength><d:resourcetype/>"),
        multistatus("/base/d/", "<d:resourcetype><d:collection/></d:resourcetype>"),
        multistatus("/base/a.txt", "<d:getcontentlength>-5</d:getcontentlength>"),
        multistatus(
            "/base/..%2Fup",
            "<d:getlastmodified>Sun, 06 Nov 9223372036854775807 08:49:37 GMT</d:getlastmodified>"
        ),
        multistatus("/base/../../etc/passwd", "<d:creationdate>99999999999999999999-11-20T12:00:00Z</d:creationdate>"),
        multistatus("http://x:y://z/base/%00", "<oc:checksums><oc:checksum>SHA256:x : ::</oc:checksum></oc:checksums>"),
        multistatus("//\u{301}/base/\u{301}x", "<oc:checksums><oc:checksum>: :</oc:checksum></oc:checksums>"),
    ]

    @Test func `resources`() async throws {
        var options = WebDAVOptions(host: "h", port: 1, isEncrypted: false, directory: "base")
        options.password = Secret("x")
        let client = DAVClient(options)
        let words = ["<d:href>", "/base/", "%2F", "%2e%2e", "://", "SHA256:", "HTTP/1.1 200"]
        try await HostileInput("webdav-documents", Self.documents, words: words).attack { bytes in
            for response in XMLTree.parse(bytes)?.all("response") ?? [] {
                guard let resource = DAVResource(response) else { continue }
                for below in [[], ["d"], ["base", "d"]] {
                    if let child = client.child(resource.href, of: below), child != "" { try holdComponents([child]) }
                }
                try hold(resource.size ?? 0 >= 0, "a file has \(resource.size ?? 0) bytes")
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let child = client.child(text, of: []), child != "" { try holdComponents([child]) }
        }
    }

    @Test func `conversations`() async throws {
        let xml: KeyValuePairs = ["Content-Type": "application/xml", "DAV": "1,2", "Allow": "PROPFIND"]
        let examples =
            Self.documents.map { answer(207, xml, $0) } + [
                answer(206, ["Content-Range": "bytes 1-9223372036854775807/3"], "bc"),
                answer(503, ["Retry-After": "-1"]),
                answer(301, ["Location": "http://127.0.0.1:1/"]), answer(200, xml, "a.txt"),
            ]
        let server = try HostileServer.http()
        try await HostileInput("webdav-conversations", examples, words: ["<d:href>", "/base/"], cost: 40).attack {
            bytes in
            server.say(bytes)
            var options = WebDAVOptions(host: "127.0.0.1", port: server.port, isEncrypted: false, directory: "base")
            options.idleTimeout = .seconds(2)
            options.password = Secret("x")
            try await interrogate(WebDAVStorage(options))
        }
    }
}
