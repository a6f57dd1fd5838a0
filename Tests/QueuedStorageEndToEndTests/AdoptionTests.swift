import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite
import TestSupport
import Testing

/// What a drop folder takes over from a process that died between the commit and the rename.
@Suite(.timeLimit(.minutes(5))) struct AdoptionTests {
    /// Who takes it over holds the dead one's lock, so that no worker can tell that it is dead.
    @Test func `gives a committed file its name while it holds the lock of who took it`() async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inbox", 0o755)
            try Data("content".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/f.txt"))
            // The steps of a taken file: staging, the commit, the placing.
            let agent = try Agent(directory, step: 3, "watch")
            _ = await agent.end()
            #expect(agent.isKilled)

            let bench = try Bench(directory, alias: "crash")
            #expect(bench.bytes("local/f.txt") == nil)
            #expect(try await bench.catalog.file("f.txt", in: "crash")?.place != nil)
            _ = try await DropFolder("\(directory)/inbox", into: bench.storage).takeOnce()

            #expect(bench.bytes("local/f.txt") == "content")
            #expect(try await bench.catalog.file("f.txt", in: "crash")?.place == nil)
            let taken = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/inbox/.qstore/taken")
            #expect(taken == [])
        }
    }

    @Test func `removes what a process left that died before the folder had its identifier`() async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inbox", 0o755)
            mkdir("\(directory)/inbox/.qstore", 0o700)
            try Data("half".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/.qstore/id.0123456789abcdef"))
            let bench = try Bench(directory, alias: "crash")
            _ = try await DropFolder("\(directory)/inbox", into: bench.storage).takeOnce()
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/inbox/.qstore")
            #expect(!left.contains { $0.hasPrefix("id.") })
        }
    }
}
