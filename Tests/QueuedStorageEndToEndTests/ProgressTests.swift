import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// What a handle tells of its transfer's progress.
@Suite struct ProgressTests {
    @Test func `progress ends with the size once the file is on the remote`() async throws {
        try await withBench { bench in
            let size: Int64 = 3_000_000
            _ = try await bench.storage.save("f.bin", .bytes([UInt8](repeating: 7, count: Int(size))))
            let progress = try await bench.storage.transfer("f.bin").progress

            try await bench.work()

            #expect(await last(of: progress) == size)
        }
    }

    @Test func `progress ends when the transfer is given up`() async throws {
        try await withBench(
            remote: { directory in
                TestRemote(
                    FileSystemStorage(location: directory),
                    beforeStore: { name, _ in throw StorageError(.denied, name: name, "not welcome") }
                )
            }
        ) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let progress = try await bench.storage.transfer("f.txt").progress

            try await bench.work()

            #expect(await last(of: progress) == nil)
        }
    }

    @Test(arguments: ["cancel", "replace", "delete"])
    func `progress ends when there is nothing to wait for any more`(_ act: String) async throws {
        try await withBench { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            let progress = try await bench.storage.transfer("f.txt").progress

            switch act {
            case "cancel": _ = try await bench.storage.cancelTransfer("f.txt")
            case "replace": _ = try await bench.storage.save("f.txt", .text("y"), options: StoreOptions(replaces: true))
            default: try await bench.storage.delete("f.txt")
            }

            #expect(await last(of: progress) == nil)
        }
    }

    private func last(of progress: AsyncStream<Int64>) async -> Int64? {
        var last: Int64?
        for await byteCount in progress { last = byteCount }
        return last
    }
}
