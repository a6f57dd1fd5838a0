import QueuedStorageCore
import TestSupport
import Testing

@Suite struct FileSystemStorageTests {
    @Test func `saves a second file of a name under another one`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = FileSystemStorage(location: directory)

            let first = try await storage.save("a/b.txt", .text("one"))
            let second = try await storage.save("a/b.txt", .text("two"))

            #expect(first == "a/b.txt")
            #expect(try tree(directory) == [first: "one", second: "two"])
        }
    }
}
