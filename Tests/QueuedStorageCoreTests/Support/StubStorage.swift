import Foundation
import QueuedStorageCore

/// A storage that has names and nothing else, and draws its suffixes from a list.
struct StubStorage: Storage {
    let existing: Set<NameKey>
    let suffixes: Suffixes

    init(existing: [String] = [], suffixes: [String] = []) {
        self.existing = Set(existing.map { NameKey($0) })
        self.suffixes = Suffixes(suffixes)
    }

    var fingerprint: String { "stub" }

    func exists(_ name: String) async throws -> Bool { existing.contains(NameKey(name)) }
    func alternativeName(root: String, ext: String) -> String { "\(root)_\(suffixes.next())\(ext)" }

    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader { throw Self.unsupported }
    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        throw Self.unsupported
    }
    func delete(_ name: String) async throws { throw Self.unsupported }
    func list(_ directory: String) async throws -> DirectoryListing { throw Self.unsupported }
    func size(_ name: String) async throws -> Int64 { throw Self.unsupported }
    func url(_ name: String) async throws -> String { throw Self.unsupported }
    func accessedAt(_ name: String) async throws -> Date { throw Self.unsupported }
    func createdAt(_ name: String) async throws -> Date { throw Self.unsupported }
    func modifiedAt(_ name: String) async throws -> Date { throw Self.unsupported }

    private static var unsupported: StorageError { StorageError(.notSupported, "The stub has only names.") }
}

/// Suffixes in a given order; random ones when they are used up.
final class Suffixes: Sendable {
    private let rest: Shared<[String]>

    init(_ suffixes: [String]) { rest = Shared(suffixes) }

    func next() -> String {
        guard let first = rest.value.first else { return FileName.randomSuffix() }
        rest.value.removeFirst()
        return first
    }
}
