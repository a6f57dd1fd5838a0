import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// A worker that is asked to stop at an awkward moment.
@Suite struct DrainTests {
    @Test(.timeLimit(.minutes(10)))
    func `a worker asked to stop while its claim is on its way gives back what it got, and ends`() async throws {
        try await withTemporaryDirectory { directory in
            let current = CurrentWorker()
            let catalog = try SQLiteCatalog(
                path: "\(directory)/catalog.sqlite",
                seams: CommitSeams(commit: { db in
                    try db.commit()
                    let sql = "SELECT EXISTS (SELECT * FROM qstore_job WHERE state = 'running')"
                    if try Bool.fetchOne(db, sql: sql) == true { current.take()?.shutDown() }
                })
            )
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/local"),
                remote: FileSystemStorage(location: "\(directory)/remote"),
                catalog: catalog,
                environment: [:]
            )
            _ = try await storage.save("f.txt", .text("x"))
            let worker = TransferWorker(catalog: catalog, storages: [storage])
            current.set(worker)

            try await worker.run()

            #expect(try await catalog.file("f.txt", in: "files")?.state == .queued)
            #expect(try await catalog.leaseholders(storages: ["files"]).values.allSatisfy(\.isEmpty))
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: [true, false])
    func `what doesn't end in time is stopped, also while another file waits for its hour`(
        _ anotherWaits: Bool
    ) async throws {
        let (started, starting) = AsyncStream<Void>.makeStream()
        let time = NotingTime()
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, _ in
                        starting.yield()
                        try await Task.sleep(for: .seconds(86_400))
                    }
                )
            },
            delayed: true,
            time: time
        ) { bench in
            for name in ["f.txt", "later.txt"] { _ = try await bench.storage.save(name, .text("x")) }
            try await bench.storage.transfer("f.txt")
            if anotherWaits {
                try await bench.storage.transfer("later.txt", notBefore: Date(timeIntervalSinceNow: 3600))
            }
            let worker = bench.worker(WorkerOptions(drainTimeout: .milliseconds(10)))
            async let running: Void = worker.run()
            for await _ in started { break }
            // It looks again after a minute at the latest.
            if anotherWaits { for await duration in time.sleeps where duration == .seconds(60) { break } }

            worker.shutDown()
            try await running

            #expect(try await bench.state("f.txt") == .queued)
            #expect(try await bench.catalog.leaseholders(storages: ["files"]).values.allSatisfy(\.isEmpty))
        }
    }
}

/// The machine's time, which tells how long somebody means to sleep.
private final class NotingTime: TimeSource {
    let sleeps: AsyncStream<Duration>
    private let noting: AsyncStream<Duration>.Continuation

    init() { (sleeps, noting) = AsyncStream.makeStream() }

    var now: Date { SystemTime().now }
    var bootMilliseconds: Int64 { SystemTime().bootMilliseconds }

    func sleep(for duration: Duration) async throws {
        noting.yield(duration)
        try await SystemTime().sleep(for: duration)
    }
}

/// The worker that is asked to stop, once.
private final class CurrentWorker: Sendable {
    private let value = Mutex<TransferWorker?>(nil)

    func set(_ worker: TransferWorker) { value.withLock { $0 = worker } }

    func take() -> TransferWorker? {
        value.withLock { worker in
            defer { worker = nil }
            return worker
        }
    }
}
