import FoundationEssentials
import Testing

@testable import QueuedStorageCore

@Suite struct WorkerScheduleTests {
    @Test func `many small files on their way to a directory run at the same time`() {
        var schedule = schedule(concurrency: 4, quick: 64, directories: ["a"])
        #expect(schedule.add((0..<100).map { job($0, in: "a", size: 10_000) }).isEmpty)
        #expect(start(&schedule) == Array(0..<64))
    }

    @Test func `larger files, and those on their way elsewhere, run as few at a time as ever`() {
        var schedule = schedule(concurrency: 4, quick: 64, directories: ["a"])
        let small = (0..<10).map { job($0, in: "remote", size: 10_000) }
        let larger = (10..<20).map { job($0, in: "a", size: 1 << 20) }
        let quick = (20..<30).map { job($0, in: "a", size: 10_000) }
        #expect(schedule.add(small + larger + quick).isEmpty)
        #expect(start(&schedule) == Array(0..<4) + Array(20..<30))
        // One of the slow ones ends, and the next of them begins.
        schedule.end(small[0].ticket)
        #expect(start(&schedule) == [4])
    }

    @Test func `tasks of the application run as few at a time as ever`() {
        var schedule = schedule(concurrency: 4, quick: 64, directories: ["a"])
        var jobs = (0..<10).map { job($0, in: "a", size: 10) }
        for index in jobs.indices { jobs[index].task = "Develop" }
        #expect(schedule.wanted == 64)
        #expect(schedule.add(jobs).isEmpty)
        #expect(start(&schedule) == Array(0..<4))
        #expect(schedule.wanted == 54)
    }

    @Test func `a number of transfers that was asked for holds for all of them`() {
        let options = WorkerOptions(concurrency: 2)
        #expect(options.quickConcurrency == 2)
        var changed = WorkerOptions()
        changed.concurrency = 2
        #expect(changed == options)
        var schedule = schedule(concurrency: 2, quick: options.quickConcurrency, directories: ["a"])
        #expect(schedule.add((0..<10).map { job($0, in: "a", size: 1) }).isEmpty)
        #expect(start(&schedule) == [0, 1])
    }

    @Test func `copies that are removed here don't wait for transfers`() {
        var schedule = schedule(concurrency: 1, quick: 64, directories: ["a"])
        let transfers = (0..<3).map { job($0, in: "remote", size: 1) }
        let removals = (3..<6).map { job($0, .deleteLocal, in: "remote", size: 1) }
        #expect(schedule.add(transfers + removals).isEmpty)
        #expect(start(&schedule) == [0, 3, 4, 5])
    }

    private func schedule(concurrency: Int, quick: Int, directories: Set<String>) -> WorkerSchedule {
        WorkerSchedule(
            concurrency: concurrency,
            quickConcurrency: quick,
            prefetch: 60,
            quickTasks: Dictionary(uniqueKeysWithValues: directories.map { ($0, ["Transfer"]) }),
            intervals: [:]
        )
    }

    /// Starts all that may start now.
    private func start(_ schedule: inout WorkerSchedule) -> [Int64] {
        var started: [Int64] = []
        while let running = schedule.start(now: 0) { started.append(running.job.id) }
        return started
    }

    private func job(_ id: Int, _ kind: JobKind = .transfer, in storage: String, size: Int64) -> TransferJob {
        let file = StoredFile(
            id: Int64(id),
            storage: storage,
            name: "\(id)",
            generation: 1,
            place: nil,
            replaces: false,
            hasLocal: true,
            remoteName: nil,
            size: size,
            sha256: nil,
            contentType: nil,
            state: .transferring,
            task: "Transfer",
            owner: nil,
            createdAt: .distantPast,
            modifiedAt: .distantPast,
            transferredAt: nil,
            attempts: 0,
            error: nil,
            dueAt: nil
        )
        return TransferJob(
            id: Int64(id),
            kind: kind,
            fence: 1,
            tries: 0,
            dueAt: .distantPast,
            storage: storage,
            file: file,
            generation: 1,
            remoteName: "\(id)",
            task: "Transfer"
        )
    }
}
