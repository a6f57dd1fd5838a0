import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageDatabase

/// Uploads over several attempts, and what they leave.
@Suite struct ResumeTests {
    @Test(arguments: Kind.allCases)
    func `goes on in another process, at any byte`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let bytes = pattern(1_000_000)
            let upload = Upload(id: "one", name: "a.bin")
            var offset: Int64 = 0
            for end in [100_000, 100_001, 65_536 * 4, 65_536 * 4 + 1, 700_000, 1_000_000] {
                // A new storage knows nothing of what the one before did, nor need it have the same chunks.
                let storage = try database.storage(chunkSize: offset == 0 ? 64 << 10 : nil)
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

            let storage = try database.storage()
            let stored = try await storage.finish(upload, options: StoreOptions())

            #expect(stored.size == 1_000_000)
            // Nobody computed the checksum of the whole, so that it is to be read back.
            #expect(stored.verifiedBy == nil)
            #expect(try await storage.checksum("a.bin") == nil)
            #expect(try await storage.bytes("a.bin") == bytes)
            #expect(try await storage.leftovers().isEmpty)
        }
    }

    @Test(arguments: Kind.allCases)
    func `vouches for what one process sent from its beginning`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let bytes = pattern(1_000_000)
            let upload = Upload(id: "one", name: "a.bin")
            for part in [0..<300_000, 300_000..<1_000_000] {
                _ = try await storage.append(
                    .bytes(bytes[part]),
                    to: upload,
                    at: Int64(part.lowerBound),
                    options: StoreOptions()
                )
            }

            let stored = try await storage.finish(upload, options: StoreOptions(computesSHA256: true))

            #expect(stored.verifiedBy == (kind == .postgres ? .sha256 : nil))
            #expect(stored.sha256 == (try await storage.open("a.bin").sha256()))
            #expect(try await storage.checksum("a.bin")?.value == stored.sha256)
        }
    }

    @Test(arguments: Kind.allCases)
    func `sends again what was damaged meanwhile`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let bytes = pattern(10 << 16)
            let upload = Upload(id: "one", name: "a.bin")
            _ = try await storage.append(.bytes(bytes[..<(8 << 16)]), to: upload, at: 0, options: StoreOptions())
            try await storage.damage(chunk: 5)

            let held = try await storage.uploadedByteCount(upload)

            #expect(held == 5 << 16)
            _ = try await storage.append(.bytes(bytes[(5 << 16)...]), to: upload, at: held, options: StoreOptions())
            _ = try await storage.finish(upload, options: StoreOptions())
            #expect(try await storage.bytes("a.bin") == bytes)
        }
    }

    @Test(arguments: Kind.allCases)
    func `says that a file is damaged, and which chunk of it`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            try await storage.store(pattern(6 << 16), as: "a.bin")
            try await storage.damage(chunk: 4)

            let errors = [
                await failure { try await storage.bytes("a.bin") },
                await failure { try await storage.checksum("a.bin") },
            ]

            for error in errors {
                #expect(error?.code == .damaged)
                #expect(error?.message.contains("chunk 4") == true)
            }
            #expect(try await storage.bytes("a.bin", 0..<65_536) == Array(pattern(6 << 16)[..<65_536]))
        }
    }

    @Test(arguments: Kind.allCases)
    func `finds what was left over, and removes it`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage(chunkSize: 64 << 10)
            let upload = Upload(id: "one", name: "a.bin")
            _ = try await storage.append(.bytes(pattern(200_000)), to: upload, at: 0, options: StoreOptions())
            try await storage.store(pattern(200_000), as: "kept.bin")

            let leftovers = try await storage.leftovers()

            try #require(leftovers.count == 1)
            #expect(leftovers[0].purpose == "upload-one")
            #expect(leftovers[0].byteCount == 200_000)
            #expect(abs(leftovers[0].touchedAt?.timeIntervalSinceNow ?? .infinity) < 3600)
            try await storage.remove(leftovers[0])
            try await storage.remove(leftovers[0])
            #expect(try await storage.leftovers().isEmpty)
            #expect(try await storage.uploadedByteCount(upload) == 0)
            #expect(await failure { try await storage.finish(upload, options: StoreOptions()) }?.code == .notFound)
            #expect(try await storage.bytes("kept.bin").count == 200_000)
        }
    }

    @Test(arguments: Kind.allCases)
    func `never removes as left over what was published meanwhile`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let storage = try database.storage()
            let upload = Upload(id: "one", name: "a.bin")
            _ = try await storage.append(.bytes(pattern(200_000)), to: upload, at: 0, options: StoreOptions())
            let leftovers = try await storage.leftovers()
            _ = try await storage.finish(upload, options: StoreOptions())

            for leftover in leftovers { try await storage.remove(leftover) }

            #expect(try await storage.bytes("a.bin") == pattern(200_000))
        }
    }

    @Test(arguments: Kind.allCases)
    func `takes an upload's bytes from one of two who send them`(_ kind: Kind) async throws {
        try await withDatabase(kind) { database in
            let bytes = pattern(9 << 20)
            let upload = Upload(id: "one", name: "a.bin")
            // Both know that nothing is there yet, and one has been paused since.
            let (first, second) = (try database.storage(chunkSize: 64 << 10), try database.storage(chunkSize: 64 << 10))
            let paused = FileContent.stream(
                PausedContent(bytes: bytes) {
                    _ = try await second.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
                }
            )

            let error = await failure { try await first.append(paused, to: upload, at: 0, options: StoreOptions()) }

            #expect(error?.code == .failed)
            #expect(try await second.uploadedByteCount(upload) == Int64(bytes.count))
            _ = try await second.finish(upload, options: StoreOptions())
            #expect(try await second.bytes("a.bin") == bytes)
        }
    }
}

/// Bytes before whose first something happens.
private struct PausedContent: AsyncSequence, Sendable {
    let bytes: [UInt8]
    let pause: @Sendable () async throws -> Void

    struct AsyncIterator: AsyncIteratorProtocol {
        var content: PausedContent?

        mutating func next() async throws -> [UInt8]? {
            defer { content = nil }
            try await content?.pause()
            return content?.bytes
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(content: self) }
}

extension DatabaseStorage {
    /// Turns the bits of a chunk's first byte over, as a bad disk would: its checksum stays.
    fileprivate func damage(chunk number: Int64) async throws {
        let tables = tables
        try await database.perform(.transaction, isCancellable: false) { session in
            let chunk = tables.table.chunk
            let found = try session.run("SELECT bytes FROM \(chunk) WHERE number = ?1", .integer(number))
            var bytes = try #require(found.first?[0].bytes)
            bytes[0] ^= 0xFF
            // PostgreSQL computes the checksum anew with each change: it must stop to, for this one.
            if tables.dialect == .postgres {
                try session.run("ALTER TABLE \(chunk) ALTER COLUMN sha256 DROP EXPRESSION")
            }
            try session.run("UPDATE \(chunk) SET bytes = ?2 WHERE number = ?1", .integer(number), .bytes(bytes))
            if tables.dialect == .postgres {
                try session.run("ALTER TABLE \(chunk) ALTER COLUMN sha256 SET DEFAULT '\\x'")
                let function = tables.table.file.dropLast() + "_sum\""
                try session.run(
                    """
                    CREATE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql
                    AS 'BEGIN NEW.sha256 := sha256(NEW.bytes); RETURN NEW; END'
                    """
                )
                try session.run(
                    "CREATE TRIGGER sum BEFORE INSERT ON \(chunk) FOR EACH ROW EXECUTE FUNCTION \(function)()"
                )
            }
        }
    }
}
