import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTesting
import TestSupport
import Testing

/// A bucket is a storage like any other, at each server and with each way of writing.
@Suite struct ConformanceTests {
    /// moto's routes are regular expressions that end at a line break, so that no such key reaches it.
    static let reachingMoto = StorageRequirement.all.filter { !$0.name.contains("new\\nline") }

    @Test(arguments: reachingMoto)
    func `in a bucket of moto, it`(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await S3Server.moto.storage())
    }

    @Test(arguments: StorageRequirement.all)
    func `in a bucket of OpenStack Swift, it`(_ requirement: StorageRequirement) async throws {
        try await requirement.check(try await S3Server.swift.storage())
    }

    @Test(arguments: reachingMoto)
    func `below a prefix, without conditional writes, it`(_ requirement: StorageRequirement) async throws {
        let storage = try await S3Server.moto.storage("prefixed") { options in
            options.location = "media/é +x"
            options.conditionalWrites = .never
            options.checksum = .crc32c
        }
        try await requirement.check(storage)
    }

    @Test(arguments: S3Server.allCases)
    func `says honestly whether the server refuses to overwrite`(_ server: S3Server) async throws {
        let storage = try await server.storage()

        #expect(try await storage.isExclusive == (server == .moto))
        #expect(try await !storage.list("").directories.contains(".qstore"))
    }
}
