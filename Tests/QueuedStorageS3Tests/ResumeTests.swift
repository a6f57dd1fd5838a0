import QueuedStorageCore
import QueuedStorageS3
import Synchronization
import TestSupport
import Testing

/// Uploads that go on where an attempt ended, whatever ended it.
@Suite struct ResumeTests {
    private struct Cut: Error {}

    private func storage(_ server: S3Server, port: Int? = nil) async throws -> S3Storage {
        try await server.storage("resumed", port: port) {
            $0.partSize = 5 << 20
            $0.parallelParts = 2
        }
    }

    /// Content that breaks off after a number of bytes.
    private func broken(_ bytes: [UInt8], after count: Int) -> FileContent {
        .stream(
            AsyncThrowingStream<[UInt8], any Error> { continuation in
                for start in stride(from: 0, to: count, by: 1 << 20) {
                    continuation.yield(Array(bytes[start..<min(start + 1 << 20, count)]))
                }
                continuation.finish(throwing: Cut())
            },
            size: Int64(bytes.count)
        )
    }

    @Test(arguments: S3Server.allCases)
    func `goes on after what arrived, in another process too`(_ server: S3Server) async throws {
        let storage = try await storage(server)
        let bytes = pattern(22 << 20)
        let journal = MemoryUploadJournal()
        let upload = Upload(id: "u1", name: "resumed-\(server).bin", journal: journal)
        try await storage.delete(upload.name)

        await #expect(throws: Cut.self) {
            try await storage.append(broken(bytes, after: 13 << 20), to: upload, at: 0, options: StoreOptions())
        }

        // Another process has the journal's text, and nothing else.
        let copy = MemoryUploadJournal()
        await copy.write(try #require(await journal.read()))
        let later = Upload(id: "u1", name: upload.name, journal: copy)
        let other = try await self.storage(server)
        let held = try await other.uploadedByteCount(later)
        #expect(held == 10 << 20)
        let end = try await other.append(
            .bytes(bytes[Int(held)...]),
            to: later,
            at: held,
            options: StoreOptions()
        )
        #expect(end == 22 << 20)
        let stored = try await other.finish(later, options: StoreOptions())
        #expect(stored.size == 22 << 20)
        #expect(stored.verifiedBy == .md5)
        #expect(try await storage.open(upload.name).collect() == bytes)
        #expect(try await storage.uploadedByteCount(later) == 0)
    }

    @Test(arguments: S3Server.allCases)
    func `begins again when the server forgot the upload`(_ server: S3Server) async throws {
        let storage = try await storage(server)
        let upload = Upload(id: "u2", name: "forgotten-\(server).bin")
        try await storage.delete(upload.name)
        _ = try await storage.append(.bytes(pattern(6 << 20)), to: upload, at: 0, options: StoreOptions())
        for leftover in try await storage.leftovers() where leftover.purpose == upload.name {
            try await storage.remove(leftover)
        }

        #expect(try await storage.uploadedByteCount(upload) == 0)
        _ = try await storage.append(.bytes(pattern(6 << 20)), to: upload, at: 0, options: StoreOptions())
        #expect(try await storage.finish(upload, options: StoreOptions()).size == 6 << 20)
    }

    @Test func `trusts no part that isn't the one it sent`() async throws {
        let storage = try await storage(.moto)
        let journal = MemoryUploadJournal()
        let upload = Upload(id: "u3", name: "tampered.bin", journal: journal)
        _ = try await storage.append(.bytes(pattern(15 << 20)), to: upload, at: 0, options: StoreOptions())
        #expect(try await storage.uploadedByteCount(upload) == 15 << 20)

        // The second part's tag is another one than we noted.
        let lines = try #require(await journal.read()).split(separator: "\n").map(String.init)
        let changed = lines.map { line in
            guard line.hasPrefix("part 2 ") else { return line }
            return line.split(separator: " ").dropLast().joined(separator: " ") + " "
                + String(repeating: "0", count: 32)
        }
        await journal.write(changed.joined(separator: "\n"))

        #expect(try await storage.uploadedByteCount(upload) == 5 << 20)
        try await storage.abandon(upload)
    }

    @Test func `sends no part twice that the server has behind a gap`() async throws {
        let proxy = try FaultyProxy(to: try await S3Server.moto.shared.port)
        let storage = try await storage(.moto, port: proxy.port)
        let journal = MemoryUploadJournal()
        let upload = Upload(id: "u4", name: "gap.bin", journal: journal)
        let bytes = pattern(20 << 20)
        _ = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
        let lines = try #require(await journal.read()).split(separator: "\n").map(String.init)
        await journal.write(lines.filter { !$0.hasPrefix("part 2 ") }.joined(separator: "\n"))

        #expect(try await storage.uploadedByteCount(upload) == 5 << 20)
        let sent = proxy.sentByteCount
        let end = try await storage.append(
            .bytes(bytes[(5 << 20)...]),
            to: upload,
            at: 5 << 20,
            options: StoreOptions()
        )

        #expect(end == 20 << 20)
        #expect(proxy.sentByteCount - sent < 6 << 20)
        try await storage.delete(upload.name)
        #expect(try await storage.finish(upload, options: StoreOptions()).size == 20 << 20)
        #expect(try await storage.open(upload.name).collect() == bytes)
    }

    @Test func `begins again under another name`() async throws {
        let storage = try await storage(.moto)
        let journal = MemoryUploadJournal()
        let first = Upload(id: "u5", name: "one.bin", journal: journal)
        _ = try await storage.append(.bytes(pattern(6 << 20)), to: first, at: 0, options: StoreOptions())

        let second = Upload(id: "u5", name: "two.bin", journal: journal)
        #expect(try await storage.uploadedByteCount(second) == 0)
        _ = try await storage.append(.bytes(pattern(6 << 20)), to: second, at: 0, options: StoreOptions())
        try await storage.delete("two.bin")
        _ = try await storage.finish(second, options: StoreOptions())

        #expect(try await storage.leftovers().filter { ["one.bin", "two.bin"].contains($0.purpose) }.isEmpty)
    }

    @Test func `keeps a journal without secrets that it can read again`() async throws {
        let storage = try await storage(.moto)
        let journal = MemoryUploadJournal()
        let upload = Upload(id: "u6", name: "a b\n#.bin".replacing("\n", with: ""), journal: journal)
        _ = try await storage.append(.bytes(pattern(6 << 20)), to: upload, at: 0, options: StoreOptions())

        let text = try #require(await journal.read())
        #expect(text.hasPrefix("s3 1\nkey a%20b%23.bin\nupload "))
        #expect(text.split(separator: "\n").count == 5)
        #expect(!text.contains("testing"))
        try await storage.abandon(upload)
        #expect(await journal.read() == "")
    }

    @Test(arguments: S3Server.allCases)
    func `goes on reading when a connection is cut`(_ server: S3Server) async throws {
        let proxy = try FaultyProxy(to: try await server.shared.port)
        let storage = try await storage(server, port: proxy.port)
        let bytes = pattern(12 << 20)
        _ = try await storage.store(.bytes(bytes), as: "read.bin", options: StoreOptions(replaces: true))

        proxy.cut(afterReceiving: 5 << 20)
        #expect(try await storage.open("read.bin").collect() == bytes)
        proxy.cut(afterReceiving: 3 << 20)
        #expect(
            try await storage.open("read.bin", range: 1000..<10_000_000).collect() == Array(bytes[1000..<10_000_000])
        )
        #expect(proxy.receivedByteCount < 26 << 20)
    }
}
