/// A requirement that isn't met, and how.
public struct RequirementFailure: Error, CustomStringConvertible {
    /// What was expected, and what happened.
    public let description: String

    /// Makes a failure.
    ///
    /// - Parameter message: What was expected, and what happened.
    public init(_ message: String) { description = message }
}
