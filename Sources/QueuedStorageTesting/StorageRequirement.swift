public import QueuedStorageCore

/// One thing that every storage must do, by name.
///
/// Hold a storage against all of them, each in a test case of its own. What only some storages can do is checked of
/// those whose type says that they can.
/// ```swift
/// @Test(arguments: StorageRequirement.all)
/// func meets(_ requirement: StorageRequirement) async throws {
///     try await withTemporaryDirectory { try await requirement.check(FileSystemStorage(location: $0)) }
/// }
/// ```
public struct StorageRequirement: Sendable, CustomStringConvertible {
    /// What the storage must do, as a sentence without its subject.
    public let name: String
    private let body: @Sendable (StorageProbe) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (StorageProbe) async throws -> Void) {
        self.name = name
        self.body = body
    }

    /// The requirement's name.
    public var description: String { name }

    /// All requirements.
    public static let all: [StorageRequirement] = reading + writing + failing + naming + listing + abilities

    /// Checks a storage.
    ///
    /// - Parameter storage: The storage; it may hold other files, which the check doesn't touch.
    /// - Throws: ``RequirementFailure`` if the requirement isn't met, or what the storage throws.
    public func check(_ storage: any Storage) async throws {
        let probe = StorageProbe(storage)
        do {
            try await body(probe)
            await probe.cleanUp()
        } catch {
            await probe.cleanUp()
            if let failure = error as? RequirementFailure { throw RequirementFailure("\(name): \(failure)") }
            throw error
        }
    }
}
