import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

/// A name below the name of a file can't be had.
@Suite struct BlockedNameTests {
    private func refusal(_ body: () async throws -> Void) async -> StorageError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? StorageError
        }
    }

    @Test(arguments: [false, true])
    func `a name below a file is refused before anything is committed`(_ isTransferred: Bool) async throws {
        try await withBench(task: isTransferred ? .transferAndDelete : .transfer) { bench in
            _ = try await bench.storage.save("d/e", .text("file"))
            if isTransferred { try await bench.work() }

            for replaces in [false, true] {
                let refusal = await refusal {
                    _ = try await bench.storage.save(
                        "d/e/g/h.txt",
                        .text("below"),
                        options: StoreOptions(replaces: replaces)
                    )
                }
                #expect(refusal?.code == .notADirectory)
                #expect(refusal?.description.contains("\"d/e\"") == true, "\(refusal?.description ?? "")")
            }

            #expect(try await bench.catalog.files(FileQuery()).map(\.name) == ["d/e"])
            #expect(bench.litter.isEmpty)
        }
    }

    @Test func `a name below a file that nobody knows is refused`() async throws {
        try await withBench { bench in
            _ = try await bench.local.store(.text("foreign"), as: "e", options: StoreOptions())

            #expect(await refusal { _ = try await bench.storage.save("e/g", .text("below")) }?.code == .notADirectory)
        }
    }

    @Test func `a saved file whose directory became a file meanwhile gets another name`() async throws {
        try await withBench { bench in
            let staged = try await bench.storage.stage(.text("below"))
            try await bench.storage.start()
            let row = try await bench.catalog.record(
                NewFile(storage: "files", name: "d/e/g.txt", staged: staged, dueAt: .distantPast)
            )
            _ = try await bench.local.store(.text("foreign"), as: "d/e", options: StoreOptions())

            let file = try await bench.storage.finish(row, SaveRequest(name: row.name))

            #expect(file.name.hasPrefix("d/e_"))
            #expect(file.name.hasSuffix("/g.txt"))
            #expect(bench.bytes("local/\(file.name)") == "below")
            try await bench.work()
            #expect(bench.bytes("remote/\(file.name)") == "below")
            try await bench.storage.settle()
            #expect(try await bench.catalog.unsettled(in: "files").isEmpty)
        }
    }
}
