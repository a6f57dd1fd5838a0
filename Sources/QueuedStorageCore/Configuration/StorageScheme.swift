/// A kind of address, and which options of which kind of storage it says.
///
/// A module that brings a remote has one, and adds it to a ``StorageTypes`` beside its kind. What stands after the
/// question mark are options by their own names.
public struct StorageScheme: Sendable {
    /// The schemes that belong to it, in lower case.
    public let names: [String]
    /// How such an address looks.
    public let form: String
    /// The kind of storage, by its name in ``StorageTypes``.
    public let type: String
    private let translate: @Sendable (StorageURL) throws -> [String: OptionValue]

    /// Describes a kind of address.
    ///
    /// - Parameters:
    ///   - names: The schemes that belong to it, in lower case.
    ///   - form: How such an address looks.
    ///   - type: The kind of storage, by its name in ``StorageTypes``.
    ///   - translate: The options that user, host and path say; those after the question mark are added.
    public init(
        _ names: String...,
        form: String,
        type: String,
        translate: @escaping @Sendable (StorageURL) throws -> [String: OptionValue]
    ) {
        self.names = names
        self.form = form
        self.type = type
        self.translate = translate
    }

    /// The options that an address says.
    ///
    /// - Parameter url: An address with one of the schemes.
    /// - Returns: The options of the storage.
    /// - Throws: ``StorageURLError`` that says what is wrong with it.
    public func options(of url: StorageURL) throws -> [String: OptionValue] {
        try translate(url).merging(url.parameters().mapValues { .string($0) }) { _, _ in
            throw StorageURLError("says the same before and after the question mark")
        }
    }
}
