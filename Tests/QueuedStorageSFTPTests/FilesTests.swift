import Foundation
import Glibc
import QueuedStorageCore
@testable import QueuedStorageSFTP
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct `Files on an SFTP server` {
    private func storage(_ change: (inout SFTPStorage.Configuration) -> Void = { _ in }) async throws -> SFTPStorage {
        try SFTPStorage.openSSH(try await TestServer.shared("sftp"), change)
    }

    @Test func `are as the table of remotes says`() async throws {
        let row = try await StorageAbilities.observe(storage()).row("SFTP to OpenSSH")
        let table = try AbilityTable.row("SFTP to OpenSSH")

        #expect(table == row)
    }

    @Test func `are listed by the thousand, links by what they lead to`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try await storage()
        let folder = server["directory"] + "/listing"
        try FileManager.default.createDirectory(atPath: folder + "/d", withIntermediateDirectories: true)
        let names = (0..<2500).map { "file \($0 + 10_000)" }
        for name in names { #expect(FileManager.default.createFile(atPath: folder + "/" + name, contents: nil)) }
        for (name, target) in [("to-directory", "d"), ("to-file", names[0]), ("to-nothing", "nothing")] {
            try FileManager.default.createSymbolicLink(atPath: folder + "/" + name, withDestinationPath: target)
        }

        let listing = try await storage.list("listing")

        #expect(listing.files == names + ["to-file", "to-nothing"])
        #expect(listing.directories == ["d", "to-directory"])
        try FileManager.default.removeItem(atPath: folder)
    }

    @Test func `have the modes and owners that are wanted`() async throws {
        let server = try await TestServer.shared("sftp")
        let (user, group) = (Int(geteuid()), Int(getegid()))
        let storage = try await storage {
            ($0.fileMode, $0.directoryMode, $0.uid, $0.gid) = (0o602, 0o702, user, group)
        }

        _ = try await storage.store(.text("x"), as: "modes/a/b.txt", options: StoreOptions())
        _ = try await storage.append(
            .text("y"),
            to: Upload(id: "modes", name: "modes/c"),
            at: 0,
            options: StoreOptions()
        )
        _ = try await storage.finish(Upload(id: "modes", name: "modes/c"), options: StoreOptions())

        for (name, mode) in [("", 0o702), ("/a", 0o702), ("/a/b.txt", 0o602), ("/c", 0o602)] {
            let attributes = try FileManager.default.attributesOfItem(atPath: server["directory"] + "/modes" + name)
            #expect(attributes[.posixPermissions] as? Int == mode)
            #expect(attributes[.ownerAccountID] as? Int == user)
        }
        try FileManager.default.removeItem(atPath: server["directory"] + "/modes")
    }

    @Test func `leave nothing when their store is cancelled`() async throws {
        let server = try await TestServer.start("sftp")
        let storage = try SFTPStorage.openSSH(server)
        let (begun, begin) = AsyncStream.makeStream(of: Void.self)
        let options = StoreOptions(progress: { _ in begin.yield() })
        let task = Task { try await storage.store(.bytes(pattern(32 << 20)), as: "d/a.bin", options: options) }

        for await _ in begun { break }
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await storage.leftovers() == [])
        #expect(try await storage.list("") == DirectoryListing(directories: [], files: []))
    }

    @Test func `that were left over are found and removed`() async throws {
        let server = try await TestServer.start("sftp")
        let storage = try SFTPStorage.openSSH(server)
        let upload = Upload(id: "left-over", name: "a")
        _ = try await storage.append(.text("text"), to: upload, at: 0, options: StoreOptions())
        try "x".write(toFile: server["directory"] + "/.qstore/uploads/old", atomically: false, encoding: .utf8)

        let found = try await storage.leftovers()
        for leftover in found { try await storage.remove(leftover) }
        for leftover in found { try await storage.remove(leftover) }

        #expect(Set(found.map(\.id)) == ["uploads/left-over", "uploads/old"])
        #expect(Set(found.map(\.byteCount)) == [4, 1])
        #expect(found.allSatisfy { abs($0.touchedAt?.timeIntervalSinceNow ?? .infinity) < 3600 })
        #expect(try await storage.leftovers() == [])
        for id in ["uploads/../../a", "tmp/", "a", "/etc/passwd", "uploads/.."] {
            await #expect(throws: StorageError.self) { try await storage.remove(Leftover(id: id, purpose: "")) }
        }
    }

    @Test func `are in a directory that is made, or must be there`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try await storage {
            $0.directory += "/not/there"
            $0.createsDirectory = false
        }

        let error = try #require(
            await #expect(throws: StorageError.self) {
                try await storage.store(.text("x"), as: "a", options: StoreOptions())
            }
        )

        #expect(error.code == .invalidConfiguration)
        #expect(error.message.contains(server["directory"] + "/not/there"))
    }

    @Test func `lie beneath the user's home, where the address says so`() async throws {
        let storage = try await storage { $0.directory = "~/.queued-storage-tests" }
        let home = NSHomeDirectoryForUser(try await TestServer.shared("sftp")["user"]) ?? ""
        defer { try? FileManager.default.removeItem(atPath: home + "/.queued-storage-tests") }

        _ = try await storage.store(.text("at home"), as: "d/a.txt", options: StoreOptions())

        #expect(try String(contentsOfFile: home + "/.queued-storage-tests/d/a.txt", encoding: .utf8) == "at home")
    }

    @Test func `pass a line with delay many pieces at a time, and few in memory`() async throws {
        let server = try await TestServer.shared("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        _ = try await storage.exists("nothing")
        proxy.delay(by: 0.05)
        let (handedOver, taken, mostAhead) = (Shared(Int64(0)), Shared(Int64(0)), Shared(Int64(0)))
        let pieces = Repeated(piece: pattern(256 << 10), count: 64) { count in
            handedOver.value += Int64(count)
            mostAhead.value = max(mostAhead.value, handedOver.value - taken.value)
        }

        _ = try await storage.store(
            .stream(pieces, size: 16 << 20),
            as: "delayed.bin",
            options: StoreOptions(progress: { taken.value = $0 })
        )

        #expect(taken.value == 16 << 20)
        #expect(mostAhead.value > 2 << 20, "it waits for the answers")
        #expect(mostAhead.value < 6 << 20, "it reads ahead without end")
        try await storage.delete("delayed.bin")
    }

    @Test(arguments: [false, true])
    func `that are large are read through several connections where the line is long`(_ losesOne: Bool) async throws {
        let server = try await TestServer.shared("sftp")
        let (piece, count) = (pattern(256 << 10), 384)
        let name = "far-\(losesOne).bin"
        _ = try await SFTPStorage.openSSH(server, port: server.port).store(
            .stream(Repeated(piece: piece, count: count) { _ in }, size: Int64(piece.count * count)),
            as: name,
            options: StoreOptions()
        )
        let proxy = try FaultyProxy(to: server.port)
        proxy.delay(by: 0.06)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        let reader = try await storage.open(name)
        let first = storage.pool.processIDs

        var received: [UInt8] = []
        var isLost = false
        for try await bytes in reader {
            received += bytes
            // By now it has been asked for something.
            guard losesOne, !isLost, received.count > 48 << 20, proxy.connectionCount > 1 else { continue }
            if let process = storage.pool.processIDs.first(where: { !first.contains($0) }) {
                kill(process, SIGKILL)
                isLost = true
            }
        }

        var isWhole = received.count == piece.count * count
        for start in stride(from: 0, to: received.count, by: piece.count) where isWhole {
            isWhole = memcmp(Array(received[start..<start + piece.count]), piece, piece.count) == 0
        }
        #expect(isWhole)
        #expect(isLost == losesOne)
        #expect(proxy.connectionCount > 1, "one connection's window was all")
        #expect(proxy.connectionCount <= 4, "more connections than were allowed")
        try await storage.delete(name)
    }

    @Test func `of 64 MiB are sent and read without being held`() async throws {
        let server = try await TestServer.shared("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        let piece = pattern(256 << 10)
        let content = FileContent.stream(Repeated(piece: piece, count: 256) { _ in }, size: 64 << 20)
        _ = try await storage.store(content, as: "large.bin", options: StoreOptions())
        let before = proxy.receivedByteCount

        var (byteCount, mostAhead) = (0, Int64(0))
        for try await bytes in try await storage.open("large.bin") {
            byteCount += bytes.count
            mostAhead = max(mostAhead, proxy.receivedByteCount - before - Int64(byteCount))
        }

        #expect(byteCount == 64 << 20)
        #expect(mostAhead < 6 << 20, "it is read ahead without end")
        try await storage.delete("large.bin")
    }
}

/// The same bytes again and again.
private struct Repeated: AsyncSequence, AsyncIteratorProtocol, Sendable {
    let piece: [UInt8]
    var count: Int
    let note: @Sendable (Int) -> Void

    func makeAsyncIterator() -> Self { self }

    mutating func next() async -> [UInt8]? {
        count -= 1
        guard count >= 0 else { return nil }
        note(piece.count)
        return piece
    }
}
