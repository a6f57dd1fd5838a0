import Foundation
import Glibc
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageIngest

/// What may happen between a look at a file and its move.
@Suite struct TakenEntryTests {
    @Test func `keeps a file that was replaced twice while it was taken, and takes all of them`() async throws {
        try await withTemporaryDirectory { directory in
            let path = "\(directory)/inbox"
            for name in ["", "/sub"] { mkdir(path + name, 0o755) }
            write("first", to: "\(path)/sub/a")

            try takeWhileReplaced(path)
            let sink = DirectorySink("\(directory)/sink")
            var summary: DropFolderSummary?
            while summary == nil {
                do {
                    summary = try await takeOnce(path, into: sink)
                } catch let error where "\(error)".contains("is being watched") {
                    // A child that another test is just starting still has the first one's lock.
                    await Task.yield()
                }
            }

            #expect(summary?.taken == 2)
            #expect(Set(sink.saved) == Set(["second", "third"].map { .init(name: "sub/a", bytes: Array($0.utf8)) }))
            #expect(left(path, "taken") == [])
        }
    }

    private func takeWhileReplaced(_ path: String) throws {
        let inbox = try Inbox(opening: path)
        let directory = try inbox.root.directory("sub")
        let file = try directory.open("a".utf8)
        let found = FoundFile(path: DropPath("sub/a"), file: file, status: try file.status(), isLeased: true)
        unlink("\(path)/sub/a")
        write("second", to: "\(path)/sub/a")
        rename("\(path)/sub", "\(path)/.away")
        mkdir("\(path)/sub", 0o755)
        write("third", to: "\(path)/sub/a")

        let taking = try TakenEntry.take(found, from: directory, into: inbox, id: "1", companionKinds: [])

        guard case .other(let entry) = taking else {
            Issue.record("the second file was taken for the first")
            return
        }
        #expect(entry.path == DropPath("sub/a"))
    }
}
