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
        let results = try await crowd(disk)
        #expect(results.allSatisfy { $0 == nil })
        #expect(disk.made.sorted() == ["all"] + Array(repeating: "sync", count: SyncGroup.concurrency))
        #expect(disk.awaited == 20)
    }

    @Test func `each file hears of its own failure, though all were synced with one call`() async throws {
        let disk = Disk()
        disk.failing.withLock { $0 = ["await"] }
        let results = try await crowd(disk)
        #expect(results.count { $0 == SystemError(EIO, "await") } == 20)
        #expect(results.count { $0 == nil } == SyncGroup.concurrency)
    }

    @Test func `a call for all that fails is believed by nobody, and isn't made again`() async throws {
        let disk = Disk()
        disk.failing.withLock { $0 = ["all"] }
        let group = disk.group()
        let results = try await crowd(disk, group)
        #expect(results.allSatisfy { $0 == nil })
        #expect(disk.made.filter { $0 == "all" }.count == 1)
        #expect(disk.made.filter { $0 == "sync" }.count == SyncGroup.concurrency + 20)
        // From now on nobody waits for others.
        disk.failing.withLock { $0 = ["sync"] }
        let later = try await crowd(disk, group, waiting: 0)
        #expect(later.allSatisfy { $0 == SystemError(EIO, "sync") })
        #expect(disk.made.filter { $0 == "all" }.count == 1)
    }

    @Test func `where much waits to be written, each file is synced by itself`() async throws {
        let disk = Disk(isWorthIt: false)
        let results = try await crowd(disk)
        #expect(results.allSatisfy { $0 == nil })
        #expect(disk.made == Array(repeating: "sync", count: SyncGroup.concurrency + 20))
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

    /// Syncs as many files as may be synced by themselves, and holds these until twenty more wait for them.
    private func crowd(_ disk: Disk, _ group: SyncGroup? = nil, waiting: Int = 20) async throws -> [SystemError?] {
        let group = group ?? disk.group()
        disk.holds.store(waiting > 0, ordering: .sequentiallyConsistent)
        return try await withFile { file in
            try await withThrowingTaskGroup(of: SystemError?.self) { tasks in
                let sync: @Sendable () async throws -> SystemError? = {
                    try await blocking {
                        do {
                            try group.sync(file)
                            return nil
                        } catch let error as SystemError {
                            return error
                        }
                    }
                }
                for _ in 0..<SyncGroup.concurrency { tasks.addTask { try await sync() } }
                if waiting > 0 { for _ in 0..<SyncGroup.concurrency { await disk.held.wait() } }
                for _ in 0..<20 { tasks.addTask { try await sync() } }
                while group.waitingCount < waiting { await Task.yield() }
                disk.holds.store(false, ordering: .sequentiallyConsistent)
                for _ in 0..<SyncGroup.concurrency { disk.release.signal() }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
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
    let holds = Atomic(false)
    let failing = Mutex<Set<String>>([])
    private let isWorthIt: Bool
    private let calls = Mutex<[String]>([])

    init(isWorthIt: Bool = true) { self.isWorthIt = isWorthIt }

    var made: [String] { calls.withLock { $0.filter { $0 != "await" } } }
    var awaited: Int { calls.withLock { $0.count { $0 == "await" } } }

    func group() -> SyncGroup {
        SyncGroup(
            isAble: true,
            calls: SyncCalls(
                sync: { _ in
                    if self.holds.load(ordering: .sequentiallyConsistent) {
                        self.held.continuation.yield()
                        self.release.wait()
                    }
                    try self.make("sync")
                },
                syncFileSystem: { _ in try self.make("all") },
                awaitWriting: { _ in try self.make("await") },
                isGroupWorthIt: { _ in self.isWorthIt }
            )
        )
    }

    private func make(_ call: String) throws {
        calls.withLock { $0.append(call) }
        if failing.withLock({ $0.contains(call) }) { throw SystemError(EIO, call) }
    }
}
