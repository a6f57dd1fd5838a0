import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageFTP

/// What servers say of files is read as it is meant, and nothing that they say does harm.
@Suite struct ListingTests {
    private static let now = Date(timeIntervalSince1970: 1_706_716_800)  // 2024-01-31 16:00 UTC

    private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }

    @Test(arguments: [
        ("type=file;size=12;modify=20240131123456; a.txt", "a.txt", ListingEntry.Kind.file, 12 as Int64?),
        ("Type=dir;Modify=20240131123456.789;UNIX.mode=0755; sub", "sub", .directory, nil),
        ("size=0;type=file;  two blanks before", " two blanks before", .file, 0),
        ("type=file;size=3; with ; and = and  blanks ", "with ; and = and  blanks ", .file, 3),
        ("type=file;size=-5; negative", "negative", .file, nil),
        ("type=file;size=99999999999999999999999; huge", "huge", .file, nil),
        ("type=OS.unix=slink:/elsewhere;size=4; link", "link", .link, nil),
        ("type=OS.unix=chr-1/3; device", "device", .other, nil),
        (" only-a-name", "only-a-name", .other, nil),
        ("type=cdir;modify=20240131123456; /whatever/path", "/whatever/path", .itself, nil),
    ])
    func `a line of facts is read`(_ line: String, _ name: String, _ kind: ListingEntry.Kind, _ size: Int64?) throws {
        let entry = try #require(ListingEntry(facts: bytes(line)))

        #expect(entry.name == name)
        #expect(entry.kind == kind)
        if kind == .file { #expect(entry.size == size) }
    }

    @Test(arguments: [
        "", " ", "type=file", "type=file; ", "type=file; .", "type=file; ..", "type=file; a/b", "type=file; ../x",
        "type=file; a\u{0}b",
    ])
    func `a line of facts that names no entry is left out`(_ line: String) {
        #expect(ListingEntry(facts: bytes(line)) == nil)
    }

    @Test func `facts tell instants`() throws {
        let line = "type=file;modify=20240131160000.5;create=19700101000001; a"

        let entry = try #require(ListingEntry(facts: bytes(line)))

        #expect(entry.modifiedAt == Date(timeIntervalSince1970: 1_706_716_800.5))
        #expect(entry.createdAt == Date(timeIntervalSince1970: 1))
        #expect(Date(fact: "20241331000000") == nil)
        #expect(Date(fact: "2024013100000") == nil)
        #expect(Date(fact: "20240131000000.9e300") == nil)
        #expect(Date(fact: "20240131000000.-5") == nil)
        #expect(Date(fact: "٢٠٢٤٠١٣١٠٠٠٠٠٠") == nil)
    }

    @Test(arguments: [
        (
            "-rw-r--r--   1 tester   65534         100 Jan 30 03:51 a b", "a b", ListingEntry.Kind.file, 100 as Int64?,
            1_706_586_660
        ),
        (
            "-rw-r--r--   1 tester   65534         100 Jan 30 03:51  blank first", " blank first", .file, 100,
            1_706_586_660
        ),
        (
            "drwxr-xr-x   2 tester   65534        4096 Feb 15 12:00 last year", "last year", .directory, nil,
            1_676_462_400
        ),
        ("-rw-rw-r--+  1 my user  users       5 Dec 31  2020 old", "old", .file, 5, 1_609_372_800),
        ("-rw-r--r--   1 ftp  5 Jan  1  2020 no group", "no group", .file, 5, 1_577_836_800),
        ("lrwxrwxrwx   1 root root   7 Jan  1  2020 link -> target", "link", .link, nil, 1_577_836_800),
        ("-rw-r--r--   1 root root   7 2020-01-01 00:00 iso", "iso", .file, 7, 1_577_836_800),
        ("-rw-r--r--   1 root root   7 Jan  1  2020 a -> b", "a -> b", .file, 7, 1_577_836_800),
        ("01-01-20  12:00AM                 1234 dos file.txt", "dos file.txt", .file, 1234, 1_577_836_800),
        ("01-01-20  12:30PM       <DIR>          dos dir", "dos dir", .directory, nil, 1_577_881_800),
        ("01-01-2020  00:00       <DIR>           blank", " blank", .directory, nil, 1_577_836_800),
        ("2020-01-01  00:00                    0 empty", "empty", .file, 0, 1_577_836_800),
    ])
    func `a line of a listing is read`(
        _ line: String,
        _ name: String,
        _ kind: ListingEntry.Kind,
        _ size: Int64?,
        _ modified: Double
    ) throws {
        let entry = try #require(ListingEntry(listLine: bytes(line), now: Self.now))

        #expect(entry.name == name)
        #expect(entry.kind == kind)
        #expect(entry.size == size)
        #expect(entry.modifiedAt == Date(timeIntervalSince1970: modified))
    }

    @Test(arguments: [
        "", "total 12", "-rw-r--r--", "-rw-r--r-- 1 root root 7 Jan 1 2020", "-rw-r--r-- 1 root root 7 Jan 1 2020 ",
        "-rw-r--r-- 1 root root 7 Jan 1 2020 ..", "-rw-r--r-- 1 root root 7 Jan 1 2020 a/b", "01-01-20 12:00AM 5",
        "01-01-20 12:00AM <DIR>", "files: 7", "-rw-r--r-- 1 root root 7 Jan 99 2020 a", "99-99-99 99:99PM 5 x",
    ])
    func `a line that says nothing of an entry is left out`(_ line: String) {
        #expect(ListingEntry(listLine: bytes(line), now: Self.now) == nil)
    }

    @Test func `no bytes whatever stop the reading`() {
        let seed = UInt64.random(in: 0 ... .max)
        var generator = SeededGenerator(seed: seed)
        let words = [
            "type=", "file;", "size=", "modify=", "20240131", " ", "  ", ";", "=", "-rw-r--r--", "drwx", "Jan", "31",
            "2024",
            "12:34", "<DIR>", "01-31-24", "05:30PM", "->", "\u{0}", "\r", "/", "..", "9999999999999999999", "-1", "é",
        ].map { Array($0.utf8) }
        for _ in 0..<3_000 {
            var line: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<12, using: &generator) {
                if Bool.random(using: &generator) {
                    line += words[Int.random(in: 0..<words.count, using: &generator)]
                } else {
                    line.append(UInt8.random(in: 0...255, using: &generator))
                }
            }
            for line in listingLines(line) {
                for entry in [ListingEntry(facts: line), ListingEntry(listLine: line, now: Self.now)] {
                    guard let entry, entry.kind != .itself else { continue }
                    let isFit = !entry.name.utf8.contains(0x2F) && entry.name != ".." && !entry.name.isEmpty
                    if !isFit { Issue.record("\(entry) of \(line), seed \(seed)") }
                }
            }
            _ = Reply.all(in: line.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) })
            _ = ServerFeatures(
                features: Reply(code: 211, lines: ["211-", String(decoding: line, as: UTF8.self), "211 End"]),
                directory: Reply(code: 257, lines: ["257 \(String(decoding: line, as: UTF8.self))"])
            )
        }
    }

    @Test func `replies of several lines are told apart`() {
        let replies = Reply.all(in: ["220 hello", "211-Features", " MLST", "211x", "220 not yet", "211 End", "550 no"])

        #expect(replies.map(\.code) == [220, 211, 550])
        #expect(replies[1].lines.count == 5)
        #expect(replies[2].text == "no")
    }

    @Test func `what a server can do is read`() {
        let features = ServerFeatures(
            features: Reply(
                code: 211,
                lines: ["211-x", " MLST type*;size*;", " UTF8", " XMD5", " HASH SHA-1*;SHA-256;MD5", "211 End"]
            ),
            directory: Reply(code: 257, lines: ["257 \"/home/a \"\"b\"\"\" is the directory"])
        )

        #expect(features.hasFacts && features.hasUTF8)
        #expect(features.checksums.first?.algorithm == .sha256)
        #expect(features.entryPath == "/home/a \"b\"")
    }

    @Test(arguments: [
        ("421 too many connections", "throttled"), ("425 no data connection", "failed"), ("426 aborted", "failed"),
        ("430 invalid user or password", "denied"), ("450 busy", "failed"), ("451 local error", "failed"),
        ("452 insufficient space", "full"), ("530 login incorrect", "denied"), ("530 too many users", "throttled"),
        ("550 no such file", "notFound"), ("550 permission denied", "denied"), ("550 Disk quota exceeded", "full"),
        ("552 exceeded storage", "full"), ("553 file name not allowed", "denied"), ("553 invalid name", "invalidName"),
        ("550 SSL/TLS required on the control channel", "denied"), ("502 not implemented", "notSupported"),
    ])
    func `a refusal is understood`(_ line: String, _ code: String) throws {
        let reply = try #require(Reply.all(in: [line]).first)

        #expect(reply.meaning.code.description == code)
    }

    @Test(arguments: [
        ("550 '/home/permission-slip.pdf' cannot be listed", "/home/permission-slip.pdf", "notFound"),
        ("550 /quota.pdf: No such file or directory", "/quota.pdf", "notFound"),
        ("550 quota.pdf: No such file or directory", "/home/quota.pdf", "notFound"),
        ("550 /srv/home/denied/x.txt: No such file", "/home/denied/x.txt", "notFound"),
        ("550 denied: No such file", "/home/denied", "notFound"),
        ("550 \"denied\" not found", "/home/denied", "notFound"),
        ("550 '/too many: try again later.txt' is missing", "/too many: try again later.txt", "notFound"),
        ("550 access denied", "/home/denied", "denied"),
        ("550 Permission denied", "/home/permission denied", "denied"),
        ("550 permission denied", "/d", "denied"),
        ("550 /home/permission-slip.pdf: Permission denied", "/home/permission-slip.pdf", "denied"),
        ("553 /home/a.txt: Disk quota exceeded", "/home/a.txt", "full"),
    ])
    func `a file's name isn't taken for the server's words`(_ line: String, _ path: String, _ code: String) throws {
        var reply = try #require(Reply.all(in: [line]).first)
        reply.subjects = [path]

        #expect(reply.meaning.code.description == code)
        #expect(reply.isDenial == (code == "denied"))
    }

    @Test(arguments: [
        ("150 Opening BINARY mode data connection for a.txt (34 bytes)", "/a.txt", 34 as Int64?),
        ("150 Opening BINARY mode data connection for report (12 bytes).txt (34 bytes)", "/report (12 bytes).txt", 34),
        ("150 Opening BINARY mode data connection for report (12 bytes).txt", "/report (12 bytes).txt", nil),
        ("150 Opening data connection for other (1 bytes).txt (34 bytes).", "/a.txt", 34),
        ("150 here it comes", "/a.txt", nil),
    ])
    func `the size that comes with a file is read`(_ line: String, _ path: String, _ size: Int64?) {
        #expect(Download.size(in: line, of: path) == size)
    }

    @Test(arguments: [
        (nil, nil, nil as Int64?, "7-1"), ("0", nil, nil, "7-1"), ("1048576", nil, 1_048_576, "7-1"),
        ("12 abc", "abc", 12, "7-1.abc"), ("- abc", "abc", nil, "7-1.abc"), ("nonsense", nil, nil, "7-1"),
    ])
    func `what is noted of an upload is read again`(
        _ text: String?,
        _ part: String?,
        _ confirmed: Int64?,
        _ file: String
    ) {
        let note = UploadNote(text)

        #expect(note.part == part)
        #expect(note.confirmed == confirmed)
        #expect(note.file(of: "7-1") == file)
        #expect(UploadNote(note.text) == note)
        #expect(UploadNote.upload(ofFile: file) == "7-1")
    }
}
