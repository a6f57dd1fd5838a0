import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageGridFS

/// What PyMongo's own GridFS and ours read of each other.
@Suite struct IndependentClientTests {
    @Test(arguments: [0, 1, 255 << 10, (255 << 10) + 1, 5_000_000])
    func `writes files as the specification has them, document by document`(_ size: Int) async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()

        let stored = try await storage.store(pattern(size), as: "a/b.bin")

        try await bucket.obey("read", "a/b.bin", #require(stored.sha256))
        try await bucket.obey("layout", "a/b.bin")
    }

    @Test func `writes files of several attempts, and replaced ones, no otherwise`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        let bytes = pattern(3_000_000)
        let upload = Upload(id: "one", name: "a.bin")
        for part in [0..<1_000_001, 1_000_001..<3_000_000] {
            _ = try await storage.append(
                .bytes(bytes[part]),
                to: upload,
                at: Int64(part.lowerBound),
                options: StoreOptions()
            )
        }
        let stored = try await storage.finish(upload, options: StoreOptions(computesSHA256: true))
        try await bucket.obey("read", "a.bin", #require(stored.sha256))
        try await bucket.obey("layout", "a.bin")

        let new = try await storage.store(pattern(700_000, seed: 7), as: "a.bin", replaces: true)

        try await bucket.obey("read", "a.bin", #require(new.sha256))
        try await bucket.obey("layout", "a.bin")
        try await bucket.obey("counts", "1", "3")
    }

    @Test func `reads what others wrote, in chunks of any size, and any part of it`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        let bytes = (0..<1_234_567).map { UInt8(truncatingIfNeeded: $0 &* 31) }

        try await bucket.obey("write", "d/other.bin", "\(bytes.count)")

        #expect(try await storage.bytes("d/other.bin") == bytes)
        #expect(try await storage.size("d/other.bin") == Int64(bytes.count))
        for part: Range<Int64> in [0..<1, 99_999..<100_001, 100_000..<200_000, 1_234_566..<1_234_600] {
            let wanted = part.clamped(to: 0..<Int64(bytes.count))
            #expect(
                try await storage.bytes("d/other.bin", part)
                    == Array(bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)])
            )
        }
        #expect(try await storage.list("d").files == ["other.bin"])
    }

    @Test func `reads the newest of others' revisions, and deletes them all`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        for size in [300_000, 100_000, 200_000] { try await bucket.obey("write", "a.bin", "\(size)") }
        try await bucket.obey("write", "b.bin", "10")

        #expect(try await storage.size("a.bin") == 200_000)
        #expect(try await storage.list("").files == ["a.bin", "b.bin"])
        try await storage.delete("a.bin")

        #expect(try await !storage.exists("a.bin"))
        try await bucket.obey("counts", "1", "1")
    }

    @Test func `replaces others' revisions, and refuses a name that others have`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        for size in [300_000, 100_000] { try await bucket.obey("write", "a.bin", "\(size)") }

        #expect(await failure { try await storage.store([1], as: "a.bin") }?.code == .alreadyExists)
        try await storage.store([1, 2, 3], as: "a.bin", replaces: true)

        #expect(try await storage.bytes("a.bin") == [1, 2, 3])
        try await bucket.obey("layout", "a.bin")
        try await bucket.obey("counts", "1", "1")
    }

    @Test func `says that a chunk is missing`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        try await storage.store(pattern(1_000_000), as: "a.bin")
        try await bucket.obey("cut", "a.bin", "2")

        let error = await failure { try await storage.bytes("a.bin") }

        #expect(error?.code == .damaged)
        #expect(error?.message.contains("chunk 2") == true)
    }

    @Test func `finds chunks without a file, whoever left them, and removes them`() async throws {
        let bucket = try await TestBucket()
        let storage = try bucket.storage()
        try await storage.store(pattern(1_000_000), as: "kept.bin")
        let upload = Upload(id: "one", name: "a.bin")
        _ = try await storage.append(.bytes(pattern(600_000)), to: upload, at: 0, options: StoreOptions())
        try await bucket.obey("orphan")

        let leftovers = try await storage.leftovers()

        #expect(leftovers.count == 2)
        #expect(
            leftovers.contains {
                $0.purpose.hasPrefix("3 chunks") && abs($0.touchedAt?.timeIntervalSinceNow ?? .infinity) < 3600
            }
        )
        for leftover in leftovers { try await storage.remove(leftover) }
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.uploadedByteCount(upload) == 0)
        try await bucket.obey("counts", "1", "4")
    }
}
