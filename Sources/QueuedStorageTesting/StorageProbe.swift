import QueuedStorageCore
import Synchronization

/// A storage under test, and names in it that nobody else uses.
struct StorageProbe: Sendable {
    let storage: any Storage
    /// A directory for this check alone, so that many can share a storage.
    let root: String
    private let used = Used()

    private final class Used: Sendable { let names = Mutex<[String]>([]) }

    init(_ storage: any Storage) {
        self.storage = storage
        root = "check-" + String(FileName.randomIdentifier().prefix(12))
    }

    /// A name below the check's directory.
    func name(_ name: String = "a.txt") -> String {
        let full = root + "/" + name
        used.names.withLock { $0.append(full) }
        return full
    }

    /// Removes what the check may have left.
    func cleanUp() async {
        for name in used.names.withLock({ $0 }) { try? await storage.delete(name) }
    }

    @discardableResult
    func store(_ text: String, as name: String, replaces: Bool = false) async throws -> StoredObject {
        try await storage.store(.text(text), as: name, options: StoreOptions(replaces: replaces))
    }

    func text(_ name: String) async throws -> String {
        String(decoding: try await storage.open(name).collect(), as: UTF8.self)
    }

    func bytes(_ name: String, _ range: Range<Int64>? = nil) async throws -> [UInt8] {
        try await storage.open(name, range: range).collect()
    }
}

/// Content for checks: bytes that don't repeat in a short period, so that a piece in the wrong place shows.
func pattern(_ count: Int) -> [UInt8] {
    var state: UInt32 = 0x9E37_79B9
    return (0..<count).map { _ in
        state = state &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: state >> 24)
    }
}

/// A stream of bytes in pieces of odd sizes.
func stream(_ bytes: [UInt8], size: Int64?, then end: (@Sendable () async throws -> Void)? = nil) -> FileContent {
    FileContent(
        .stream(
            FileReader(size: size) {
                let position = Shared(0)
                return {
                    let start = position.value
                    guard start < bytes.count else {
                        try await end?()
                        return nil
                    }
                    position.value = min(start + 70_001, bytes.count)
                    return Array(bytes[start..<position.value])
                }
            }
        )
    )
}

/// Requires an act to fail with one of some codes.
func require(
    _ codes: StorageError.Code...,
    from what: String,
    _ act: () async throws -> some Any
) async throws {
    do {
        _ = try await act()
    } catch let error as StorageError where codes.contains(error.code) {
        return
    } catch {
        let wanted = codes.map(\.description).joined(separator: " or ")
        throw RequirementFailure("\(what) failed, but not with \(wanted): \(error)")
    }
    throw RequirementFailure("\(what) succeeded; it should fail with \(codes[0])")
}

/// Requires an act to fail, in whatever way.
func requireFailure(of what: String, _ act: () async throws -> some Any) async throws {
    do {
        _ = try await act()
    } catch {
        return
    }
    throw RequirementFailure("\(what) succeeded; it should fail")
}
