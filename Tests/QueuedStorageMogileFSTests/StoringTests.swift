import FoundationEssentials
import QueuedStorageCore
import QueuedStorageMogileFS
import TestSupport
import Testing

/// What becomes of a file.
@Suite struct StoringTests {
    @Test(arguments: [0, 1, 100_000, 3_000_000])
    func `the tracker's MD5 vouches for what was stored`(size: Int) async throws {
        let storage = try MogileFSStorage.on(try await TestServer.shared("mogilefs"))

        let stored = try await storage.put(pattern(size), "vouched-\(size)")
        let replaced = try await storage.put(pattern(size, seed: 7), "vouched-\(size)", replaces: true)

        #expect(stored.verifiedBy == .md5)
        #expect(replaced.verifiedBy == .md5)
        #expect(try await storage.open("vouched-\(size)").collect() == pattern(size, seed: 7))
    }

    @Test func `a tracker too old for checksums vouches for nothing, nor one that isn't asked to`() async throws {
        let server = try await TestServer.start("mogilefs")
        let unasked = try MogileFSStorage.on(server) { $0.verifiesChecksum = false }
        #expect(try await unasked.put([1], "a").verifiedBy == nil)
        try await server.obey("version 2.59")
        let storage = try MogileFSStorage.on(server)

        #expect(try await storage.put([1], "b").verifiedBy == nil)
        #expect(try await storage.open("b").collect() == [1])
    }

    @Test(arguments: [("corrupt", false), ("corrupt", true), ("shorten", false), ("shorten", true)])
    func `bytes that a node has otherwise get no name`(fault: String, replaces: Bool) async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        if replaces { try await storage.put([1, 2, 3], "f") }
        try await server.obey(#"fault {"command": "create_close", "action": "\#(fault)"}"#)

        let error = try await failure { try await storage.put(pattern(1000), "f", replaces: replaces) }

        #expect(error.code == .damaged)
        #expect(error.message.contains("_mismatch"))
        #expect(try await storage.exists("f") == replaces)
        if replaces { #expect(try await storage.open("f").collect() == [1, 2, 3]) }
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `one of many that store a name wins, and nothing else stays`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)

        let winners = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<12 {
                group.addTask {
                    do {
                        try await storage.put([UInt8](repeating: UInt8(number), count: 1000), "contested")
                        return 1
                    } catch let error as StorageError where error.code == .alreadyExists {
                        return 0
                    }
                }
            }
            return try await group.reduce(0, +)
        }

        #expect(winners == 1)
        #expect(try await storage.list("") == DirectoryListing(directories: [], files: ["contested"]))
        #expect(try await storage.leftovers().isEmpty)
        withExtendedLifetime(server) {}
    }

    @Test func `a key that is too long is refused with the reason`() async throws {
        let storage = try MogileFSStorage.on(try await TestServer.shared("mogilefs"))
        let name = String(repeating: "d", count: 200) + "/" + String(repeating: "é", count: 28)

        let error = try await failure { try await storage.put([1], name) }

        #expect(error.code == .invalidName)
        #expect(error.message.contains("255 bytes"))
        #expect(try await !storage.exists(name))
        #expect(try await failure { try await storage.open(name) }.code == .notFound)
    }

    @Test func `what a dead attempt left is found, and removed`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        let client = try TrackerClient(port: server.port)
        try await storage.put(pattern(10), "kept")
        // As a process that dies between closing and renaming leaves it.
        let key = ".qstore%2Ftmp%2F1700000000_12-3_0123456789abcdef"
        #expect(try client.ask("rename domain=media&from_key=kept&to_key=\(key)") == "OK ")
        try await storage.put(pattern(20), "kept")

        let found = try await storage.leftovers()

        #expect(
            found == [
                Leftover(
                    id: ".qstore/tmp/1700000000_12-3_0123456789abcdef",
                    purpose: "12-3",
                    byteCount: 10,
                    touchedAt: Date(timeIntervalSince1970: 1_700_000_000)
                )
            ]
        )
        #expect(try await storage.list("") == DirectoryListing(directories: [], files: ["kept"]))
        try await storage.remove(found[0])
        try await storage.remove(found[0])
        #expect(try await storage.leftovers().isEmpty)
        await #expect(throws: StorageError.self) { try await storage.remove(Leftover(id: "kept", purpose: "")) }
        #expect(try await storage.size("kept") == 20)
    }

    @Test func `a class says how many replicas there are`() async throws {
        let server = try await TestServer.shared("mogilefs")
        let client = try TrackerClient(port: server.port)
        try await MogileFSStorage.on(server) { $0.fileClass = "one" }.put([1], "class-one")
        try await MogileFSStorage.on(server).put([1], "class-default")

        #expect(try client.ask("file_info domain=media&key=class-one").hasSuffix("devcount=1"))
        #expect(try client.ask("file_info domain=media&key=class-default").hasSuffix("devcount=2"))
    }

    @Test func `thousands of files are listed over pages, and directories passed by as a whole`() async throws {
        let server = try await TestServer.start("mogilefs")
        let storage = try MogileFSStorage.on(server)
        let (many, deep) = ((0..<2500).map { "many/\($0 + 10_000)" }, (0..<1200).map { "many/dé/\($0)" })
        let names = many + deep + ["many/dé0", "z"]
        try await storage.put([], "seed")
        let client = try TrackerClient(port: server.port)
        // Keys alone, as sending so many files would take its time.
        for name in names {
            let key = name.percentEncodedForTests
            try client.send("create_open domain=media&key=\(key)&class=one\r\n")
            let line = try client.line()
            let fid = try #require(line.firstMatch(of: /fid=(\d+)/)?.1)
            try client.send("test_adopt domain=media&key=\(key)&fid=\(fid)\r\n")
            #expect(try client.line() == "OK \r")
        }

        let listing = try await storage.list("many")

        #expect(listing.files == (0..<2500).map { "\($0 + 10_000)" } + ["dé0"])
        #expect(listing.directories == ["dé"])
        let before = try client.ask("test_counts").counts
        #expect(try await storage.list("") == DirectoryListing(directories: ["many"], files: ["seed", "z"]))
        let after = try client.ask("test_counts").counts
        #expect((after["list_keys"] ?? 0) - (before["list_keys"] ?? 0) == 2)
    }

    @Test func `a large stream of unknown length goes and comes`() async throws {
        let storage = try MogileFSStorage.on(try await TestServer.shared("mogilefs"))
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

extension String {
    fileprivate var percentEncodedForTests: String {
        utf8.map { (48...57).contains($0) || (97...122).contains($0) ? String(UnicodeScalar($0)) : "%" + hex($0) }
            .joined()
    }

    private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) }

    /// The numbers of an answer's fields.
    fileprivate var counts: [String: Int] {
        var counts: [String: Int] = [:]
        for match in matches(of: /(\w+)=(\d+)/) { counts[String(match.1)] = Int(match.2) }
        return counts
    }
}
