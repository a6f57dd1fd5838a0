import Foundation
import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageSQLite
import QueuedStorageTesting
import TestSupport
import Testing

/// The whole job: saved, brought to the bucket, verified, and read back from there.
@Suite struct JobTests {
    @Test(arguments: S3Server.allCases)
    func `brings files away, proves them, and reads them back`(_ server: S3Server) async throws {
        let remote = try await server.storage("jobs-\(UUID().uuidString.prefix(8).lowercased())") {
            $0.location = "in box"
            $0.multipartFrom = 5 << 20
            $0.partSize = 5 << 20
        }
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, remote: remote, task: .transferAndDelete)
            let small = try await bench.storage.save("d/a b.txt", .text("text"))
            let large = try await bench.storage.save("large.bin", .bytes(pattern(12 << 20)))

            try await bench.work()

            for name in [small, large] {
                #expect(try await bench.state(name) == .remote)
                #expect(try await !bench.storage.local.exists(name))
                #expect(try await remote.exists(name))
            }
            #expect(try await bench.storage.open(small).collect() == Array("text".utf8))
            #expect(try await bench.storage.open(large).collect() == pattern(12 << 20))
            #expect(!bench.holds(try await server.shared["s3SecretAccessKey"] + "\n"))
            #expect(!bench.holds("Signature="))
            try await bench.storage.delete(large)
            try await bench.work()
            #expect(try await !remote.exists(large))
            #expect(try await remote.leftovers().isEmpty)
        }
    }

    @Test(arguments: S3Server.allCases)
    func `overwrites nobody's object, and records the name that the file got`(_ server: S3Server) async throws {
        let remote = try await server.storage("strangers-\(UUID().uuidString.prefix(8).lowercased())")
        try await remote.store("a stranger's", as: "a.txt")
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, remote: remote)
            _ = try await bench.storage.save("a.txt", .text("ours"))

            try await bench.work()

            let name = try #require(try await bench.catalog.file("a.txt", in: "photos")?.remoteName)
            #expect(name != "a.txt")
            #expect(try await remote.open(name).collect() == Array("ours".utf8))
            #expect(try await remote.open("a.txt").collect() == Array("a stranger's".utf8))
        }
    }

    @Test func `goes on after the last whole part when the connection is cut`() async throws {
        let proxy = try FaultyProxy(to: try await S3Server.moto.shared.port)
        let remote = try await S3Server.moto.storage("cut", port: proxy.port) {
            $0.multipartFrom = 5 << 20
            $0.partSize = 5 << 20
        }
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, remote: remote, task: .transferAndDelete)
            _ = try await bench.storage.save("cut.bin", .bytes(pattern(32 << 20)))
            proxy.cut(afterSending: 17 << 20)

            try await bench.work()

            #expect(try await bench.state("cut.bin") == .remote)
            // What was under way at once is sent again, and no more.
            #expect(proxy.sentByteCount < 54 << 20)
            #expect(try await bench.storage.open("cut.bin").collect() == pattern(32 << 20))
        }
    }

    @Test func `goes on after the last whole part in the next attempt`() async throws {
        let proxy = try FaultyProxy(to: try await S3Server.moto.shared.port)
        let remote = try await S3Server.moto.storage("stalled", port: proxy.port) {
            $0.multipartFrom = 5 << 20
            $0.partSize = 5 << 20
            $0.parallelParts = 1
            $0.idleTimeout = .seconds(1)
        }
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, remote: remote, task: .transferAndDelete, retries: 0)
            _ = try await bench.storage.save("cut.bin", .bytes(pattern(32 << 20)))
            proxy.stall(afterSending: 17 << 20)

            try await bench.work()
            #expect(try await bench.state("cut.bin") == .failed)
            let sent = proxy.sentByteCount
            proxy.heal()
            try await bench.storage.transfer("cut.bin")
            try await bench.work()

            #expect(try await bench.state("cut.bin") == .remote)
            // 15 MiB were there already; 3 MiB waited in the line, and came through when it was healed.
            #expect(proxy.sentByteCount - sent < 21 << 20)
            #expect(try await bench.storage.open("cut.bin").collect() == pattern(32 << 20))
            #expect(try await remote.leftovers().isEmpty)
        }
    }

    @Test func `says that nobody is there, and what can't be helped`() async throws {
        let offline = try await S3Server.moto.shared.storage("photos", port: 1)
        let offlineError = await #expect(throws: StorageError.self) { try await offline.size("a.txt") }
        #expect(offlineError?.code == .offline)

        try await withTemporaryDirectory { directory in
            let wrong = try await S3Server.swift.storage("wrong") {
                $0.credentials = S3Credentials(accessKeyID: "test:tester", secretAccessKey: "hidden-and-wrong")
            }
            let bench = try Bench(directory, remote: wrong)
            _ = try await bench.storage.save("a.txt", .text("text"))

            try await bench.work()

            #expect(try await bench.state("a.txt") == .failed)
            #expect(!bench.holds("hidden-and-wrong"))
        }
    }

    @Test func `is in the table of remotes with what it can do`() async throws {
        for (server, name) in [(S3Server.moto, "S3 (moto)"), (.swift, "S3 (OpenStack Swift)")] {
            let seen = try await StorageAbilities.observe(try await server.storage("abilities")).row(name)
            let written = try AbilityTable.row(name)

            #expect(written == seen)
        }
    }
}
