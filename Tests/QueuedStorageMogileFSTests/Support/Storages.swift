import QueuedStorageCore
import QueuedStorageMogileFS
import TestSupport

extension MogileFSStorage {
    /// A storage on both trackers, or on others.
    static func on(
        _ server: TestServer,
        trackers: [Int]? = nil,
        _ change: (inout Configuration) -> Void = { _ in }
    ) throws -> MogileFSStorage {
        let ports = trackers?.map(String.init) ?? [server["tracker1"], server["tracker2"]]
        var configuration = Configuration(trackers: ports.map { "127.0.0.1:\($0)" }, domain: server["domain"])
        change(&configuration)
        return try MogileFSStorage(configuration)
    }
}

extension Storage {
    @discardableResult
    func put(_ bytes: [UInt8], _ name: String, replaces: Bool = false) async throws -> StoredObject {
        try await store(.bytes(bytes), as: name, options: StoreOptions(replaces: replaces))
    }
}

/// What an act fails with.
func failure(_ act: () async throws -> some Any) async throws -> StorageError {
    do {
        _ = try await act()
    } catch let error as StorageError {
        return error
    }
    throw Unexpected()
}

struct Unexpected: Error {}
