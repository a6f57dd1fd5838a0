import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageFTP

/// What an FTP server can say, and what a tampered catalog can say about its uploads.
@Suite(.serialized) struct HostileInputTests {
    private static let listings = [
        "type=file;size=5;modify=20260101120000.5; a.txt\r\ntype=dir;modify=20260101120000; d\r\ntype=cdir; .\r\n",
        "type=file; ../up\r\ntype=file; /etc/passwd\r\ntype=dir; ..\r\ntype=file; a/b\r\n",
        "type=file;size=99999999999999999999;modify=99999999999999; x\r\n;=; y\r\n; \r\n type=file;",
        "-rw-r--r--   1 u g 5 Nov 20 12:00 a.txt\r\nlrwxrwxrwx 1 u g 5 Feb 29 23:59 l -> /etc/passwd\r\n",
        "-rw-r--r-- 1 u g 9223372036854775808 Nov 20 9999 ../x\r\ndrwxr-xr-x 2 u g 4096 Jan 31 00:00 ..\r\n",
        "11-20-26  09:00PM       <DIR>          d\r\n11-20-2026 09:00AM 99999999999999999999 x\r\n00-00-0000 00:00 1 x\r\n",
        "-rw-r--r-- 1 u g 5 2026-11-20 12:00 iso.txt\r\n---------- 0 -1 Jan 1 0000 x\r\n",
    ]

    @Test func `listings`() async throws {
        let words = ["type=file;", "type=dir;", "modify=", "size=", " -> ", "<DIR>", "Feb 29", "-rw-r--r-- ", "12:00"]
        try await HostileInput("ftp-listings", Self.listings, words: words).attack { bytes in
            for line in listingLines(bytes) {
                let now = Date(timeIntervalSince1970: 1_800_000_000)
                let facts = ListingEntry(facts: line).flatMap { $0.kind == .itself ? nil : $0 }
                for entry in [facts, ListingEntry(listLine: line, now: now)].compactMap(\.self) {
                    try holdComponents([entry.name])
                    try hold(entry.size ?? 0 >= 0, "\(entry.name) has \(entry.size ?? 0) bytes")
                }
                _ = ListingEntry(facts: line, checksName: false)
            }
        }
    }

    @Test func `replies`() async throws {
        let examples = [
            "220-Welcome\r\n220 ready\r\n", "257 \"/a \"\"quoted\"\" dir\" is current\r\n",
            "550 /d/a.txt: No such file\r\n",
            "211-Features:\r\n MLST type*;size*;\r\n UTF8\r\n HASH SHA-256*;MD5\r\n XMD5\r\n211 End\r\n",
            "150 Opening BINARY mode data connection for /a (12345 bytes).\r\n", "150 (-1 bytes)\r\n150 ( bytes)\r\n",
            "999999\r\n12\r\n000-\r\n000 \r\n1é\r\n", "213 99999999999999999999\r\n",
        ]
        try await HostileInput("ftp-replies", examples, words: ["211-", "211 ", " bytes)", "(", "\"\"", "257 \""])
            .attack { bytes in
                let lines = listingLines(bytes).map { String(decoding: $0, as: UTF8.self) }
                for reply in Reply.all(in: lines) {
                    var reply = reply
                    reply.subjects = ["/d/a.txt", "a", ""]
                    _ = (reply.meaning, reply.isDenial, reply.text)
                    _ = ServerFeatures(features: reply, directory: reply)
                }
                for line in lines { _ = Download.size(in: line, of: "/a") }
            }
    }

    @Test func `what a catalog keeps of uploads leads nowhere else`() async throws {
        let examples = [
            "5 abc", "- abc", "0", "-9223372036854775808 x", "5 ../../../etc/x", "5 /etc/passwd", "x y z", "5 a\0b",
        ]
        try await HostileInput("ftp-uploads", examples).attack { bytes in
            let note = UploadNote(String(decoding: bytes, as: UTF8.self))
            try hold(note.confirmed ?? 0 >= 0, "\(note.confirmed ?? 0) bytes are confirmed")
            try holdComponents([note.file(of: "upload")])
            try hold(UploadNote(note.text) == note, "\(note) was written, and read as \(UploadNote(note.text))")
            _ = UploadNote.upload(ofFile: String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test func `conversations`() async throws {
        let examples = [
            "257 \"/home\" is current", "250-Listing\r\n type=file;size=-5;modify=20260101120000; /a.txt\r\n250 End",
            "213 -1", "550 no", "211-x\r\n MLST\r\n211 x", "421 bye", "229 Entering (|||1|)", "227 (0,0,0,0,0,0)",
        ]
        try await HostileInput("ftp-conversations", examples, words: ["213 ", "250-", "550 "], cost: 50).attack {
            bytes,
            random in
            let words = String(decoding: bytes.filter { $0 != 0 }.prefix(2000), as: UTF8.self)
            let command =
                ["SIZE", "MLST", "PWD", "FEAT", "EPSV", "MDTM", "RETR", "MLSD"].randomElement(using: &random) ?? ""
            let server = try ScriptedFTP { line, _ in line.hasPrefix(command) && !words.isEmpty ? words : nil }
            let storage = try server.storage { $0.idleTimeout = .milliseconds(500) }
            for act in [
                { try holdComponents(try await storage.list("").files) }, { _ = try await storage.size("a.txt") },
                { _ = try await storage.open("a.txt", range: 1..<3).collect(upTo: 1 << 20) },
            ] {
                do { try await act() } catch is StorageError {}
            }
        }
    }
}
