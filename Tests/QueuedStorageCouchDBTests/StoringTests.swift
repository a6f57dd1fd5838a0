import FoundationEssentials
import QueuedStorageCore
import QueuedStorageCouchDB
import TestSupport
import Testing

/// What becomes of a file in the database.
@Suite struct StoringTests {
    @Test func `a file is a document under its name, with checksums, times and one attachment`() async throws {
        let server = try await TestServer.shared("couchdb")
        let storage = try CouchDBStorage.on(server)
        let bytes = pattern(100_000)

        let stored = try await storage.put(bytes, "fields/2026/a b.bin", type: "image/x-test")

        let document = try await Client(server).document("fields%2F2026%2Fa%20b.bin")
        #expect(document["kind"] == .text("queued-storage.file"))
        #expect(document["size"] == .number(100_000))
        #expect(document["sha256"] == .text(try #require(stored.sha256)))
        #expect(document["content_type"] == .text("image/x-test"))
        #expect(document["created"] == document["modified"])
        guard case .text(let created)? = document["created"] else { throw Unexpected() }
        #expect(created.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        let attachment = try #require(document["_attachments"]?["content"])
        #expect(attachment["length"] == .number(100_000))
        #expect(attachment["content_type"] == .text("image/x-test"))
        #expect(document["_rev"].map { "\($0)".contains("1-") } == true)
    }

    @Test(arguments: [0, 1, 16 << 10, (16 << 10) + 1, 300_000], Version.allCases)
    func `the server's MD5 vouches for what was stored`(size: Int, version: Version) async throws {
        let storage = try CouchDBStorage.on(try await TestServer.shared("couchdb"), version)

        let stored = try await storage.put(pattern(size), "vouched-\(size)")

        #expect(stored.verifiedBy == .md5)
        #expect(try await storage.checksum("vouched-\(size)")?.algorithm == .md5)
        #expect(try await storage.open("vouched-\(size)").collect() == pattern(size))
    }

    @Test(arguments: [1000, 200_000])
    func `what the server compresses isn't vouched for, and read whole and in ranges all the same`(
        size: Int
    ) async throws {
        let storage = try CouchDBStorage.on(try await TestServer.shared("couchdb"))
        let (name, bytes) = ("compressed-\(size)", pattern(size))

        let stored = try await storage.put(bytes, name, type: "text/plain; charset=utf-8")

        #expect(stored.verifiedBy == nil)
        #expect(try await storage.checksum(name) == nil)
        #expect(try await storage.size(name) == Int64(size))
        #expect(try await storage.open(name).collect() == bytes)
        #expect(try await storage.open(name, range: 300..<700).collect() == Array(bytes[300..<700]))
    }

    @Test(arguments: [100, 100_000])
    func `bytes that the server has otherwise are removed`(size: Int) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(#"fault {"match": "PUT /media/f", "action": "corrupt"}"#)

        let error = try await failure { try await storage.put(pattern(size), "f") }

        #expect(error.code == .damaged)
        #expect(try await !storage.exists("f"))
    }

    @Test(arguments: [100, 100_000])
    func `what the server made of a request whose answer was lost is taken back`(size: Int) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        try await server.obey(#"fault {"match": "PUT /media/f", "action": "lose", "count": 2}"#)

        _ = try await failure { try await storage.put(pattern(size), "f") }

        #expect(try await !storage.exists("f"))
        try await server.obey("heal")
        try await storage.put(pattern(size), "f")
    }

    @Test(arguments: [false, true])
    func `a request that went out twice, as its connection broke off, makes one document`(replaces: Bool) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        if replaces { try await storage.put([0], "f") } else { _ = try await storage.exists("f") }
        try await server.obey(#"fault {"match": "PUT /media/f", "action": "lose"}"#)

        let bytes = pattern(100_000)
        if try await attempt({ try await storage.put(bytes, "f", replaces: replaces) }) == nil {
            #expect(try await storage.open("f").collect() == bytes)
            #expect(try await Client(server).document("f")["_rev"].map { "\($0)".contains("2-") } == replaces)
        } else if !replaces {
            #expect(try await !storage.exists("f"))
        }
    }

    @Test func `many that replace one file all succeed, and one of them is there whole`() async throws {
        let storage = try CouchDBStorage.on(try await TestServer.shared("couchdb"))
        try await storage.put([9], "replaced")
        let created = try await storage.createdAt("replaced")

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                group.addTask {
                    try await storage.put([UInt8](repeating: UInt8(number), count: 50_000), "replaced", replaces: true)
                }
            }
            try await group.waitForAll()
        }

        let bytes = try await storage.open("replaced").collect()
        #expect(Set(bytes).count == 1 && bytes.count == 50_000)
        #expect(try await storage.createdAt("replaced") == created)
        #expect(try await storage.modifiedAt("replaced") > created)
    }

    @Test func `deleting a file deletes the revisions that lost in a replication too`() async throws {
        let server = try await TestServer.shared("couchdb")
        let (storage, client) = (try CouchDBStorage.on(server), Client(server))
        try await storage.put([1], "contested")
        for digit in ["a", "f"] {
            let rev = "1-" + String(repeating: digit, count: 32)
            let lost = #"{"_rev": "\#(rev)", "_attachments": {"content": {"data": "AAAA"}}}"#
            #expect(try await client.send("PUT", "/media/contested?new_edits=false", lost).status == 201)
        }

        try await storage.delete("contested")

        #expect(try await !storage.exists("contested"))
        try await storage.put([2], "contested")
        #expect(try await storage.open("contested").collect() == [2])
    }

    @Test func `documents of others aren't files, but take names`() async throws {
        let server = try await TestServer.shared("couchdb")
        let (storage, client) = (try CouchDBStorage.on(server), Client(server))
        for (id, body) in [
            ("others%2Fa", #"{"size": "large"}"#), ("_design%2Fothers", #"{"views": {}}"#), ("others%2F..%2Fb", "{}"),
        ] {
            #expect(try await client.send("PUT", "/media/\(id)", body).status == 201)
        }
        try await storage.put([1], "others/b")

        #expect(try await storage.list("others") == DirectoryListing(directories: [], files: ["b"]))
        #expect(try await failure { try await storage.open("others/a") }.code == .notFound)
        #expect(try await failure { try await storage.put([1], "others/a") }.code == .alreadyExists)
        #expect(try await storage.list("").directories.contains("others"))
    }

    @Test func `a document of the original, with size and attachment alone, is a file`() async throws {
        let server = try await TestServer.shared("couchdb")
        let original = #"{"size": 3, "_attachments": {"content": {"data": "b2xk"}}}"#
        #expect(try await Client(server).send("PUT", "/media/original.txt", original).status == 201)
        let storage = try CouchDBStorage.on(server)

        #expect(try await storage.text("original.txt") == "old")
        #expect(try await storage.size("original.txt") == 3)
        #expect(try await failure { try await storage.modifiedAt("original.txt") }.code == .notSupported)
    }

    @Test(arguments: ["_a", "~a", "~_a", "_design/x", "_local/x", "~", "_"])
    func `names that CouchDB keeps for itself are kept in other words`(name: String) async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)

        try await storage.put(Array(name.utf8), name)

        #expect(try await storage.text(name) == name)
        let (directory, base) = name.contains("/") ? (String(name.dropLast(2)), "x") : ("", name)
        #expect(try await storage.list(directory).files == [base])
        try await storage.delete(name)
        #expect(try await !storage.exists(name))
    }

    @Test func `storages with other prefixes share a database without seeing each other`() async throws {
        let server = try await TestServer.start("couchdb")
        let (one, two) = (
            try CouchDBStorage.on(server) { $0.prefix = "one:" }, try CouchDBStorage.on(server) { $0.prefix = "two:" }
        )
        try await one.put([1], "a")
        try await one.put([1], "_b/c")
        try await two.put([2], "a")

        #expect(try await one.list("") == DirectoryListing(directories: ["_b"], files: ["a"]))
        #expect(try await two.list("") == DirectoryListing(directories: [], files: ["a"]))
        #expect(one.fingerprint != two.fingerprint)
    }

    @Test func `thousands of files are listed over pages, and directories passed by as a whole`() async throws {
        let server = try await TestServer.start("couchdb")
        let storage = try CouchDBStorage.on(server)
        let (many, deep) = ((0..<2500).map { "many/\($0 + 10_000)" }, (0..<600).map { "many/deep/\($0)" })
        let names = many + deep + ["many/deep0", "z"]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<8 {
                group.addTask {
                    for index in stride(from: part, to: names.count, by: 8) { try await storage.put([], names[index]) }
                }
            }
            try await group.waitForAll()
        }
        let proxy = try FaultyProxy(to: server.port)
        let throughProxy = try CouchDBStorage.on(server, port: proxy.port)

        let listing = try await throughProxy.list("many")
        let received = proxy.receivedByteCount
        let root = try await throughProxy.list("")

        #expect(listing.files == (0..<2500).map { "\($0 + 10_000)" } + ["deep0"])
        #expect(listing.directories == ["deep"])
        #expect(root == DirectoryListing(directories: ["many"], files: ["z"]))
        // A page of 500 of the 3,102 documents, and what follows the directory.
        #expect(proxy.receivedByteCount - received < received / 4)
    }

    @Test func `a large file goes and comes as a stream`() async throws {
        let storage = try CouchDBStorage.on(try await TestServer.shared("couchdb"))
        let block = pattern(1 << 20)
        let content = FileContent.stream(
            AsyncStream { continuation in
                for _ in 0..<64 { continuation.yield(block) }
                continuation.finish()
            }
        )

        let stored = try await storage.store(content, as: "large", options: StoreOptions())

        #expect(stored.size == 64 << 20)
        #expect(stored.verifiedBy == .md5)
        var count = 0
        for try await buffer in try await storage.open("large", range: 1..<(64 << 20)) { count += buffer.count }
        #expect(count == (64 << 20) - 1)
        try await storage.delete("large")
    }
}
