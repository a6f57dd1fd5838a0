import Foundation
import GRDB
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct CommitWatchTests {
    @Test(.timeLimit(.minutes(5)))
    func `tells of what was committed while the database could not be asked`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/catalog.sqlite"
            try String(repeating: "no database. ", count: 1000).write(toFile: path, atomically: true, encoding: .utf8)
            let (commits, committing) = AsyncStream<Void>.makeStream()
            let watch = CommitWatch(path: path) { committing.yield() }
            defer { watch.end() }
            var iterator = commits.makeAsyncIterator()
            // The first look, at something that is no database.
            _ = await iterator.next()

            let other = try DatabaseQueue(path: "\(directory)/other.sqlite")
            try await other.write { try $0.execute(sql: "CREATE TABLE photo (title TEXT)") }
            try other.close()
            #expect(rename("\(directory)/other.sqlite", path) == 0)

            #expect(await iterator.next() != nil)
        }
    }
}
