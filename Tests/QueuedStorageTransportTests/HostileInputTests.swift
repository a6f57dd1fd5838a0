import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageTransport

/// What a server of HTTP can say: heads, dates, pages for people, XML.
@Suite(.serialized) struct HostileInputTests {
    @Test func `dates and times to wait`() async throws {
        let examples = [
            "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "120",
            "Sun, 06 Nov 9223372036854775807 08:49:37 GMT", "Sun, 06 Nov 25252734927766 08:49:37 GMT",
            "18446744073709551616",
            "Sun, 29 Feb 2100 23:59:60 GMT", "Sun, 31 Dec 9999 23:59:59 GMT", "Sun, 01 Jan 0 00:00:00 UTC",
        ]
        try await HostileInput("http-dates", examples, words: ["GMT", "Feb", "Dec", ":"]).attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            if let date = HTTPDate.parse(text) {
                try hold(HTTPDate.parse(HTTPDate.format(date)) == date, "\(text) is \(HTTPDate.format(date)) again")
            }
            let now = Date(timeIntervalSince1970: 1_800_000_000)
            if let wait = HTTPStatus.retryAfter(text, now: now) {
                try hold(wait >= .zero && wait <= .seconds(366 * 86400), "\(text) is a wait of \(wait)")
            }
        }
    }

    @Test func `heads of answers`() async throws {
        let examples = [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"x\"\r\n\r\n", "HTTP/2 404\r\n\r\nX-Trailer: 1\r\n",
            "HTTP/1.1 99999999999999999999\r\n: x\r\n:\r\nno colon\r\n\r\n", "220-x\r\n220 y\r\n",
        ]
        try await HostileInput("http-heads", examples, words: ["HTTP/1.1 ", ": ", "Location:"]).attack { bytes in
            for isHTTP in [true, false] {
                var head = ResponseHead()
                for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
                    let line = Array(line) + [0x0A]
                    guard line.withUnsafeBufferPointer({ head.append($0, isHTTP: isHTTP) }) else { break }
                }
                _ = (head.isFinal(followingRedirects: true), head.fields["content-length"], head.status)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            _ = (text.percentDecoded, text.percentEncoded(), text.xmlEscaped)
            if let decoded = text.percentEncoded().percentDecoded {
                try hold(decoded.utf8.elementsEqual(text.utf8), "it was encoded, and decoded to something else")
            }
        }
    }

    @Test func `pages that say what went wrong`() async throws {
        let examples = [
            "<!doctype html><html><title>Bad &amp; worse</title><body><h1>502</h1></body></html>",
            "<?xml version=\"1.0\"?><Error><Code>X</Code><Message>words</Message></Error>", "<message/><code>",
            "<<<><></",
            #"{"error":"not_found","reason":"a \"quoted\" one"}"#, #"{"error":{"message":"\\"#,
            "plain http://h/?token=secret words",
        ]
        try await HostileInput("error-pages", examples, words: ["<title", "</title>", "\"error\"", "<h1>"]).attack {
            bytes in
            for type in ["text/html", "application/json", nil] {
                let words = ServerWords.excerpt(of: bytes, type: type)
                try hold((words?.count ?? 0) <= ServerWords.maxLength, "\(words?.count ?? 0) characters are shown")
                let isOneLine = words?.unicodeScalars.allSatisfy { $0.value >= 32 && $0.value != 127 } ?? true
                try hold(isOneLine, "control characters are shown")
            }
        }
    }

    @Test func `XML`() async throws {
        let bomb =
            "<!DOCTYPE l [<!ENTITY a \"ha\">"
            + zip("bcdefghij", "abcdefghi").map { "<!ENTITY \($0) \"\(String(repeating: "&\($1);", count: 10))\">" }
            .joined()
            + "]><l>&j;</l>"
        let examples = [
            "<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/a%20b</d:href></d:response></d:multistatus>", bomb,
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
            "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><x/>", "<x><![CDATA[a]]></x>",
            "<!DOCTYPE x [<!ENTITY e \"\(String(repeating: "x", count: 5000))\">]><x>\(String(repeating: "&e;", count: 5000))</x>",
            String(repeating: "<a>", count: 20_000),
            String(repeating: "<a>", count: 99) + String(repeating: "</a>", count: 99),
        ]
        try await HostileInput("xml", examples, words: ["<!ENTITY ", "&e;", "<![CDATA[", "]]>", "xmlns="]).attack {
            bytes in
            guard let tree = XMLTree.parse(bytes) else { return }
            let size = byteCount(tree)
            try hold(size <= 4 * bytes.count + 4096, "\(bytes.count) bytes became \(size)")
            try hold(!tree.text.contains("root:"), "a file of this machine was read")
        }
    }

    private func byteCount(_ tree: XMLTree) -> Int {
        tree.children.reduce(tree.text.utf8.count + tree.name.utf8.count) { $0 + byteCount($1) }
    }
}
