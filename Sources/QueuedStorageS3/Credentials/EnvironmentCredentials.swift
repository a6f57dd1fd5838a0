internal import FoundationEssentials
internal import QueuedStorageCore

/// The variables of a process's environment.
package struct ProcessEnvironment: Sendable {
    private let variables: [String: String]

    /// Takes variables.
    ///
    /// - Parameter variables: Their values; an empty one counts as not set.
    package init(_ variables: [String: String]) { self.variables = variables.filter { $0.value != "" } }

    /// The variables of this process.
    package static var current: ProcessEnvironment { ProcessEnvironment(ProcessInfo.processInfo.environment) }

    /// The value of a variable; nil if it is empty or not set.
    package subscript(name: String) -> String? { variables[name] }
}

/// The variables that all tools of Amazon's world read.
///
/// Source: AWS SDKs and Tools Reference Guide, "Environment variables".
package struct EnvironmentCredentials: CredentialSource {
    private let environment: ProcessEnvironment

    /// Reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
    ///
    /// - Parameter environment: The environment.
    package init(_ environment: ProcessEnvironment) { self.environment = environment }

    package func credentials() throws -> S3Credentials? {
        switch (environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]) {
        case (nil, nil): return nil
        case (let id?, let secret?):
            return S3Credentials(
                accessKeyID: id,
                secretAccessKey: secret,
                sessionToken: environment["AWS_SESSION_TOKEN"] ?? environment["AWS_SECURITY_TOKEN"]
            )
        case (let id, _):
            throw StorageError(
                .invalidConfiguration,
                """
                The environment has \(id == nil ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID") without \
                \(id == nil ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY"); set both or none.
                """
            )
        }
    }
}
