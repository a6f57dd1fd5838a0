import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// A worker that begins to read late, when the name it was told has other bytes already.
@Suite struct LateReadingTests {
    @Test func `bytes that replaced a file's aren't sent as that file's`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("a.txt", .text("first"))
            let context = try await bench.claimedTransfer()
            _ = try await bench.storage.save("a.txt", .text("second"), options: StoreOptions(replaces: true))

            await #expect(throws: LostJob.self) { try await context.send() }

            #expect(bench.tree("remote").isEmpty)
        }
    }

    @Test func `bytes of another file that got the name aren't sent as the deleted one's`() async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("a.txt", .text("first"))
            let context = try await bench.claimedTransfer()
            try await bench.storage.delete("a.txt")
            _ = try await bench.storage.save("a.txt", .text("other"))

            await #expect(throws: LostJob.self) { try await context.send() }

            #expect(bench.tree("remote").isEmpty)
        }
    }
}

extension Bench {
    /// Claims the one transfer that is due, as a worker does.
    fileprivate func claimedTransfer() async throws -> TransferContext {
        let lease = Lease(token: try local.token(), bootID: Boot.id, until: time.bootMilliseconds + 60_000)
        let request = ClaimRequest(
            storages: [storage.alias],
            tasks: [storage.alias: ["Transfer"]],
            limit: 1,
            leases: [storage.alias: lease],
            now: time.now
        )
        let job = try #require(try await catalog.claim(request).first)
        return TransferContext(
            job: job,
            file: try #require(job.file),
            local: local,
            remote: remote,
            verification: .size,
            catalog: catalog,
            time: time,
            observe: { _ in }
        )
    }
}
