import Foundation
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

@Suite struct `Large files in segments` {
    /// A storage with a prefix of its own, as tests look at all objects.
    private func storage(
        _ prefix: String,
        port: Int? = nil,
        _ change: (inout CloudFilesStorage.Configuration) -> Void = { _ in }
    ) async throws -> CloudFilesStorage {
        try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift"), port: port) { configuration in
            configuration.prefix = "segments/" + prefix
            configuration.timeout = 5
            change(&configuration)
        }
    }

    private func send(_ bytes: [UInt8], as name: String, to storage: CloudFilesStorage) async throws -> Upload {
        let upload = Upload(id: FileName.randomIdentifier(), name: name)
        let end = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
        #expect(end == Int64(bytes.count))
        return upload
    }

    @Test func `a file of many segments is one file`() async throws {
        let (storage, bytes) = (try await storage("one"), pattern((5 << 20) + 12345))
        let progress = Mutex<Int64>(0)

        let upload = Upload(id: "u1", name: "d/large.bin")
        let options = StoreOptions(contentType: "video/x-test", progress: { count in progress.withLock { $0 = count } })
        _ = try await storage.append(.bytes(bytes), to: upload, at: 0, options: options)
        let stored = try await storage.finish(upload, options: options)

        #expect(stored == StoredObject(name: "d/large.bin", size: Int64(bytes.count), verifiedBy: .md5))
        #expect(progress.withLock { $0 } == Int64(bytes.count))
        #expect(try await storage.open("d/large.bin").collect() == bytes)
        let range = Int64((1 << 20) - 5)..<Int64((1 << 20) + 5)
        #expect(
            try await storage.open("d/large.bin", range: range).collect() == Array(bytes[(1 << 20) - 5..<(1 << 20) + 5])
        )
        #expect(try await storage.size("d/large.bin") == Int64(bytes.count))
        #expect(try await storage.checksum("d/large.bin") == nil)
        #expect(try await storage.fields("d/large.bin")["Content-Type"] == "video/x-test")
        #expect(try await storage.objects().filter { $0.contains("/.qstore/segments/u1/0") }.count == 6)
        #expect(try await storage.list("").directories == ["d"])
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test(arguments: [false, true])
    func `deleting a segmented file deletes its segments`(hasOwnContainer: Bool) async throws {
        let storage = try await storage("deleting-\(hasOwnContainer)") {
            $0.segmentContainer = hasOwnContainer ? "files_segments" : nil
        }
        let upload = try await send(pattern(3 << 20), as: "large", to: storage)
        _ = try await storage.finish(upload, options: StoreOptions())
        #expect(try await storage.objects(in: storage.segmentContainer).count > 2)

        try await storage.delete("large")

        #expect(try await storage.objects().isEmpty)
        #expect(try await storage.objects(in: storage.segmentContainer).isEmpty)
    }

    @Test func `replacing a segmented file deletes the segments of the old one`() async throws {
        let storage = try await storage("replacing")
        _ = try await storage.finish(try await send(pattern(3 << 20), as: "a", to: storage), options: StoreOptions())

        let second = try await send(pattern(2 << 20, seed: 5), as: "a", to: storage)
        #expect(await failure { try await storage.finish(second, options: StoreOptions()) }?.code == .alreadyExists)
        _ = try await storage.finish(second, options: StoreOptions(replaces: true))
        #expect(try await storage.open("a").collect() == pattern(2 << 20, seed: 5))
        #expect(try await storage.objects().count == 1 + 2 + 1)

        _ = try await storage.store(.text("small"), as: "a", options: StoreOptions(replaces: true))
        #expect(try await storage.objects() == ["segments/replacing/a"])
    }

    @Test func `a copy of a segmented file has segments of its own`() async throws {
        let (storage, bytes) = (try await storage("copying"), pattern((2 << 20) + 7))
        _ = try await storage.finish(try await send(bytes, as: "a", to: storage), options: StoreOptions())

        try await storage.copy("a", to: "b")
        try await storage.delete("a")

        #expect(try await storage.open("b").collect() == bytes)
        try await storage.delete("b")
        #expect(try await storage.objects().isEmpty)
    }

    @Test func `a stream whose length nobody knows is sent in segments where it is long`() async throws {
        let (storage, bytes) = (try await storage("unknown"), pattern((3 << 20) + 1))

        let stored = try await storage.store(
            stream(bytes, size: nil),
            as: "streamed",
            options: StoreOptions(computesSHA256: true)
        )

        var digests = Digests(.sha256)
        digests.update(bytes)
        #expect(stored.sha256 == digests.checksum(.sha256).value)
        #expect(stored.verifiedBy == .md5)
        #expect(try await storage.open("streamed").collect() == bytes)
        let error = await failure {
            try await storage.store(stream(bytes, size: nil), as: "streamed", options: StoreOptions())
        }
        #expect(error?.code == .alreadyExists)
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `an upload that is cut goes on with the first segment that is missing`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try await storage("cut", port: proxy.port)
        let (bytes, journal) = (pattern(10 << 20), MemoryUploadJournal())
        let upload = Upload(id: "cut1", name: "cut.bin", journal: journal)
        let isCut = Mutex(false)
        let options = StoreOptions(progress: { count in
            guard count > 6_500_000,
                isCut.withLock({ done in
                    defer { done = true }; return !done
                })
            else { return }
            proxy.refuse()
            proxy.cutNow()
        })

        let error = await failure { try await storage.append(.bytes(bytes), to: upload, at: 0, options: options) }
        proxy.heal()
        // As another process would: all that is known is the journal.
        let next = try await self.storage("cut", port: proxy.port)
        let held = try await next.uploadedByteCount(upload)
        let before = proxy.sentByteCount
        let rest = FileContent.bytes(bytes[Int(held)...])
        let end = try await next.append(rest, to: upload, at: held, options: StoreOptions())
        let sent = proxy.sentByteCount - before
        let stored = try await next.finish(upload, options: StoreOptions())

        #expect(error != nil)
        #expect(held >= 3 << 20)
        #expect(held < 10 << 20)
        #expect(end == 10 << 20)
        #expect(sent < (10 << 20) - held + 20_000)
        #expect(stored.size == 10 << 20)
        #expect(try await next.open("cut.bin").collect() == bytes)
    }

    @Test func `a single cut costs a segment, not the attempt`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let (storage, bytes) = (try await storage("single-cut", port: proxy.port), pattern(6 << 20))
        proxy.cut(afterSending: 3_300_000)

        let upload = try await send(bytes, as: "a", to: storage)
        _ = try await storage.finish(upload, options: StoreOptions())

        #expect(try await storage.open("a").collect() == bytes)
    }

    @Test func `segments that aren't what the journal says are sent again`() async throws {
        let (storage, bytes) = (try await storage("altered"), pattern(4 << 20))
        let upload = try await send(bytes, as: "a", to: storage)
        let body = UploadBody(Array("other".utf8))
        let answer = try await storage.account.send(
            Account.Request("PUT", storage.path(storage.segmentObject(upload.id, 2)), body: body)
        )
        #expect(answer.status == 201)

        let error = await failure { try await storage.finish(upload, options: StoreOptions()) }
        let held = try await storage.uploadedByteCount(upload)
        let rest = FileContent.bytes(bytes[Int(held)...])
        _ = try await storage.append(rest, to: upload, at: held, options: StoreOptions())
        _ = try await storage.finish(upload, options: StoreOptions())

        #expect(error?.code == .damaged)
        #expect(held == 2 << 20)
        #expect(try await storage.open("a").collect() == bytes)
    }

    @Test func `what died is found and removed, and what lives isn't`() async throws {
        let storage = try await storage("leftovers")
        let published = try await send(pattern(2 << 20), as: "kept", to: storage)
        _ = try await storage.finish(published, options: StoreOptions())
        let dead = try await send(pattern((3 << 20) + 5), as: "dead é", to: storage)

        let leftovers = try await storage.leftovers()

        let leftover = try #require(leftovers.first)
        #expect(leftovers.count == 1)
        #expect(leftover.id == dead.id)
        #expect(leftover.purpose == "an upload of \"dead é\"")
        #expect(leftover.byteCount == (3 << 20) + 5 + Int64("dead é".utf8.count))
        #expect(abs(try #require(leftover.touchedAt).timeIntervalSinceNow) < 600)
        // A stale report, or the engine tidying up after an answer that was lost, takes no file's segments.
        try await storage.remove(Leftover(id: published.id, purpose: ""))
        try await storage.abandon(published)
        try await storage.remove(leftover)
        try await storage.remove(leftover)
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.open("kept").collect() == pattern(2 << 20))
        #expect(try await storage.uploadedByteCount(dead) == 0)
    }

    @Test func `a finish whose answer was lost succeeds when it is tried again`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try await storage("lost-finish", port: proxy.port)
        let upload = try await send(pattern(2 << 20), as: "a", to: storage)
        let record = try await upload.journal.read()
        _ = try await storage.finish(upload, options: StoreOptions())
        // As if the process had died before it learned of its success.
        try await upload.journal.write(try #require(record))

        let stored = try await storage.finish(upload, options: StoreOptions())

        #expect(stored.size == 2 << 20)
        #expect(try await storage.open("a").collect() == pattern(2 << 20))
    }

    @Test(.timeLimit(.minutes(5)))
    func `cancelling a large store leaves nothing that isn't found and removed`() async throws {
        let storage = try await storage("cancelling")
        let (begun, signal) = AsyncStream.makeStream(of: Void.self)

        let task = Task {
            let options = StoreOptions(progress: { count in if count > 1 << 20 { signal.yield() } })
            return try await storage.store(stream(pattern(8 << 20), size: nil), as: "a", options: options)
        }
        for await _ in begun { break }
        task.cancel()

        guard case .failure = await task.result else { return #expect(Bool(false), "the store succeeded") }
        #expect(try await !storage.exists("a"))
        // The server may still be storing a segment that it had got as a whole.
        while try await !storage.objects().isEmpty {
            for leftover in try await storage.leftovers() { try await storage.remove(leftover) }
        }
    }

    @Test func `segments grow with files that would have too many of them`() {
        let plan = SegmentPlan(segmentSize: 16 << 20, maxSegments: 1000, byteCount: 100 << 30)
        #expect(plan.size(of: 0) == 114 << 20)
        #expect(plan.size(of: 0) * 900 > 100 << 30)
        #expect(SegmentPlan(segmentSize: 16 << 20, maxSegments: 1000, byteCount: 1 << 30).size(of: 5) == 16 << 20)
        let unknown = SegmentPlan(segmentSize: 16 << 20, maxSegments: 1000)
        #expect([0, 499, 500, 900].map { unknown.size(of: $0) >> 20 } == [16, 16, 256, 4096])
    }

    @Test(arguments: [nil, Int64(8 << 20) + 3])
    func `segments too large for memory are passed on as they are read`(size: Int64?) async throws {
        let storage = try await storage("passed-on-\(size ?? 0)") { configuration in
            configuration.segmentSize = 3 << 20
            configuration.maxBufferedSegmentSize = 1 << 20
        }
        let bytes = pattern((8 << 20) + 3)
        let upload = Upload(id: "passed", name: "a")

        let end = try await storage.append(stream(bytes, size: size), to: upload, at: 0, options: StoreOptions())
        let stored = try await storage.finish(upload, options: StoreOptions())

        #expect(end == (8 << 20) + 3)
        #expect(stored.verifiedBy == .md5)
        #expect(try await storage.open("a").collect() == bytes)
        #expect(try await storage.objects().count == 1 + 3 + 1)
    }
}
