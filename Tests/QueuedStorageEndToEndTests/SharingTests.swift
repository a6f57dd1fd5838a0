import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// Several processes share one catalog.
@Suite struct SharingTests {
    @Test func `two workers and a watcher bring 5,000 dropped files over, each once`() async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/inbox", withIntermediateDirectories: true)
            let count = 5000
            try FileManager.default.createDirectory(atPath: "\(directory)/batch", withIntermediateDirectories: true)
            for number in 0..<count {
                try Data("content \(number)".utf8).write(to: URL(fileURLWithPath: "\(directory)/batch/\(number).txt"))
            }
            // They make the catalog and the directories all at once, and the files come as a whole meanwhile.
            let agents = [
                try Agent(directory, step: 0, "watch"), try Agent(directory, step: 0, "serve"),
                try Agent(directory, step: 0, "serve"),
            ]
            let bench = try Bench(directory, alias: "crash")
            try FileManager.default.moveItem(atPath: "\(directory)/batch", toPath: "\(directory)/inbox/batch")

            try await arrival(of: count, bench, agents)
            for agent in agents { agent.terminate() }
            for agent in agents { #expect(await agent.end().last?.hasPrefix("done") == true, "\(agent.ending)") }

            let stores = try #require(bench.bytes("stores.log")).split(separator: "\n")
            #expect(stores.count == count)
            #expect(Set(stores).count == count)
            #expect(bench.tree("remote").count == count)
            #expect(bench.bytes("remote/batch/4711.txt") == "content 4711")
        }
    }

    /// Waits until so many files are on the remote, however long it takes, as long as something moves.
    private func arrival(of count: Int, _ bench: Bench, _ agents: [Agent]) async throws {
        let counts = { @Sendable in try await bench.catalog.counts().first?.counts ?? [:] }
        var last = try await counts()
        while last[.remote, default: 0] < count {
            let before = last
            do {
                try await bench.storage.waiting(.seconds(90), for: "anything to move") { try await counts() != before }
            } catch {
                let stuck =
                    try await bench.catalog.files(FileQuery(state: .transferring, limit: 5))
                    + bench.catalog.files(FileQuery(state: .queued, limit: 5))
                let facts = [
                    "\(error)", "before: \(Self.text(before)); now: \(Self.text(try await counts()))",
                    "\(bench.tree("inbox").count) files lie in the inbox", "stuck: \(stuck)",
                    "leases: \(try await bench.catalog.leaseholders(storages: ["crash"]))",
                ]
                Issue.record("\((facts + agents.map(\.ending)).joined(separator: "\n"))")
                throw error
            }
            last = try await counts()
        }
    }

    private static func text(_ counts: [FileState: Int]) -> String {
        counts.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", ")
    }
}
