import Dispatch
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import QueuedStorageCore

@Suite struct SyncGroupTests {
    @Test func `a lone file is synced by itself, at once`() async throws {
        let disk = Disk()
        try await withFile { file in try disk.group().sync(file) }
        #expect(disk.made == ["sync"])
    }

    @Test func `files that wait while others are synced are made durable with one call`() async throws {
        let disk = Disk()
        let results = try await crowd(disk, disk.group())
        #expect(results == Array(repeating: nil, count: 28))
        // Four alone, four together, and then all that came meanwhile; the first of each group is synced besides.
        #expect(disk.made.sorted() == ["all", "all"] + Array(repeating: "sync", count: 6))
        #expect(disk.awaited == 22)
    }

    @Test func `each file hears of its own failure, though all were synced with one call`() async throws {
        let disk = Disk()
        disk.failing.withLock { $0 = ["await"] }
        let results = try await crowd(disk, disk.group())
        #expect(results.count { $0 == SystemError(EIO, "await") } == 22)
        #expect(results.count { $0 == nil } == 6)
    }

    @Test func `a call for all that fails is believed by nobody, and isn't made again`() async throws {
        let disk = Disk()
        disk.failing.withLock { $0 = ["all"] }
        let group = disk.group()
        let results = try await crowd(disk, group)
        #expect(results == Array(repeating: nil, count: 28))
        #expect(disk.made.sorted() == ["all"] + Array(repeating: "sync", count: 28))
        // From now on nobody waits for others.
        disk.failing.withLock { $0 = ["sync"] }
        let later = try await withFile { try await sync($0, 28, group).end() }
        #expect(later == Array(repeating: SystemError(EIO, "sync"), count: 28))
        #expect(disk.made.count { $0 == "all" } == 1)
    }

    @Test func `no file of a group is synced again once the disk failed to write its cache`() async throws {
        let disk = Disk()
        disk.failing.withLock { $0 = ["sync"] }
        let results = try await crowd(disk, disk.group())
        #expect(results == Array(repeating: SystemError(EIO, "sync"), count: 28))
        // Four alone, the first of the group, and those that weren't in one yet.
        #expect(disk.made.sorted() == ["all"] + Array(repeating: "sync", count: 25))
    }

    @Test func `where much waits to be written, each file is synced by itself`() async throws {
        let disk = Disk(isWorthIt: false)
        let results = try await withFile { try await sync($0, 28, disk.group()).end() }
        #expect(results == Array(repeating: nil, count: 28))
        #expect(disk.made == Array(repeating: "sync", count: 28))
    }

    @Test func `a small file doesn't wait for long while large ones are synced`() async throws {
        let disk = Disk()
        let group = disk.group(patience: .milliseconds(1))
        disk.holds.store(4, ordering: .sequentiallyConsistent)
        try await withFile { file in
            let large = sync(file, SyncGroup.concurrency, group)
            for _ in 0..<SyncGroup.concurrency { await disk.held.wait() }
            let small = try await sync(file, 1, group).end()
            #expect(small == [nil])
            #expect(disk.made == ["sync"])
            for _ in 0..<SyncGroup.concurrency { disk.release.signal() }
            _ = try await large.end()
        }
    }

    @Test func `hundreds of files and their directories are made durable at the same time`() async throws {
        try await withTemporaryDirectory { path in
            let directory = try Directory(path: path)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<256 {
                    group.addTask {
                        try await blocking {
                            let file = try TemporaryFile.make(in: directory, tag: nil) { directory }
                            try [UInt8](repeating: 7, count: 4096).withUnsafeBytes { try file.file.write($0, at: 0) }
                            try file.file.sync()
                            try file.publish(in: directory, as: "\(index)", replacing: false) { directory }
                            try directory.sync()
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try directory.entries().count == 256)
        }
    }

    /// Syncs four files by themselves, then four together, and twenty that come while these are held.
    private func crowd(_ disk: Disk, _ group: SyncGroup) async throws -> [SystemError?] {
        disk.holds.store(SyncGroup.concurrency + 1, ordering: .sequentiallyConsistent)
        return try await withFile { file in
            let alone = sync(file, SyncGroup.concurrency, group)
            for _ in 0..<SyncGroup.concurrency { await disk.held.wait() }
            let together = sync(file, SyncGroup.fewest, group)
            await disk.held.wait()
            let late = sync(file, 20, group)
            while group.waitingCount < 20 { await Task.yield() }
            for _ in 0...SyncGroup.concurrency { disk.release.signal() }
            return try await alone.end() + together.end() + late.end()
        }
    }

    /// Syncs a file many times, at the same time.
    private func sync(_ file: OpenFile, _ count: Int, _ group: SyncGroup) -> Syncs {
        Syncs(
            tasks: (0..<count).map { _ in
                Task {
                    try await blocking {
                        do {
                            try group.sync(file)
                            return nil
                        } catch let error as SystemError {
                            return error
                        }
                    }
                }
            }
        )
    }

    private struct Syncs {
        let tasks: [Task<SystemError?, any Error>]

        func end() async throws -> [SystemError?] {
            var results: [SystemError?] = []
            for task in tasks { results.append(try await task.value) }
            return results
        }
    }

    private func withFile<Value>(_ body: (OpenFile) async throws -> Value) async throws -> Value {
        try await withTemporaryDirectory { path in try await body(Directory(path: path).file) }
    }
}

/// Notes what is asked of it, and does nothing.
private final class Disk: Sendable {
    /// Lets tests wait for calls that are held.
    struct Held: Sendable {
        let stream: AsyncStream<Void>
        let continuation: AsyncStream<Void>.Continuation

        init() { (stream, continuation) = AsyncStream.makeStream() }

        func wait() async { for await _ in stream { return } }
    }

    let held = Held()
    let release = DispatchSemaphore(value: 0)
    /// How many calls are held until they are released.
    let holds = Atomic(0)
    let failing = Mutex<Set<String>>([])
    private let isWorthIt: Bool
    private let calls = Mutex<[String]>([])

    init(isWorthIt: Bool = true) { self.isWorthIt = isWorthIt }

    var made: [String] { calls.withLock { $0.filter { $0 != "await" } } }
    var awaited: Int { calls.withLock { $0.count { $0 == "await" } } }

    func group(patience: DispatchTimeInterval = .seconds(3600)) -> SyncGroup {
        SyncGroup(
            isAble: true,
            calls: SyncCalls(
                sync: { _ in try self.make("sync") },
                syncFileSystem: { _ in try self.make("all") },
                awaitWriting: { _ in try self.make("await") },
                isGroupWorthIt: { _ in self.isWorthIt }
            ),
            patience: patience
        )
    }

    private func make(_ call: String) throws {
        if call != "await", holds.subtract(1, ordering: .sequentiallyConsistent).newValue >= 0 {
            held.continuation.yield()
            release.wait()
        }
        calls.withLock { $0.append(call) }
        if failing.withLock({ $0.contains(call) }) { throw SystemError(EIO, call) }
    }
}
