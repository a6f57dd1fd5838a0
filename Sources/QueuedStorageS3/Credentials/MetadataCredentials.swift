internal import FoundationEssentials
internal import QueuedStorageCore

/// Asks one of the services that give credentials to the machine they run on.
package protocol MetadataService: Sendable {
    /// Sends a request, and gives up after a second.
    ///
    /// - Parameters:
    ///   - method: The method.
    ///   - url: The address.
    ///   - headers: The headers.
    /// - Returns: The answer's status and body.
    /// - Throws: `StorageError` if there is no answer.
    func ask(
        _ method: String,
        _ url: String,
        headers: [(name: String, value: String)]
    ) async throws -> (status: Int, body: [UInt8])
}

/// What the services answer.
private struct MetadataAnswer: Decodable {
    let accessKeyID: String
    let secretAccessKey: String
    let token: String?
    let expiration: String?

    private enum CodingKeys: String, CodingKey {
        case accessKeyID = "AccessKeyId"
        case secretAccessKey = "SecretAccessKey"
        case token = "Token"
        case expiration = "Expiration"
    }

    static func credentials(_ body: [UInt8], from service: String) throws -> S3Credentials {
        guard let answer = try? JSONDecoder().decode(MetadataAnswer.self, from: Data(body)) else {
            throw StorageError(.denied, "The \(service) answered with something that isn't credentials.")
        }
        return S3Credentials(
            accessKeyID: answer.accessKeyID,
            secretAccessKey: answer.secretAccessKey,
            sessionToken: answer.token,
            expiresAt: answer.expiration.flatMap { S3Time.timestamp($0) }
        )
    }
}

/// The credentials of a container, from the endpoint that its environment names.
///
/// Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
package struct ContainerCredentials: CredentialSource {
    private let environment: ProcessEnvironment
    private let service: any MetadataService

    /// Reads `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`, `AWS_CONTAINER_CREDENTIALS_FULL_URI` and the token beside it.
    ///
    /// - Parameters:
    ///   - environment: The environment.
    ///   - service: How to ask.
    package init(_ environment: ProcessEnvironment, service: any MetadataService) {
        self.environment = environment
        self.service = service
    }

    package func credentials() async throws -> S3Credentials? {
        guard let url = try address() else { return nil }
        var headers: [(name: String, value: String)] = []
        if let token = try token() { headers.append(("Authorization", token)) }
        let answer = try await service.ask("GET", url, headers: headers)
        guard answer.status == 200 else {
            throw StorageError(
                .denied,
                "The container's credential endpoint answered with status \(answer.status) instead of credentials."
            )
        }
        return try MetadataAnswer.credentials(answer.body, from: "container's credential endpoint")
    }

    private func address() throws -> String? {
        if let path = environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] { return "http://169.254.170.2" + path }
        guard let url = environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] else { return nil }
        // Keys must not be asked of strangers in plain text.
        let hosts = ["localhost", "127.0.0.1", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]
        guard
            url.hasPrefix("https://")
                || hosts.contains(where: { url.hasPrefix("http://\($0)/") || url.hasPrefix("http://\($0):") })
        else {
            throw StorageError(
                .invalidConfiguration,
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor an address of this machine; it isn't asked."
            )
        }
        return url
    }

    private func token() throws -> String? {
        guard let path = environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] else {
            return environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StorageError(.denied, "The file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, \(path), can't be read.")
        }
        return String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline).first.map(String.init)
    }
}

/// The credentials of a virtual machine, from its metadata service, version 2.
///
/// Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".
package struct InstanceCredentials: CredentialSource {
    private let environment: ProcessEnvironment
    private let service: any MetadataService

    /// Asks the metadata service, unless `AWS_EC2_METADATA_DISABLED` is true.
    ///
    /// - Parameters:
    ///   - environment: The environment; `AWS_EC2_METADATA_SERVICE_ENDPOINT` names another address of the service.
    ///   - service: How to ask.
    package init(_ environment: ProcessEnvironment, service: any MetadataService) {
        self.environment = environment
        self.service = service
    }

    package func credentials() async throws -> S3Credentials? {
        guard environment["AWS_EC2_METADATA_DISABLED"]?.lowercased() != "true" else { return nil }
        var base = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] ?? "http://169.254.169.254"
        while base.last == "/" { base.removeLast() }
        // A machine without the service doesn't answer; that is no failure.
        guard
            let session = try? await service.ask(
                "PUT",
                base + "/latest/api/token",
                headers: [("X-aws-ec2-metadata-token-ttl-seconds", "21600")]
            ), session.status == 200
        else {
            try Task.checkCancellation()
            return nil
        }
        let header = (name: "X-aws-ec2-metadata-token", value: String(decoding: session.body, as: UTF8.self))
        let folder = base + "/latest/meta-data/iam/security-credentials/"
        let roles = try await service.ask("GET", folder, headers: [header])
        guard roles.status == 200,
            let role = String(decoding: roles.body, as: UTF8.self).split(whereSeparator: \.isNewline).first
        else { return nil }
        let answer = try await service.ask("GET", folder + role, headers: [header])
        guard answer.status == 200 else {
            throw StorageError(
                .denied,
                "The instance's metadata service answered with status \(answer.status) instead of credentials."
            )
        }
        return try MetadataAnswer.credentials(answer.body, from: "instance's metadata service")
    }
}
