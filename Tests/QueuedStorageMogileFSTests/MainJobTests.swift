import FoundationEssentials
import QueuedStorageCore
import QueuedStorageMogileFS
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// The whole way of a file: saved, transferred, verified, read back.
@Suite struct MainJobTests {
    @Test(arguments: [20, 2_000_000])
    func `a file is saved, proven on the nodes, deleted here and read from there`(size: Int) async throws {
        let server = try await TestServer.shared("mogilefs")
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let storage = try QueuedStorage.mogileFS(
                "files",
                .init(trackers: ["tracker1", "tracker2"].map { "127.0.0.1:\(server[$0])" }, domain: "media"),
                local: FileSystemStorage(location: "\(directory)/local"),
                catalog: catalog,
                task: TransferAndDelete(),
                options: QueuedStorageOptions(durabilityGrace: .zero)
            )
            let name = try await storage.save("job-\(size)/a?b.bin", .bytes(pattern(size)))

            try await TransferWorker(catalog: catalog, storages: [storage]).runUntilIdle()

            let file = try #require(try await catalog.file(name, in: "files"))
            #expect(file.state == .remote, "\(file.error ?? "")")
            #expect(try tree("\(directory)/local").isEmpty)
            #expect(try await storage.open(name).collect() == pattern(size))
            try await storage.delete(name)
        }
    }

    @Test func `a transfer waits while all trackers are down, and costs no try`() async throws {
        let (server, time) = (try await TestServer.start("mogilefs"), MovedTime())
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: try MogileFSStorage.on(server),
                catalog: catalog,
                options: QueuedStorageOptions(retries: .count(0)),
                time: time
            )
            let name = try await storage.save("f", .bytes(pattern(1000)))
            try await server.stop()
            let worker = TransferWorker(catalog: catalog, storages: [storage], time: time)
            try await worker.runUntilIdle()
            #expect(try await catalog.file(name, in: "files")?.state == .queued)
            time.seconds.withLock { $0 += 120 }

            try await server.startAgain()
            try await worker.runUntilIdle()

            #expect(try await catalog.file(name, in: "files")?.state == .remote)
        }
    }
}

/// The machine's time, moved forward.
private final class MovedTime: TimeSource {
    let seconds = Mutex(0.0)

    var now: Date { Date().addingTimeInterval(seconds.withLock { $0 }) }

    var bootMilliseconds: Int64 { SystemTime().bootMilliseconds + Int64(seconds.withLock { $0 } * 1000) }

    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
