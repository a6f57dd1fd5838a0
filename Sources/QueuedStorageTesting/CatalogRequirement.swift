public import QueuedStorageCore

/// One thing that every catalog must do, by name.
///
/// Hold a catalog against all of them, each in a test case of its own:
///
/// ```swift
/// @Test(arguments: CatalogRequirement.all)
/// func meets(_ requirement: CatalogRequirement) async throws {
///     try await withTemporaryDirectory { directory in
///         try await requirement.check { try SQLiteCatalog(path: "\(directory)/catalog.sqlite") }
///     }
/// }
/// ```
public struct CatalogRequirement: Sendable, CustomStringConvertible {
    /// What the catalog must do, as a sentence without its subject.
    public let name: String
    private let body: @Sendable (CatalogProbe) async throws -> Void

    init(_ name: String, _ body: @escaping @Sendable (CatalogProbe) async throws -> Void) {
        self.name = name
        self.body = body
    }

    /// The requirement's name.
    public var description: String { name }

    /// All requirements.
    public static let all: [CatalogRequirement] =
        storages + files + names + copies + transfers + claims + outcomes + fences + remoteNames + rescues + views

    /// Checks a catalog.
    ///
    /// - Parameter open: Opens one catalog, which is empty at first; each call gives another handle on it, as another
    ///   process would have.
    /// - Throws: ``RequirementFailure`` if the requirement isn't met, or what the catalog throws.
    public func check(_ open: @escaping @Sendable () async throws -> any Catalog) async throws {
        let catalog = try await open()
        let probe = CatalogProbe(catalog: catalog, other: try await open())
        for alias in CatalogProbe.aliases {
            try await catalog.register(
                StorageRegistration(alias: alias, localID: "local-\(alias)", remoteFingerprint: "remote-\(alias)"),
                acceptingMove: false
            )
        }
        do {
            try await body(probe)
        } catch let failure as RequirementFailure {
            throw RequirementFailure("\(name): \(failure)")
        }
    }
}
