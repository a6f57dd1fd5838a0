import QueuedStorageCore
import QueuedStorageTesting
import TestSupport
import Testing

/// A queued storage is a storage like any other, whichever side serves a file.
@Suite struct ConformanceTests {
    @Test(arguments: StorageRequirement.all)
    func `while files wait for their transfer, it`(_ requirement: StorageRequirement) async throws {
        try await withBench(delayed: true) { bench in
            try await requirement.check(bench.storage)
        }
    }

    @Test(arguments: StorageRequirement.all)
    func `while a worker brings files away, it`(_ requirement: StorageRequirement) async throws {
        try await withBench(task: .transferAndDelete) { bench in
            let worker = bench.worker()
            let running = Task { try await worker.run() }
            defer { running.cancel() }

            try await requirement.check(bench.storage)
        }
    }
}
