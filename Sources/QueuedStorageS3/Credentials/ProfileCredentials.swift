internal import FoundationEssentials
internal import QueuedStorageCore

/// The files of Amazon's tools: `~/.aws/credentials` and `~/.aws/config`.
///
/// Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
package struct ProfileFiles: Sendable {
    /// The profile's name.
    package let profile: String
    /// Whether somebody chose the profile, so that it must be there.
    package let isChosen: Bool
    private let credentialsPath: String
    private let configPath: String

    /// Finds the files.
    ///
    /// - Parameters:
    ///   - environment: The environment, whose `AWS_PROFILE`, `AWS_SHARED_CREDENTIALS_FILE`, `AWS_CONFIG_FILE` and `HOME`
    ///     count.
    ///   - profile: A profile that counts more than the environment's.
    package init(_ environment: ProcessEnvironment, profile: String? = nil) {
        let chosen = profile ?? environment["AWS_PROFILE"] ?? environment["AWS_DEFAULT_PROFILE"]
        self.profile = chosen ?? "default"
        isChosen = chosen != nil
        let home = environment["HOME"] ?? ""
        let path = { (path: String) in path.hasPrefix("~/") ? home + path.dropFirst() : path }
        credentialsPath = path(environment["AWS_SHARED_CREDENTIALS_FILE"] ?? "~/.aws/credentials")
        configPath = path(environment["AWS_CONFIG_FILE"] ?? "~/.aws/config")
    }

    /// The profile's settings, those of the credentials file first.
    ///
    /// - Returns: Lower-case names and their values; nil if neither file has the profile.
    /// - Throws: `StorageError` with `denied` if a file is there and can't be read.
    package func settings() throws -> [String: String]? {
        let credentials = try Self.sections(credentialsPath)[profile]
        let sections = try Self.sections(configPath)
        let config = sections["profile \(profile)"] ?? (profile == "default" ? sections["default"] : nil)
        guard credentials != nil || config != nil else { return nil }
        return (config ?? [:]).merging(credentials ?? [:]) { $1 }
    }

    /// A sentence's name for both files.
    var paths: String { "\(credentialsPath) or \(configPath)" }

    private static func sections(_ path: String) throws -> [String: [String: String]] {
        guard path != "", FileManager.default.fileExists(atPath: path) else { return [:] }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StorageError(.denied, "The file \(path) can't be read; change its owner or its permissions.")
        }
        return parse(String(decoding: data, as: UTF8.self))
    }

    /// Reads sections of `name = value`; an indented line belongs to the setting above it, and is left out.
    package static func parse(_ text: String) -> [String: [String: String]] {
        var sections: [String: [String: String]] = [:]
        var section: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let isIndented = line.first == " " || line.first == "\t"
            let line = trimmed(line)
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first == "[", let end = line.firstIndex(of: "]") {
                let words = line[line.index(after: line.startIndex)..<end].split(whereSeparator: \.isWhitespace)
                section = words.joined(separator: " ")
                sections[section ?? "", default: [:]].merge([:]) { $1 }
            } else if !isIndented, let section, let equals = line.firstIndex(of: "=") {
                let name = trimmed(line[..<equals]).lowercased()
                var value = trimmed(line[line.index(after: equals)...])
                if let comment = value.firstRange(of: " #") { value = trimmed(value[..<comment.lowerBound]) }
                sections[section]?[name] = String(value)
            }
        }
        return sections
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}

/// The keys that a profile has.
package struct ProfileCredentials: CredentialSource {
    private let files: ProfileFiles

    /// Reads a profile's keys.
    ///
    /// - Parameter files: Where they lie.
    package init(_ files: ProfileFiles) { self.files = files }

    package func credentials() async throws -> S3Credentials? {
        let files = files
        return try await blocking { try Self.credentials(files) }
    }

    private static func credentials(_ files: ProfileFiles) throws -> S3Credentials? {
        guard let settings = try files.settings() else {
            guard files.isChosen else { return nil }
            throw invalid("The profile \"\(files.profile)\" is in neither \(files.paths).")
        }
        guard let id = settings["aws_access_key_id"], let secret = settings["aws_secret_access_key"] else {
            guard files.isChosen else { return nil }
            // A profile that only says the region lets the other places serve.
            let wants = ["role_arn", "sso_session", "sso_start_url", "credential_process"]
            guard let wanted = wants.first(where: { settings[$0] != nil }) else { return nil }
            throw invalid(
                "The profile \"\(files.profile)\" gets its keys by \(wanted), which isn't supported; export the keys instead."
            )
        }
        return S3Credentials(
            accessKeyID: id,
            secretAccessKey: secret,
            sessionToken: settings["aws_session_token"]
        )
    }

    private static func invalid(_ message: String) -> StorageError { StorageError(.invalidConfiguration, message) }
}
