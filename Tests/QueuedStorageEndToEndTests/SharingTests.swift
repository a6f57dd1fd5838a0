import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// Several processes share one catalog.
@Suite struct SharingTests {
    @Test(.timeLimit(.minutes(5)))
    func `two workers and a watcher bring 5,000 dropped files over, each once`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/inbox", withIntermediateDirectories: true)
            let count = 5000
            // Dropped as a whole, once everybody runs.
            try FileManager.default.createDirectory(atPath: "\(directory)/batch", withIntermediateDirectories: true)
            for number in 0..<count {
                try Data("content \(number)".utf8).write(to: URL(fileURLWithPath: "\(directory)/batch/\(number).txt"))
            }
            let agents = [
                try Agent(directory, step: 0, "watch"), try Agent(directory, step: 0, "serve"),
                try Agent(directory, step: 0, "serve"),
            ]
            let bench = try Bench(directory, alias: "crash")
            try FileManager.default.moveItem(atPath: "\(directory)/batch", toPath: "\(directory)/inbox/batch")

            try await bench.storage.waiting(.seconds(240), for: "all files to arrive") {
                try await bench.catalog.counts().first?.counts[.remote] ?? 0 >= count
            }
            for agent in agents { agent.terminate() }
            for agent in agents { #expect(await agent.end().last?.hasPrefix("done") == true) }

            let stores = try #require(bench.bytes("stores.log")).split(separator: "\n")
            #expect(stores.count == count)
            #expect(Set(stores).count == count)
            #expect(bench.tree("remote").count == count)
            #expect(bench.bytes("remote/batch/4711.txt") == "content 4711")
        }
    }
}
