import QueuedStorageCore
import QueuedStorageSFTP
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct `SFTP storage on OpenSSH's server` {
    /// One for all, as its connections cost more than a check.
    private static let storage = Task { try SFTPStorage.openSSH(try await TestServer.shared("sftp")) }

    @Test(arguments: StorageRequirement.all)
    func meets(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await Self.storage.value)
    }

    @Test func `decides itself that a name was free`() async throws {
        #expect(try await Self.storage.value.isExclusive)
    }
}

@Suite struct `SFTP storage on rclone's server` {
    private static let storage = Task { try SFTPStorage.password(try await TestServer.shared("sftp-password")) }

    /// rclone 1.60 says of a file with a control character in its name that it isn't there, and empties each file that is
    /// opened to be written.
    private static let impossible = [
        #"keeps the name "new\nline.txt" exactly, or refuses it"#,
        #"keeps the name "tab\t.txt" exactly, or refuses it"#,
        "takes an upload in pieces, and shows it at the end", "keeps the upload when its last piece fails",
    ]

    @Test(arguments: StorageRequirement.all.filter { !impossible.contains($0.name) })
    func meets(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await Self.storage.value)
    }

    @Test func `knows that the server replaces files by renaming`() async throws {
        #expect(try await !Self.storage.value.isExclusive)
    }

    @Test func `begins an upload again that can't be appended to`() async throws {
        let storage = try SFTPStorage.password(try await TestServer.shared("sftp-password"))
        let upload = Upload(id: "again", name: "again.bin")
        let bytes = pattern(300_000)

        #expect(try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions()) == 300_000)
        #expect(storage.resumableFrom == 8 << 20)
        #expect(try await storage.uploadedByteCount(upload) == 0)

        #expect(storage.resumableFrom == .max)
        var end: Int64?
        while end == nil {
            do {
                end = try await storage.append(.bytes(bytes), to: upload, at: 0, options: StoreOptions())
            } catch let error as StorageError where error.code == .notFound {
                // The server is still putting the file of the first time into its place.
            }
        }
        #expect(end == 300_000)
        #expect(try await storage.finish(upload, options: StoreOptions()).size == 300_000)
        #expect(try await storage.open("again.bin").collect() == bytes)
        try await storage.delete("again.bin")
    }
}
