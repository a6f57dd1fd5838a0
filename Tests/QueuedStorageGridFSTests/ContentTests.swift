import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageGridFS

@Suite struct ContentTests {
    @Test func `keeps 64 MiB`() async throws {
        let storage = try await TestBucket().storage()

        let stored = try await storage.store(pattern(64 << 20), as: "large.bin")

        #expect(try await storage.open("large.bin").sha256() == stored.sha256)
        try await storage.delete("large.bin")
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `lists 2,500 files and the directories beside them, each once`() async throws {
        let storage = try await TestBucket().storage()
        let names = (0..<2500).map { "many/file-\($0 + 10_000)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<8 {
                group.addTask {
                    for name in names.indices where name % 8 == part { try await storage.store([], as: names[name]) }
                }
            }
            try await group.waitForAll()
        }
        for name in ["many/a/b/c", "many/a/b/d", "many/a-b/c", "many/a0/c", "many/a", "manyother/x", "man/y", "z"] {
            try await storage.store([1], as: name)
        }

        let many = try await storage.list("many")
        let root = try await storage.list("")

        #expect(many.files == ["a"] + names.map { String($0.dropFirst(5)) })
        #expect(many.directories == ["a", "a-b", "a0"])
        #expect(root == DirectoryListing(directories: ["man", "many", "manyother"], files: ["z"]))
        #expect(try await storage.list("many/a/b").files == ["c", "d"])
    }

    @Test func `gives a name to one of many storages, and keeps nothing of the others`() async throws {
        let bucket = try await TestBucket()
        let results = try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<12 {
                let storage = try bucket.storage()
                group.addTask {
                    do {
                        try await storage.store(pattern(600_000, seed: UInt32(number)), as: "one.bin")
                        return number
                    } catch let error as StorageError where error.code == .alreadyExists {
                        return nil
                    }
                }
            }
            return try await group.reduce(into: [Int]()) { $0 += $1.map { [$0] } ?? [] }
        }

        try #require(results.count == 1)
        #expect(try await bucket.storage().bytes("one.bin") == pattern(600_000, seed: UInt32(results[0])))
        try await bucket.obey("counts", "1", "3")
    }

    @Test func `leaves one revision when many storages replace a file, and those who store it lose`() async throws {
        let bucket = try await TestBucket()
        try await bucket.storage().store([0], as: "one.bin")

        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<6 {
                let storage = try bucket.storage()
                group.addTask {
                    try await storage.store(pattern(600_000, seed: UInt32(number)), as: "one.bin", replaces: true)
                }
                group.addTask {
                    let error = await failure { try await storage.store([1], as: "one.bin") }
                    #expect(error?.code == .alreadyExists)
                }
            }
            try await group.waitForAll()
        }

        let bytes = try await bucket.storage().bytes("one.bin")
        #expect((0..<6).contains { bytes == pattern(600_000, seed: UInt32($0)) })
        try await bucket.obey("counts", "1", "3")
        // The one that is left has the name for itself.
        #expect(await failure { try await bucket.storage().store([1], as: "one.bin") }?.code == .alreadyExists)
    }

    @Test func `keeps when a file was made when it is replaced`() async throws {
        let storage = try await TestBucket().storage()
        try await storage.store([1], as: "a")
        let (created, modified) = (try await storage.createdAt("a"), try await storage.modifiedAt("a"))

        try await storage.store([2], as: "a", replaces: true)
        try await storage.store([3], as: "a", replaces: true)

        #expect(try await storage.createdAt("a") == created)
        #expect(try await storage.modifiedAt("a") > modified)
    }

    @Test func `lets who reads a file read on while it is replaced or deleted`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        let (old, new) = (pattern(9_000_000), pattern(400_000, seed: 7))
        try await storage.store(old, as: "a.bin")
        var reader: FileReader.Iterator? = try await storage.open("a.bin").makeAsyncIterator()
        var bytes = try await reader?.next() ?? []

        try await storage.store(new, as: "a.bin", replaces: true)
        while let buffer = try await reader?.next() { bytes += buffer }

        #expect(bytes == old)
        #expect(try await storage.bytes("a.bin") == new)
        reader = nil
        try await storage.delete("a.bin")
        try await bucket.obey("counts", "0", "0")
    }

    @Test func `tells who reads a file that another process deleted to open it again`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        try await storage.store(pattern(9_000_000), as: "a.bin")
        var reader = try await storage.open("a.bin").makeAsyncIterator()
        _ = try await reader.next()

        try await bucket.storage().delete("a.bin")

        let error = await failure { while try await reader.next() != nil {} }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("open it again") == true)
    }

    @Test func `keeps names that look like operators or paths of fields`() async throws {
        let storage = try await TestBucket().storage()
        let names = [
            "$gt", "$where", "a.b.c", "{\"$ne\": null}", "'; db.dropDatabase(); '", "metadata.qstoreName", "%", "\u{1}",
        ]
        try await storage.store([0], as: "innocent.txt")
        for name in names {
            #expect(try await !storage.exists(name))
            try await storage.store(Array(name.utf8), as: name)
        }

        for name in names {
            #expect(try await storage.bytes(name) == Array(name.utf8))
            try await storage.delete(name)
        }

        #expect(try await storage.list("").files == ["innocent.txt"])
    }

    @Test func `refuses names with NUL, and names that no index has room for`() async throws {
        let storage = try await TestBucket().storage()
        for name in ["a\0b", Array(repeating: String(repeating: "x", count: 200), count: 5).joined(separator: "/")] {
            #expect(await failure { try await storage.store([1], as: name) }?.code == .invalidName)
        }
    }

    @Test func `goes on in another process, at any byte`() async throws {
        let bucket = try await TestBucket()
        let bytes = pattern(2_000_000)
        let upload = Upload(id: "one", name: "a.bin")
        var offset: Int64 = 0
        for end in [100_000, 100_001, 261_120 * 2, 261_120 * 2 + 1, 1_700_000, 2_000_000] {
            let storage = try bucket.storage()
            #expect(try await storage.uploadedByteCount(upload) == offset)
            offset = try await storage.append(
                .bytes(bytes[Int(offset)..<end]),
                to: upload,
                at: offset,
                options: StoreOptions()
            )
            #expect(offset == Int64(end))
            #expect(try await !storage.exists("a.bin"))
        }

        let storage = try bucket.storage()
        let stored = try await storage.finish(upload, options: StoreOptions())

        #expect(stored.size == 2_000_000)
        #expect(stored.verifiedBy == nil)
        #expect(try await storage.bytes("a.bin") == bytes)
        #expect(try await storage.leftovers().isEmpty)
    }
}
