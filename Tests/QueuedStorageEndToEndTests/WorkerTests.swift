import FoundationEssentials
import Logging
import QueuedStorageCore
import QueuedStorageSQLite
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// What a worker does with what may go wrong.
@Suite struct WorkerTests {
    @Test func `delays grow from one retry to the next`() async throws {
        let time = TestTime()
        try await withBench(
            remote: { directory in
                TestRemote(FileSystemStorage(location: directory), beforeStore: { _, _ in throw StorageError.flaky })
            },
            options: QueuedStorageOptions(retries: .unlimited, retryDelay: .seconds(10)),
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            var delays: [Double] = []
            for _ in 0..<6 {
                try await bench.work()
                let dueAt = try #require(try await bench.catalog.file("f.txt", in: "files")?.dueAt)
                delays.append(dueAt.timeIntervalSince(time.now))
                time.advance(by: .seconds(dueAt.timeIntervalSince(time.now) + 0.01))
            }
            for (number, delay) in delays.enumerated() {
                let middle = 10.0 * Double(1 << number)
                #expect((middle * 0.79...middle * 1.21).contains(delay))
            }
        }
    }

    @Test func `a remote that can't be reached costs no try`() async throws {
        let time = TestTime()
        let isUp = Mutex(false)
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, _ in
                        if !isUp.withLock({ $0 }) { throw StorageError.unreachable }
                    }
                )
            },
            options: QueuedStorageOptions(retries: .count(0)),
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            for _ in 0..<20 {
                try await bench.work()
                time.advance(by: .seconds(100))
            }
            let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
            #expect(file.state == .queued)
            #expect(file.attempts == 0)
            #expect(file.error?.contains("can't be reached") == true)

            isUp.withLock { $0 = true }
            try await bench.work()
            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    @Test(.timeLimit(.minutes(5))) func `a worker's memory doesn't grow with what passed through it`() async throws {
        var peaks: [Int] = []
        for count in [200, 3000] {
            try await withTemporaryDirectory { directory in
                let bench = try Bench(directory, alias: "crash")
                try await withThrowingDiscardingTaskGroup { group in
                    for number in 0..<count {
                        group.addTask { _ = try await bench.storage.save("f\(number)", .text("x")) }
                    }
                }

                let said = try await Agent(directory, step: 0, "work").end()

                #expect(bench.tree("remote").count == count)
                peaks += said.compactMap { $0.hasPrefix("peak ") ? Int($0.dropFirst(5)) : nil }
            }
        }

        // 3,000 jobs take as many megabytes if each leaves but a kilobyte behind.
        try #require(peaks.count == 2)
        #expect(peaks[1] - peaks[0] < 12_000, "kilobytes: \(peaks)")
    }

    @Test func `a remote directory that is missing is offline, and comes back`() async throws {
        let time = TestTime()
        try await withTemporaryDirectory { directory in
            let remote = FileSystemStorage(location: "\(directory)/mount", createsLocation: false)
            let bench = try Bench(directory, remote: TestRemote(remote), time: time)
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(try await bench.state("f.txt") == .queued)

            try FileManager.default.createDirectory(atPath: "\(directory)/mount", withIntermediateDirectories: false)
            time.advance(by: .seconds(100))
            try await bench.work()

            #expect(bench.bytes("mount/f.txt") == "x")
        }
    }

    @Test func `a clock that was set back delays nothing`() async throws {
        let time = TestTime()
        let failures = Mutex(1)
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, _ in
                        let fails = failures.withLock { count in
                            defer { count -= 1 }
                            return count > 0
                        }
                        if fails { throw StorageError.flaky }
                    }
                )
            },
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(try await bench.state("f.txt") == .queued)

            time.setWallClock(time.now.addingTimeInterval(-365 * 86_400))
            try await bench.work()

            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    @Test func `a job whose task no worker knows waits, and status can say so`() async throws {
        struct Special: TransferTask {
            func transfer(_ file: TransferContext) async throws -> Bool { try await Transfer().transfer(file) }
        }
        try await withTemporaryDirectory { directory in
            let declaring = try Bench(directory, task: Special())
            _ = try await declaring.storage.save("f.txt", .text("x"))

            let ignorant = try Bench(directory)
            try await ignorant.work()
            #expect(try await ignorant.state("f.txt") == .queued)
            let waiting = try await ignorant.catalog.unclaimable(tasks: ["files": ["Transfer", "TransferAndDelete"]])
            #expect(waiting == [UnclaimableJobs(storage: "files", task: "Special", count: 1)])

            try await declaring.work()
            #expect(try await declaring.state("f.txt") == .remote)
        }
    }

    @Test func `a rate limit spaces the starts`() async throws {
        let time = TestTime()
        let starts = Mutex<[Int64]>([])
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, _ in starts.withLock { $0.append(time.bootMilliseconds) } }
                )
            },
            options: QueuedStorageOptions(rateLimit: try RateLimit("6/m")),
            time: time
        ) { bench in
            for number in 0..<3 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            let moving = Task {
                while !Task.isCancelled {
                    // What is claimed begins at once: on its way to the remote no time passes.
                    let counts = try await bench.catalog.counts().first?.counts
                    if counts?[.transferring, default: 0] == 0 { time.advance(by: .milliseconds(100)) }
                    await Task.yield()
                }
            }
            defer { moving.cancel() }

            try await bench.work()

            let began = starts.withLock { $0 }
            #expect(began.count == 3)
            for (one, next) in zip(began, began.dropFirst()) { #expect(next - one >= 9_000) }
        }
    }

    @Test func `nothing stays behind whose rate limit passes at the very moment of looking`() async throws {
        for tick in [300, 450, 700] {
            try await withBench(
                options: QueuedStorageOptions(rateLimit: try RateLimit("60/m")),
                time: TickingTime(tick: .milliseconds(tick))
            ) { bench in
                for number in 0..<20 { _ = try await bench.storage.save("\(number).txt", .text("x")) }

                try await bench.worker(WorkerOptions(heartbeat: .seconds(60))).runUntilIdle()

                #expect(try await bench.catalog.counts().first?.counts == [.remote: 20])
            }
        }
    }

    @Test func `a rate limit of one storage keeps no other waiting`() async throws {
        try await withBench(options: QueuedStorageOptions(rateLimit: try RateLimit("1/h"))) { bench in
            for number in 0..<100 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            let free = try QueuedStorage(
                "free",
                local: FileSystemStorage(location: "\(bench.directory)/local2"),
                remote: FileSystemStorage(location: "\(bench.directory)/remote2"),
                catalog: bench.catalog,
                environment: [:]
            )
            let worker = TransferWorker(catalog: bench.catalog, storages: [bench.storage, free])
            let running = Task { try await worker.run() }
            defer { running.cancel() }

            _ = try await free.save("f.txt", .text("x"))
            try await free.durable("f.txt", on: .remote, within: .seconds(30))

            let limited = try #require(try await bench.catalog.counts().first { $0.alias == "files" })
            #expect(limited.counts[.remote, default: 0] + limited.counts[.transferring, default: 0] <= 1)
        }
    }

    @Test(arguments: [
        (QueuedStorageOptions(), Duration.seconds(301), "nothing moved for 300.0 seconds"),
        (QueuedStorageOptions(attemptTimeout: .seconds(60)), .seconds(61), "took more than 60.0 seconds"),
    ])
    func `an attempt that stands still, or takes too long, is given up, and made again`(
        _ options: QueuedStorageOptions,
        _ wait: Duration,
        _ reason: String
    ) async throws {
        let time = TestTime()
        let (started, starting) = AsyncStream<Void>.makeStream()
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, attempt in
                        guard attempt == 1 else { return }
                        starting.yield()
                        // Hangs until it is cancelled.
                        for await _ in AsyncStream<Void>.makeStream().stream {}
                        try Task.checkCancellation()
                    }
                )
            },
            options: options,
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let worker = bench.worker()
            async let working: Void = worker.runUntilIdle()
            for await _ in started { break }

            time.advance(by: wait)
            await worker.beat()
            try await working

            let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
            #expect(file.attempts == 1)
            #expect(file.error?.contains(reason) == true, "\(file.error ?? "")")
        }
    }

    @Test func `a lease that lapsed is taken over, and its holder changes nothing any more`() async throws {
        let time = TestTime()
        let (started, starting) = AsyncStream<Void>.makeStream()
        let (goOn, goingOn) = AsyncStream<Void>.makeStream()
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { _, attempt in
                        guard attempt == 1 else { return }
                        starting.yield()
                        for await _ in goOn { break }
                    }
                )
            },
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let sleeper = bench.worker(WorkerOptions(heartbeat: .seconds(86_400)))
            async let sleeping: Void = sleeper.runUntilIdle()
            for await _ in started { break }

            // The sleeper's lease lapses, as it doesn't get to prolong it.
            time.advance(by: .seconds(61))
            let other = try Bench(bench.directory, remote: bench.remote, time: time)
            #expect(try await other.worker().rescue() == 1)
            try await other.work()
            #expect(try await other.state("f.txt") == .remote)
            goingOn.yield()
            try await sleeping

            #expect(try await bench.state("f.txt") == .remote)
            #expect(bench.tree("remote") == ["f.txt"])
            let transferred = try await bench.catalog.events(after: 0, limit: 100).filter { $0.type == .transferred }
            #expect(transferred.count == 1)
        }
    }

    @Test func `a worker asked to stop ends what it is at, and gives back the rest`() async throws {
        let (started, starting) = AsyncStream<Void>.makeStream()
        let (goOn, goingOn) = AsyncStream<Void>.makeStream()
        try await withBench(remote: { directory in
            TestRemote(
                FileSystemStorage(location: directory),
                beforeStore: { _, _ in
                    starting.yield()
                    for await _ in goOn { break }
                }
            )
        }) { bench in
            for number in 0..<10 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            let worker = bench.worker(WorkerOptions(concurrency: 1))
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [.init(service: worker)],
                    logger: .init(label: "test")
                )
            )
            async let running: Void = group.run()
            for await _ in started { break }

            await group.triggerGracefulShutdown()
            goingOn.yield()
            goingOn.finish()
            try await running

            let counts = try #require(try await bench.catalog.counts().first)
            #expect(counts.counts[.remote] == 1)
            #expect(counts.counts[.queued] == 9)
            #expect(try await bench.catalog.leaseholders(storages: ["files"]).values.allSatisfy(\.isEmpty))
        }
    }

    @Test func `a running worker notices files that another process saves`() async throws {
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory)
            let worker = bench.worker()
            let running = Task { try await worker.run() }
            defer { running.cancel() }

            let other = try Bench(directory)
            _ = try await other.storage.save("f.txt", .text("x"))
            try await other.storage.durable("f.txt", on: .remote, within: .seconds(30))

            #expect(bench.bytes("remote/f.txt") == "x")
        }
    }

    @Test func `the local copy stays for its grace, and goes then`() async throws {
        let time = TestTime()
        try await withBench(
            task: .transferAndDelete,
            options: QueuedStorageOptions(localGrace: .seconds(3600)),
            time: time
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(bench.tree("local") == ["f.txt"])

            time.advance(by: .seconds(3601))
            try await bench.work()

            #expect(bench.tree("local").isEmpty)
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `a replacement keeps the name on the remote`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("latest.sql", .text("one"))
            try await bench.work()

            _ = try await bench.storage.save("latest.sql", .text("two"), options: StoreOptions(replaces: true))
            try await bench.work()

            #expect(bench.tree("remote") == ["latest.sql"])
            #expect(bench.bytes("remote/latest.sql") == "two")
            #expect(try await bench.text("latest.sql") == "two")
        }
    }

    /// A replacement waits until the old copy's removal has freed its name on the remote; the removal may end at any moment
    /// of the worker's last look.
    @Test func `nothing stays behind that is freed while the worker looks for the last time`() async throws {
        try await withBench { bench in
            for number in 0..<150 {
                _ = try await bench.storage.save("f.txt", .text("\(number)"), options: StoreOptions(replaces: true))
                try await bench.work()
                try #require(try await bench.state("f.txt") == .remote)
            }
        }
    }

    @Test func `draining waits for what was saved before`() async throws {
        try await withBench { bench in
            for number in 0..<20 { _ = try await bench.storage.save("\(number).txt", .text("x")) }
            let worker = bench.worker()
            let running = Task { try await worker.run() }
            defer { running.cancel() }

            #expect(try await bench.storage.drain(within: .seconds(60)) == 0)
            #expect(bench.tree("remote").count == 20)
        }
    }

    @Test func `draining counts what failed of the files that were saved before, and no others`() async throws {
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { name, _ in
                        if name.hasPrefix("bad") { throw StorageError(.denied, name: name, "not welcome") }
                    }
                )
            }
        ) { bench in
            for name in ["bad.txt", "good.txt"] { _ = try await bench.storage.save(name, .text("x")) }
            let last = try await bench.catalog.lastFileID()
            _ = try await bench.storage.save("bad later.txt", .text("x"))
            try await bench.work()

            #expect(try await bench.storage.drain(within: .seconds(60)) == 2)
            #expect(try await bench.catalog.failedTransfers(upTo: last, in: "files") == 1)
            #expect(try await bench.catalog.failedTransfers(upTo: last, in: nil) == 1)
        }
    }

    @Test func `draining gives up in time`() async throws {
        let time = TestTime()
        try await withBench(time: time) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let draining = Task { try await bench.storage.drain(within: .seconds(5)) }
            let moving = Task {
                while !Task.isCancelled {
                    time.advance(by: .seconds(1))
                    await Task.yield()
                }
            }
            let result = await draining.result
            moving.cancel()

            #expect(throws: TransferError.self) { try result.get() }
        }
    }
}
