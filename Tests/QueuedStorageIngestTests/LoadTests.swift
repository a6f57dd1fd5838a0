import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import TestSupport
import Testing

/// A drop folder with a great many files, and one with none.
@Suite struct LoadTests {
    @Test func `takes 100,000 files in little memory`() async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inbox", 0o755)

            await #expect(processExitsWith: .success) { [directory = directory as String] in
                let count = 100_000
                for number in 0..<count { write("x", to: "\(directory)/inbox/f\(number)") }
                let summary = try await takeOnce("\(directory)/inbox", into: CountingSink())

                var usage = rusage()
                getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
                #expect(summary.taken == count)
                #expect(usage.ru_maxrss < 150 << 10)
            }
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `uses no processor time while nothing happens`(_ kernel: KernelSource) async throws {
        await #expect(processExitsWith: .success) { [kernel = kernel as KernelSource] in
            try await withDropFolder(kernel.source, returnInterval: .seconds(2)) { it in
                write("x", to: it.path("a"))
                await it.log.waitForTaken("a")
                // The only way to see that nothing happens is to let some time pass.
                let before = clock()
                try await Task.sleep(for: .seconds(3))
                #expect(clock() - before < CLOCKS_PER_SEC / 100)
            }
        }
    }
}

/// A sink that only says that it saved.
private struct CountingSink: DropSink {
    let alias = "test"
    let occupiedPaths: [String] = []

    func begin(_ folder: DropFolderRegistration) async throws {}
    func take(_ drop: DroppedFile) async throws -> DropOutcome {
        .saved(.stored(drop.name, size: 1), .copied(CopiedEntry(drop.taken, sha256: nil)))
    }
    func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState] { [:] }
    func forget(takenEntries entries: [String]) async throws {}
}
