import Foundation
import QueuedStorageCore
import QueuedStorageFTP
import Synchronization
import TestSupport
import Testing

/// Files get their names when they are whole, and what doesn't succeed leaves nothing.
@Suite struct StoringTests {
    @Test func `a file lies under a temporary name until it is whole`() async throws {
        let storage = try await ServerKind.plain.storage(ownDirectory())
        let seen = Mutex<(files: [String], leftovers: [Leftover])>(([], []))
        let content = FileContent.stream(
            Pieces(count: 8, size: 256 << 10) { index in
                guard index == 7 else { return }
                let files = try await storage.list("").files
                let leftovers = try await storage.leftovers()
                seen.withLock { $0 = (files, leftovers) }
            },
            size: 8 * 256 << 10
        )

        let stored = try await storage.store(content, as: "a/b/c.bin", options: StoreOptions(temporaryTag: "1-2-3"))

        #expect(stored.size == 8 * 256 << 10)
        #expect(seen.withLock { $0.files.isEmpty && $0.leftovers.map(\.purpose) == ["1-2-3"] })
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.list("") == DirectoryListing(directories: ["a"], files: []))
        #expect(try await storage.size("a/b/c.bin") == 8 * 256 << 10)
    }

    @Test(arguments: [ServerKind.plain, .encrypted, .python])
    func `a store that is cancelled leaves nothing`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory())
        let (isUnderWay, underWay) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            let pieces = Pieces(count: 1000, size: 64 << 10) { index in
                // Further on, the test says when it ends.
                if index == 40 {
                    underWay.finish()
                    try await Task.sleep(for: .seconds(600))
                }
            }
            return try await storage.store(.stream(pieces), as: "a.bin", options: StoreOptions())
        }
        for await _ in isUnderWay {}

        task.cancel()

        await #expect(throws: (any Error).self) { try await task.value }
        #expect(try await !storage.exists("a.bin"))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `what is left over is found and removed`() async throws {
        let storage = try await ServerKind.hashing.storage(ownDirectory())
        let upload = Upload(id: "7-1", name: "a.bin")
        _ = try await storage.append(.text("a beginning"), to: upload, at: 0, options: StoreOptions())

        let leftover = try #require(try await storage.leftovers().first)

        #expect(leftover.purpose == "7-1")
        #expect(leftover.byteCount == 11)
        #expect(leftover.touchedAt != nil)
        try await storage.remove(leftover)
        try await storage.remove(leftover)
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await storage.uploadedByteCount(upload) == 0)
        let foreign = await failure { try await storage.remove(Leftover(id: "../a.bin", purpose: "")) }
        #expect(foreign?.code == .invalidName)
    }

    @Test(arguments: [ServerKind.plain, .old])
    func `one of many who store under one name wins`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory())

        let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let bytes = [UInt8](repeating: UInt8(number), count: 10_000)
                    do {
                        _ = try await storage.store(.bytes(bytes), as: "a.bin", options: StoreOptions())
                        return number
                    } catch let error as StorageError where error.code == .alreadyExists {
                        return nil
                    }
                }
            }
            return try await group.reduce(into: [Int]()) { $0 += $1.map { [$0] } ?? [] }
        }

        #expect(winners.count == 1)
        #expect(try await storage.open("a.bin").collect() == [UInt8](repeating: UInt8(winners[0]), count: 10_000))
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test func `many who save under one name get names of their own`() async throws {
        let storage = try await ServerKind.plain.storage(ownDirectory())

        let names = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<8 { group.addTask { try await storage.save("a.bin", .bytes([UInt8(number)])) } }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }

        #expect(names.count == 8)
        #expect(try await storage.list("").files.count == 8)
    }

    @Test(arguments: [ServerKind.plain, .encrypted])
    func `keeps 64 MiB`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory())
        let bytes = pattern(64 << 20)

        let stored = try await storage.store(.bytes(bytes), as: "large.bin", options: StoreOptions())

        #expect(stored.size == 64 << 20)
        #expect(try await storage.size("large.bin") == 64 << 20)
        #expect(try await storage.open("large.bin").collect() == bytes)
        let end = Int64(64 << 20) - 1000..<Int64(64 << 20)
        #expect(try await storage.open("large.bin", range: end).collect() == Array(bytes.suffix(1000)))
        try await storage.delete("large.bin")
    }

    @Test func `a server's checksum proves what was stored`() async throws {
        let storage = try await ServerKind.hashing.storage(ownDirectory())

        let stored = try await storage.store(.text("abc"), as: "a b.txt", options: StoreOptions(computesSHA256: true))

        #expect(stored.verifiedBy == .sha256)
        #expect(try await storage.checksum("a b.txt")?.value == stored.sha256)
    }

    @Test func `what is stored is read back where that is wanted`() async throws {
        let storage = try await ServerKind.python.storage(ownDirectory()) { $0.verification = .readback }

        let stored = try await storage.store(.bytes(pattern(300_000)), as: "a.bin", options: StoreOptions())

        #expect(stored.verifiedBy == .sha256)
        #expect(try await storage.checksum("a.bin") == nil)
    }

    @Test(arguments: [ServerKind.hashing, .python])
    func `a large upload is compared before it gets its name`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory()) { $0.verification = .readback }
        let bytes = pattern(9 << 20)
        let right = try await FileReader(bytes).sha256()
        let upload = Upload(id: "8-1", name: "a.bin")
        _ = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())

        let wrong = StoreOptions(expectedSHA256: String(repeating: "0", count: 64))
        let error = await failure { try await storage.finish(upload, options: wrong) }
        #expect(error?.code == .damaged, "\(error.map { "\($0)" } ?? "no error")")
        #expect(try await !storage.exists("a.bin"))
        #expect(try await storage.uploadedByteCount(upload) == 0)

        _ = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
        let stored = try await storage.finish(upload, options: StoreOptions(expectedSHA256: right))
        #expect(stored.verifiedBy == .sha256)
        #expect(try await storage.size("a.bin") == 9 << 20)
    }

    @Test(arguments: [ServerKind.plain, .python, .old])
    func `what somebody removes on the server is made again`(_ kind: ServerKind) async throws {
        let directory = ownDirectory()
        let storage = try await kind.storage(directory)
        let place = "\(try await kind.server["directory"])/\(directory)"
        let upload = Upload(id: "9-1", name: "c.bin")
        _ = try await storage.store(.text("x"), as: "a.txt", options: StoreOptions())

        try FileManager.default.removeItem(atPath: place)
        _ = try await storage.store(.text("y"), as: "b.txt", options: StoreOptions())
        try FileManager.default.removeItem(atPath: place)
        let stream = { FileContent.stream(Pieces(count: 2, size: 10) { _ in }) }
        let error = await failure { try await storage.store(stream(), as: "s", options: StoreOptions()) }
        _ = try await storage.store(stream(), as: "s", options: StoreOptions())
        _ = try await storage.append(.text("z"), to: upload, at: 0, options: StoreOptions())
        _ = try await storage.finish(upload, options: StoreOptions())
        try FileManager.default.removeItem(atPath: place)
        let late = await failure {
            try await storage.append(.text("z"), to: Upload(id: "9-2", name: "d"), at: 0, options: StoreOptions())
        }
        let second = Upload(id: "9-3", name: "e.bin")
        _ = try await storage.append(.text("z"), to: second, at: 0, options: StoreOptions())
        _ = try await storage.finish(second, options: StoreOptions())

        #expect(error?.code == .failed, "\(error.map { "\($0)" } ?? "no error")")
        #expect(late?.code == .failed, "\(late.map { "\($0)" } ?? "no error")")
        #expect(try await storage.list("").files == ["e.bin"])
    }

    @Test func `an attempt that is late changes nothing where a server can only append`() async throws {
        let storage = try await ServerKind.old.storage(ownDirectory())
        let upload = Upload(id: "3-1", name: "a.bin")
        let bytes = pattern(300_000)
        _ = try await storage.append(.bytes(bytes[..<1000]), to: upload, at: 0, options: StoreOptions())
        let end = Mutex<Int64?>(nil)
        let late = FileContent.stream(
            Pieces(count: 8, size: 256 << 10) { index in
                guard index == 4 else { return }
                // Another worker takes over, and is done before this one goes on.
                let held = try await storage.uploadedByteCount(upload)
                let rest = FileContent.bytes(bytes[min(Int(held), bytes.count)...])
                _ = try await storage.append(rest, to: upload, at: held, options: StoreOptions())
                _ = try await storage.finish(upload, options: StoreOptions())
                end.withLock { $0 = held }
            }
        )

        let error = await failure {
            try await storage.append(late, to: upload, at: 1000, options: StoreOptions())
        }

        #expect(error?.code == .failed, "\(error.map { "\($0)" } ?? "no error")")
        #expect(end.withLock { $0 } == 0)
        #expect(try await storage.open("a.bin").collect() == bytes)
    }

    @Test(arguments: [ServerKind.plain, .old])
    func `a file is replaced, and nothing of the old one stays`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory())
        _ = try await storage.store(.text("old"), as: "d/a.txt", options: StoreOptions())

        _ = try await storage.store(.text("new"), as: "d/a.txt", options: StoreOptions(replaces: true))

        #expect(try await storage.open("d/a.txt").collect() == Array("new".utf8))
        #expect(try await storage.list("d").files == ["a.txt"])
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test(arguments: ["a\nb", "a\rb", "a\tb"])
    func `a name that FTP can't carry is refused with the reason`(_ name: String) async throws {
        let storage = try await ServerKind.plain.storage(ownDirectory())

        let error = await failure { try await storage.store(.text("x"), as: name, options: StoreOptions()) }

        #expect(error?.code == .invalidName)
        #expect(error?.message.contains("line breaks") == true)
    }

    @Test(arguments: [ServerKind.plain, .python, .old])
    func `directories are known from files`(_ kind: ServerKind) async throws {
        let storage = try await kind.storage(ownDirectory())
        try await storage.delete("missing/file")
        _ = try await storage.store(.text("x"), as: "d/e/f.txt", options: StoreOptions())

        #expect(try await storage.exists("d/e"))
        #expect(try await !storage.exists("d/x"))
        #expect(await failure { try await storage.open("d") }?.code == .isDirectory)
        #expect(await failure { try await storage.size("d") }?.code == .isDirectory)
        #expect(await failure { try await storage.delete("d") }?.code == .isDirectory)
        #expect(await failure { try await storage.open("d/x") }?.code == .notFound)
        #expect(await failure { try await storage.list("d/x") }?.code == .notFound)
        let below = await failure { try await storage.store(.text("x"), as: "d/e/f.txt/g", options: StoreOptions()) }
        #expect(below?.code == .notADirectory)
        try await storage.delete("d/e/f.txt")
        try await storage.delete("d/e")
        #expect(try await !storage.exists("d/e"))
    }

    @Test(arguments: [ServerKind.plain, .old])
    func `2,500 files are listed`(_ kind: ServerKind) async throws {
        let directory = ownDirectory()
        let storage = try await kind.storage(directory)
        let path = "\(try await kind.server["directory"])/\(directory)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let names = (0..<2500).map { "file \($0) ü.txt" }
        for name in names { try Data().write(to: URL(fileURLWithPath: "\(path)/\(name)")) }

        let listing = try await storage.list("")

        #expect(Set(listing.files) == Set(names))
        #expect(listing.directories.isEmpty)
    }
}

/// Content in pieces of zeros, of which each is announced.
struct Pieces: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let count: Int
    let size: Int
    let announce: @Sendable (Int) async throws -> Void
    private var index = 0

    init(count: Int, size: Int, announce: @escaping @Sendable (Int) async throws -> Void) {
        (self.count, self.size, self.announce) = (count, size, announce)
    }

    func makeAsyncIterator() -> Self { self }

    mutating func next() async throws -> [UInt8]? {
        guard index < count else { return nil }
        try await announce(index)
        index += 1
        return [UInt8](repeating: 0, count: size)
    }
}
