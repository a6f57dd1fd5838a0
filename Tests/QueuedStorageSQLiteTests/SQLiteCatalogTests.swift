import Foundation
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import Testing

@Suite struct SQLiteCatalogTests {
    @Test func `keeps a file from its save to the end of its last copy`() async throws {
        try await withCatalog { catalog in
            let file = try await catalog.record(newFile("a.txt"))
            try await catalog.settle([file])
            let job = try #require(try await catalog.claim(.photos()).first)
            let completion = TransferCompletion(
                ticket: job.ticket,
                remoteName: "a.txt",
                sha256: nil,
                deleteLocalAt: .distantPast
            )

            #expect(try await catalog.complete(completion))
            #expect(try await catalog.claim(.photos()).map(\.kind) == [.deleteLocal])
            let remote = try #require(try await catalog.file("a.txt", in: "photos"))
            #expect(try await catalog.removeLocal(remote) { _ in })
            #expect(try await catalog.delete("a.txt", in: "photos")?.state == .deleting)
            let deletion = try #require(try await catalog.claim(.photos()).first)
            #expect(deletion.kind == .deleteRemote)
            #expect(try await catalog.completeDeletion(deletion.ticket))

            #expect(try await catalog.file(id: file.id) == nil)
            #expect(
                try await catalog.events(after: 0, limit: 100).map(\.type)
                    == [.queued, .started, .transferred, .deleted]
            )
            #expect(try await catalog.counts().map(\.counts) == [[:]])
        }
    }
}
