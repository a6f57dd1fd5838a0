/// A text that must not be shown: whatever prints it prints dots.
public struct Secret: Hashable, Sendable {
    /// The text itself, for who sends it to where it belongs.
    public let value: String

    /// Keeps a text from being shown.
    ///
    /// - Parameter value: The text.
    public init(_ value: String) { self.value = value }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Dots.
    public var description: String { "•••" }
    /// Dots.
    public var debugDescription: String { description }
    /// Nothing.
    public var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}

/// The secrets of one storage that stand in the environment, as `QSTORE_<ALIAS>_PASSWORD` and the like.
public struct StorageSecrets: Sendable {
    private let prefix: String?
    private let environment: [String: String]

    /// No secrets.
    public static let none = Self(prefix: nil, environment: [:])

    /// The secrets of a storage.
    ///
    /// - Parameters:
    ///   - alias: The storage's alias.
    ///   - environment: Names and values of environment variables.
    public init(alias: String, environment: [String: String]) {
        self.init(prefix: Self.prefix(alias), environment: environment)
    }

    private init(prefix: String?, environment: [String: String]) {
        self.prefix = prefix
        self.environment = environment
    }

    /// The secret in the variable that ends so; nil if it isn't set, or empty.
    ///
    /// - Parameter suffix: The variable's end, such as `PASSWORD` or `SECRET_ACCESS_KEY`.
    public subscript(suffix: String) -> Secret? {
        guard let prefix, let value = environment[prefix + suffix], !value.isEmpty else { return nil }
        return Secret(value)
    }

    /// All environment variables, for protocols that have secrets of their own there.
    public var allVariables: [String: String] { environment }

    /// What the variables of an alias begin with: upper-case letters, digits and underscores.
    ///
    /// - Parameter alias: The storage's alias.
    /// - Returns: The beginning, such as `QSTORE_PHOTOS_`; two aliases may share it.
    public static func prefix(_ alias: String) -> String {
        let letters = alias.uppercased().unicodeScalars.map { scalar -> Character in
            let isPlain = scalar.isASCII && (scalar.properties.isAlphabetic || scalar.properties.numericType != nil)
            return isPlain ? Character(scalar) : "_"
        }
        return "QSTORE_\(String(letters))_"
    }
}
