import Foundation
import QueuedStorageCore
import QueuedStorageSQLite

extension Plan {
    /// How many jobs a second are queued, and claimed and completed, one by one and in batches; every commit is synced.
    func jobs() async throws -> [Row] {
        var enqueued: [Int: [Double]] = [:]
        var done: [Int: [Double]] = [:]
        for _ in 0..<(isQuick ? 1 : rounds) {
            for (atATime, count) in [(1, 500), (100, 40_000)] {
                let count = number(count)
                try await withDirectory { directory in
                    let queue = try await Queue(directory)
                    let took = try await seconds { try await queue.enqueue(count, atATime: atATime) }
                    enqueued[atATime, default: []].append(Double(count) / took)
                    let batch = atATime == 1 ? 1 : 128
                    done[batch, default: []].append(
                        Double(count) / (try await seconds { try await queue.claimAndComplete(count, batch: batch) })
                    )
                }
            }
        }
        func row(_ title: String, _ values: [Double]?, aim: String?) -> Row {
            Row(.rate(title, "jobs/s", aim: aim), ours: Samples(name: "qstore", values: values ?? []))
        }
        return [
            row("enqueue, one by one", enqueued[1], aim: nil),
            row("enqueue, 100 at a time", enqueued[100], aim: "60000"),
            row("claim + complete, one by one", done[1], aim: nil),
            row("claim + complete, batches of 128", done[128], aim: "50000"),
        ]
    }
}

/// A catalog with jobs for files whose bytes nobody looks at.
private struct Queue: Sendable {
    let catalog: SQLiteCatalog

    init(_ directory: String) async throws {
        catalog = try SQLiteCatalog(path: "\(directory)/catalog.sqlite")
        let registration = StorageRegistration(alias: "bench", localID: "bench", remoteFingerprint: "bench")
        try await catalog.register(registration, acceptingMove: false)
    }

    func enqueue(_ count: Int, atATime: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for first in 0..<atATime {
                group.addTask {
                    for index in stride(from: first, to: count, by: atATime) {
                        _ = try await catalog.record(
                            NewFile(
                                storage: "bench",
                                name: Installation.name(index),
                                staged: StagedFile(place: "staging/T/\(index)", size: 1, contentType: nil),
                                dueAt: .distantPast
                            )
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    func claimAndComplete(_ count: Int, batch: Int) async throws {
        let request = ClaimRequest(
            storages: ["bench"],
            tasks: ["bench": ["Transfer"]],
            limit: batch,
            leases: ["bench": Lease(token: "T", bootID: "B", until: .max)],
            now: Date().addingTimeInterval(1)
        )
        var rest = count
        while rest > 0 {
            let jobs = try await catalog.claim(request)
            guard !jobs.isEmpty else { throw Child.Failure(description: "\(rest) jobs were not to be had") }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for job in jobs {
                    group.addTask {
                        try await catalog.complete(
                            TransferCompletion(
                                ticket: job.ticket,
                                remoteName: job.remoteName ?? "",
                                sha256: nil,
                                deleteLocalAt: nil
                            )
                        )
                    }
                }
                for try await counted in group where !counted {
                    throw Child.Failure(description: "a completion did not count")
                }
            }
            rest -= jobs.count
        }
    }
}
