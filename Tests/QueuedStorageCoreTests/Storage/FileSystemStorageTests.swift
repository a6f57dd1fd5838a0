import QueuedStorageCore
import QueuedStorageTesting
import TestSupport
import Testing

@Suite struct FileSystemStorageTests {
    @Test(arguments: StorageRequirement.all)
    func meets(_ requirement: StorageRequirement) async throws {
        try await withTemporaryDirectory { location in
            try await requirement.check(FileSystemStorage(location: location, baseURL: "/media/"))

            #expect(FileSystemStorage(location: location).leftovers == [])
        }
    }

    @Test(arguments: StorageRequirement.all)
    func `meets, where files need a name before they are published,`(_ requirement: StorageRequirement) async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(.init(location: location), namesTemporaries: true)

            try await requirement.check(storage)

            #expect(try await storage.temporaries() == [])
        }
    }

    @Test(arguments: LocalStorageRequirement.all)
    func `meets as a local storage:`(_ requirement: LocalStorageRequirement) async throws {
        try await withTemporaryDirectory { location in
            try await requirement.check { FileSystemStorage(location: location) }

            #expect(FileSystemStorage(location: location).leftovers == [])
        }
    }

    @Test(arguments: LocalStorageRequirement.all)
    func `meets as a local storage without O_TMPFILE:`(_ requirement: LocalStorageRequirement) async throws {
        try await withTemporaryDirectory { location in
            try await requirement.check { FileSystemStorage(.init(location: location), namesTemporaries: true) }
        }
    }
}

@Suite struct InMemoryStorageTests {
    @Test(arguments: StorageRequirement.all)
    func meets(_ requirement: StorageRequirement) async throws {
        try await requirement.check(InMemoryStorage(baseURL: "/media/"))
    }

    @Test(arguments: LocalStorageRequirement.all)
    func `meets as a local storage:`(_ requirement: LocalStorageRequirement) async throws {
        let storage = InMemoryStorage()
        try await requirement.check {
            storage
        } end: { _ in
            storage.endToken()
        }
    }
}

extension FileSystemStorage {
    /// Temporary files that somebody left.
    fileprivate var leftovers: [String] {
        everything(location.path).filter { $0.hasPrefix(".qstore/tmp/") }
    }
}
