import Foundation
import QueuedStorageCore
@testable import QueuedStorageSFTP
import TestSupport
import Testing

@Suite struct `SFTP over lines and servers that fail` {
    @Test func `goes on after the server was stopped and started`() async throws {
        let server = try await TestServer.start("sftp")
        let storage = try SFTPStorage.openSSH(server)
        _ = try await storage.store(.text("before"), as: "a.txt", options: StoreOptions())

        try await server.stop()
        await #expect(throws: StorageError.self) { try await storage.open("a.txt").collect() }
        try await server.startAgain()

        #expect(try await storage.open("a.txt").collect() == Array("before".utf8))
    }

    @Test func `goes on after ssh was killed`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.connections = 1 }
        _ = try await storage.store(.text("text"), as: "killed.txt", options: StoreOptions())
        let process = try #require(storage.pool.processIDs.first)

        kill(process, SIGKILL)

        #expect(try await storage.size("killed.txt") == 4)
        #expect(storage.pool.processIDs != [process])
    }

    @Test func `fails in the middle of a file, and leaves nothing of it`() async throws {
        let server = try await TestServer.start("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        _ = try await storage.exists("nothing")

        proxy.cut(afterSending: 3 << 20)
        let error = try #require(
            await #expect(throws: StorageError.self) {
                try await storage.store(.bytes(pattern(6 << 20)), as: "cut.bin", options: StoreOptions())
            }
        )

        #expect(error.code == .failed, "\(error)")
        // The next connection removes what the lost one couldn't.
        #expect(try await !storage.exists("cut.bin"))
        #expect(try await storage.leftovers() == [])
    }

    @Test func `fails in the middle of reading`() async throws {
        let server = try await TestServer.shared("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        _ = try await storage.store(.bytes(pattern(6 << 20)), as: "read-cut.bin", options: StoreOptions())

        proxy.cut(afterReceiving: 3 << 20)

        await #expect(throws: StorageError.self) { try await storage.open("read-cut.bin").collect() }
        #expect(try await storage.open("read-cut.bin").collect() == pattern(6 << 20))
    }

    @Test func `sends only what is missing after a cut`() async throws {
        let server = try await TestServer.start("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let bytes = pattern(40 << 20)
        let upload = Upload(id: "resumed-1", name: "d/resumed.bin")
        let first = try SFTPStorage.openSSH(server, port: proxy.port)
        #expect(try await first.uploadedByteCount(upload) == 0)

        proxy.cut(afterSending: 29 << 20)
        await #expect(throws: StorageError.self) {
            try await first.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
        }
        let sent = proxy.sentByteCount
        // Another process, later.
        let second = try SFTPStorage.openSSH(server, port: proxy.port)
        let held = try await second.uploadedByteCount(upload)
        let end = try await second.append(
            .bytes(bytes[Int(held)...]),
            to: upload,
            at: held,
            options: StoreOptions()
        )
        let stored = try await second.finish(upload, options: StoreOptions())

        #expect(held == 24 << 20, "three blocks of 8 MiB were whole")
        #expect(end == 40 << 20)
        #expect(stored.size == 40 << 20)
        #expect(proxy.sentByteCount - sent < 17 << 20, "more than the rest was sent")
        #expect(try await second.open("d/resumed.bin").collect() == bytes)
        #expect(try await second.leftovers() == [])
    }

    @Test func `believes nothing of an upload that isn't what was sent`() async throws {
        let server = try await TestServer.start("sftp")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try SFTPStorage.openSSH(server, port: proxy.port)
        let upload = Upload(id: "spoiled", name: "spoiled.bin")
        proxy.cut(afterSending: 21 << 20)
        await #expect(throws: StorageError.self) {
            try await storage.append(.bytes(pattern(30 << 20)), to: upload, at: 0, options: StoreOptions())
        }

        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: server["directory"] + "/.qstore/uploads/spoiled"))
        try file.seek(toOffset: 9 << 20)
        try file.write(contentsOf: Data([1, 2, 3, 4]))
        try file.close()

        #expect(try await storage.uploadedByteCount(upload) == 8 << 20, "the second block isn't what was sent")
        #expect(try await storage.uploadedByteCount(Upload(id: "spoiled", name: "x")) == 0, "without a journal")
    }

    @Test func `gives up on a server that doesn't answer`() async throws {
        let server = try await TestServer.start("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.timeout = 1 }
        _ = try await storage.exists("nothing")

        try await server.pause()
        let error = try #require(await #expect(throws: StorageError.self) { try await storage.exists("nothing") })
        try await server.resume()

        #expect(error.code == .timedOut, "\(error)")
        #expect(try await !storage.exists("nothing"))
    }

    @Test func `lets a cancelled store end at once, though the server doesn't answer`() async throws {
        let server = try await TestServer.start("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.timeout = 2 }
        _ = try await storage.exists("nothing")
        try await server.pause()

        let task = Task { try await storage.exists("nothing") }
        task.cancel()

        await #expect(throws: CancellationError.self) { try await task.value }
        try await server.resume()
    }

    @Test func `says that the server is full`() async throws {
        let server = try await TestServer.shared("sftp")
        let storage = try SFTPStorage.openSSH(server) { $0.directory = server["small"] }
        try await server.obey("fill 4")

        let error = try #require(
            await #expect(throws: StorageError.self) {
                try await storage.store(.bytes(pattern(8 << 20)), as: "large.bin", options: StoreOptions())
            }
        )

        #expect(error.code == .full, "\(error)")
        #expect(try await storage.leftovers() == [])
        _ = try await storage.store(.bytes(pattern(1 << 20)), as: "small.bin", options: StoreOptions())
        #expect(try await storage.size("small.bin") == 1 << 20)
        try await storage.delete("small.bin")
    }

    @Test func `leaves no process behind`() async throws {
        let server = try await TestServer.shared("sftp")
        var storage: SFTPStorage? = try SFTPStorage.openSSH(server)
        _ = try await storage?.exists("nothing")
        let process = try #require(storage?.pool.processIDs.first)

        storage = nil

        #expect(waitForEnd(of: process), "ssh still runs")
    }

    /// Whether a child of this process is gone, which its connection's thread reaps.
    private func waitForEnd(of process: pid_t) -> Bool {
        for _ in 0..<500 {
            if kill(process, 0) != 0 { return true }
            usleep(10_000)
        }
        return false
    }
}
