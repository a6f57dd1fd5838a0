import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@testable import QueuedStorageMogileFS

/// Holds the stand-in to the answers of a real tracker of version 2.73, and our messages to what it takes.
///
/// The order of an answer's fields is arbitrary there; here it is the one that was recorded.
@Suite struct TranscriptTests {
    @Test func `the stand-in answers a recorded conversation as the real tracker did`() async throws {
        let server = try await TestServer.start("mogilefs")
        let client = try TrackerClient(port: server.port)
        let (node1, node2) = (server["node1"], server["node2"])
        func path(_ fid: Int, _ node: String, _ device: Int) -> String {
            "http%3A%2F%2F127.0.0.1%3A\(node)%2Fdev\(device)%2F0%2F000%2F000%2F000000000\(fid).fid"
        }
        let (first, second) = (path(1, node1, 1), path(1, node2, 2))
        func expect(_ request: String, _ answer: String) throws {
            let got = try client.ask(request)
            #expect(got == answer || got.hasPrefix(answer) && answer.hasSuffix(" "), "\(request)")
        }

        try expect("noop", "OK ")
        try expect("NOOP callid=7", "OK callid=7")
        try client.send("\r\n\nnoop\nnoop callid=1\r\nnoop\r\n")
        #expect(try [client.line(), client.line(), client.line()] == ["OK \r", "OK callid=1\r", "OK \r"])
        try client.send("!version\r\n")
        #expect(try [client.line(), client.line()] == ["2.73\r", ".\r"])
        try expect("nonsense", "ERR unknown_command ")
        try expect("get_paths key=a", "ERR no_domain ")
        try expect("get_paths domain=other&key=a", "ERR unreg_domain ")
        try expect("create_open domain=media&key=a&class=none", "ERR unreg_class ")
        try expect("get_paths domain=media", "ERR no_key ")
        try expect(
            "create_open domain=media&key=a%2Fb+c&class=&multi_dest=1",
            "OK fid=1&dev_count=2&devid_1=1&path_1=\(first)&devid_2=2&path_2=\(second)"
        )
        try expect("get_paths domain=media&key=a%2Fb+c", "ERR unknown_key unknown_key")
        let close = "create_close fid=1&devid=1&domain=media&key=a%2Fb+c&path=\(first)"
        try expect(close, "ERR size_verify_error ")
        let put = TransportRequest(
            "PUT",
            "http://127.0.0.1:\(node1)/dev1/0/000/000/0000000001.fid",
            body: .bytes(Array("abc".utf8))
        )
        #expect(try await Transport().send(put).status == 201)
        try expect(close + "&size=4", "ERR size_mismatch ")
        try expect(close + "&size=3&checksum=abc&checksumverify=1", "ERR invalid_checksum_format ")
        let md5 = "900150983cd24fb0d6963f7d28e17f7"
        try expect(close + "&size=3&checksum=MD5:\(md5)0&checksumverify=1", "ERR checksum_mismatch ")
        try expect(close.replacing("devid=1", with: "devid=2"), "ERR bogus_args ")
        try expect(close + "&size=3&checksum=MD5:\(md5)2&checksumverify=1", "OK ")
        try expect(close, "ERR no_temp_file ")
        try expect("get_paths domain=media&key=a%2Fb+c&noverify=1", "OK paths=2&path1=\(first)&path2=\(second)")
        try expect(
            "file_info domain=media&key=a%2Fb+c",
            "OK fid=1&domain=media&class=default&key=a%2Fb+c&length=3&devcount=2"
        )
        try expect("list_keys domain=media&prefix=x", "ERR none_match ")
        try expect("list_keys domain=media&prefix=a&limit=10", "OK key_count=1&key_1=a%2Fb+c&next_after=a%2Fb+c")
        try expect("list_keys domain=media&prefix=a&after=b", "ERR after_mismatch ")
        try expect("create_open domain=media&key=d&class=one", "OK fid=2&devid=2&path=\(path(2, node2, 2))")
        try expect("rename domain=media&from_key=d&to_key=e", "ERR unknown_key unknown_key")
        try expect("rename domain=media&from_key=a%2Fb+c&to_key=a%2Fb+c", "ERR key_exists key_exists")
        try expect("rename domain=media&from_key=a%2Fb+c&to_key=z", "OK ")
        try expect("delete domain=media&key=z", "OK ")
        try expect("delete domain=media&key=z", "ERR unknown_key unknown_key")
        try expect("create_domain domain=media", "ERR domain_exists ")
        try expect("create_domain domain=new", "OK domain=new")
        try expect("create_class domain=new&class=c&mindevcount=2", "OK domain=new&class=c&mindevcount=2")
        try await server.obey("read-only on")
        try expect("create_open domain=media&key=a", "ERR no_devices ")
    }

    @Test(arguments: [
        ("a/b c", "a%2Fb+c"), ("100%+1&2=3", "100%25%2B1%262%3D3"), ("e\u{301}\n~_.-", "e%CC%81%0A~_.-"), ("", ""),
    ])
    func `arguments are written as a tracker reads them`(text: String, encoded: String) {
        let request = TrackerRequest("get_paths", ["domain": "d", "key": text, "zone": nil])

        #expect(String(decoding: request.line, as: UTF8.self) == "get_paths domain=d&key=\(encoded)\r\n")
    }

    @Test func `answers are read as a tracker writes them`() throws {
        func fields(_ line: String) -> [String: String]? {
            if case .ok(let fields)? = TrackerAnswer(Array(line.utf8)) { fields } else { nil }
        }
        func refusal(_ line: String) -> TrackerRefusal? {
            if case .refusal(let refusal)? = TrackerAnswer(Array(line.utf8)) { refusal } else { nil }
        }
        #expect(fields("OK ") == [:])
        #expect(fields("OK") == [:])
        #expect(fields("OK key_1=a%2Fb+c&empty=&x") == ["key_1": "a/b c", "empty": "", "x": ""])
        #expect(refusal("ERR unknown_key unknown_key")?.description == "unknown_key")
        #expect(refusal("ERR db the+database%21")?.description == "db: the database!")
        #expect(refusal("ERR db") == TrackerRefusal(code: "db", text: "db"))
        for line in ["", "HTTP/1.1 400 Bad Request", "OKAY", "ERR", "ERR ", "OK a=%zz"] {
            #expect(TrackerAnswer(Array(line.utf8)) == nil, "\(line)")
        }
    }

    @Test(arguments: [("2.73", true), ("2.60", true), ("2.59", false), ("3.0", true), ("1.99", false), ("", false)])
    func `checksums are known from version 2.60 on`(version: String, isKnown: Bool) {
        #expect(TrackerVersion(Array(version.utf8)).knowsChecksums == isKnown)
    }
}
