import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@Suite struct HTTPDateTests {
    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ])
    func `reads the three forms of RFC 9110`(_ text: String) {
        #expect(HTTPDate.parse(text) == Date(timeIntervalSince1970: 784_111_777))
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (4_102_444_799, "Thu, 31 Dec 2099 23:59:59 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
    ])
    func `writes the first form, and reads it again`(_ seconds: Int, _ text: String) {
        let date = Date(timeIntervalSince1970: Double(seconds))

        #expect(HTTPDate.format(date) == text)
        #expect(HTTPDate.parse(text) == date)
    }

    @Test(arguments: [
        "", "yesterday", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT",
    ])
    func `reads nothing else`(_ text: String) {
        #expect(HTTPDate.parse(text) == nil)
    }
}

@Suite struct HTTPStatusTests {
    private let now = Date(timeIntervalSince1970: 784_111_777)

    @Test(
        arguments: [
            ("120", 120.0), (" 0 ", 0), ("Sun, 06 Nov 1994 08:50:37 GMT", 60), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
            ("99999999999999999999999", 366 * 86400),
        ] as [(String, Double)]
    )
    func `reads both forms of Retry-After`(_ value: String, _ seconds: Double) {
        #expect(HTTPStatus.retryAfter(value, now: now) == .seconds(seconds))
    }

    @Test(arguments: [nil, "", "soon", "-5", "1.5"] as [String?])
    func `reads nothing else as Retry-After`(_ value: String?) {
        #expect(HTTPStatus.retryAfter(value, now: now) == nil)
    }

    @Test(arguments: [
        (400, StorageError.Code.failed), (401, .denied), (403, .denied), (404, .notFound), (405, .notSupported),
        (408, .timedOut), (409, .failed), (410, .notFound), (412, .alreadyExists), (413, .full), (416, .failed),
        (423, .failed), (429, .throttled), (500, .failed), (502, .failed), (503, .throttled), (504, .failed),
        (507, .full),
    ])
    func `says what a status means`(_ status: Int, _ code: StorageError.Code) {
        #expect(HTTPStatus.code(status) == code)
    }

    @Test func `makes an error of an answer`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            let fields = ["Retry-After": "7", "Content-Type": "application/json"]
            try connection.answer(503, fields, #"{"error": "slow_down", "message": "not \"now\""}"#)
        }

        let answer = try await Transport().send(TransportRequest("GET", server.url))
        let error = await answer.failure("The file \"a\" couldn't be read", name: "a")

        #expect(error.code == .throttled)
        #expect(error.name == "a")
        #expect(error.retryAfter == .seconds(7))
        #expect(
            error.message == """
                The file "a" couldn't be read: the server "127.0.0.1:\(server.port)" answered 503 \
                (slow_down: not "now").
                """
        )
    }

    @Test func `an answer's status may mean something else to a protocol`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(409)
        }

        let answer = try await Transport().send(TransportRequest("GET", server.url))

        #expect(await answer.failure("It failed", codes: [409: .notFound]).code == .notFound)
    }
}

@Suite struct ServerWordsTests {
    @Test(
        arguments: [
            ("text/html", "<html><head><title>404 Not\n Found</title></head><body>x</body></html>", "404 Not Found"),
            (nil, "<!DOCTYPE html><html><body><p>Out of <b>order</b></p></body></html>", "Out of order"),
            (
                "application/xml",
                "<?xml version=\"1.0\"?><Error><Code>Denied</Code><Message>a &lt;b&gt;</Message><StringToSign>s</StringToSign></Error>",
                "Denied: a <b>"
            ),
            ("application/xml", "<Error><Secret>abc</Secret></Error>", nil),
            ("application/json", #"{"error":"not_found","reason":"missing"}"#, "not_found: missing"),
            ("text/plain", "  see http://h/p?signature=abc now \u{1b}[31m", "see http://h/p now [31m"),
            (nil, "", nil),
        ] as [(String?, String, String?)]
    )
    func `finds the words for people`(_ type: String?, _ body: String, _ words: String?) async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(500, type.map { ["Content-Type": $0] } ?? [:], body)
        }

        let answer = try await Transport().send(TransportRequest("GET", server.url))
        let message = await answer.failure("It failed").message

        #expect(message.hasSuffix("answered 500 (\(words ?? "the server failed"))."))
    }

    @Test func `cuts what is long`() async throws {
        let server = try ScriptedServer { connection in
            _ = try connection.head()
            try connection.answer(500, [:], String(repeating: "ä", count: 100_000))
        }

        let answer = try await Transport().send(TransportRequest("GET", server.url))
        let message = await answer.failure("It failed").message

        #expect(message.hasSuffix("(\(String(repeating: "ä", count: 199))…)."))
    }
}

@Suite struct PercentEncodingTests {
    @Test(arguments: [
        ("a-b._~Z9", "a-b._~Z9"), ("a b", "a%20b"), ("100%", "100%25"), ("a+b", "a%2Bb"), ("#?&=", "%23%3F%26%3D"),
        ("ü", "%C3%BC"), ("😀", "%F0%9F%98%80"), ("\n", "%0A"), ("a/b", "a%2Fb"), ("'\"()*!", "%27%22%28%29%2A%21"),
    ])
    func `encodes all but RFC 3986's unreserved characters`(_ text: String, _ encoded: String) {
        #expect(text.percentEncoded() == encoded)
        #expect(encoded.percentDecoded == text)
    }

    @Test func `keeps the slashes of a path`() {
        #expect("a b/c".percentEncoded(keepingSlashes: true) == "a%20b/c")
    }

    @Test(arguments: ["%", "%4", "%zz", "%FF"])
    func `decodes nothing that is broken`(_ text: String) {
        #expect(text.percentDecoded == nil)
    }
}

@Suite struct HeaderFieldsTests {
    @Test func `compares names without case, and keeps the order`() {
        var fields: HeaderFields = ["A": "1", "b": "2", "a": "3"]

        #expect(fields["a"] == "1")
        #expect(fields.values("A") == ["1", "3"])
        fields["a"] = "4"
        #expect(fields == ["a": "4", "b": "2"])
        fields["B"] = nil
        #expect(fields == ["a": "4"])
    }
}
