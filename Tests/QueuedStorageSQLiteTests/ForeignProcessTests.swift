import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct ForeignProcessTests {
    @Test func `lets processes open one new file at once`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            try await withThrowingTaskGroup { group in
                for number in 0..<4 {
                    group.addTask {
                        await #expect(processExitsWith: .success) { [path = path as String, number = number as Int] in
                            let catalog = try SQLiteCatalog(path: path)
                            try await catalog.register(photos, acceptingMove: false)
                            _ = try await catalog.record(newFile("\(number)"))
                        }
                    }
                }
                try await group.waitForAll()
            }

            let catalog = try SQLiteCatalog(path: path, creates: false)
            #expect(try await catalog.counts().map(\.counts) == [[.queued: 4]])
        }
    }

    @Test func `notices the commit of another process`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            let catalog = try SQLiteCatalog(path: path)
            try await catalog.register(photos, acceptingMove: false)
            let changes = catalog.changes

            await #expect(processExitsWith: .success) { [path = path as String] in
                _ = try await SQLiteCatalog(path: path).record(newFile("a.txt"))
            }

            for await _ in changes where try await catalog.file("a.txt", in: "photos") != nil { break }
        }
    }

    @Test func `keeps what a process recorded before it was killed`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"

            await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
                let catalog = try SQLiteCatalog(path: path)
                try await catalog.register(photos, acceptingMove: false)
                _ = try await catalog.record(newFile("a.txt"))
                kill(getpid(), SIGKILL)
            }

            let catalog = try SQLiteCatalog(path: path, creates: false)
            #expect(try await catalog.claim(.photos()).map { $0.file?.name } == ["a.txt"])
        }
    }
}
