internal import FoundationEssentials
internal import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Options {
    /// Refuses values that can't be.
    func validate() throws {
        let refuse = { (option: String, reason: String) in
            throw StorageError(.invalidConfiguration, "The option \"\(option)\" of S3Storage \(reason).")
        }
        if partSize < 5 << 20 || partSize > 5 << 30 { try refuse("partSize", "must be from 5 MiB to 5 GiB") }
        if multipartFrom < 5 << 20 || multipartFrom > 5 << 30 {
            try refuse("multipartFrom", "must be from 5 MiB to 5 GiB")
        }
        if !(1...64).contains(parallelParts) { try refuse("parallelParts", "must be from 1 to 64") }
        if !(1...1024).contains(maxConnections) { try refuse("maxConnections", "must be from 1 to 1024") }
        if urlValidity < .seconds(1) || urlValidity > .seconds(604_800) {
            try refuse("urlValidity", "must be from one second to seven days")
        }
        if let checksum, checksum == .md5 { try refuse("checksum", "is sha256, crc32c or none") }
        if let baseURL, !baseURL.lowercased().hasPrefix("http") {
            try refuse("baseURL", "must begin with https:// or http://")
        }
        if isAnonymous, credentials != nil { try refuse("anonymous", "leaves no use for keys; remove one of them") }
        for (name, value) in metadata {
            let isToken = { (byte: UInt8) in byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: ":") }
            if name == "" || !name.utf8.allSatisfy(isToken) || value.utf8.contains(where: { $0 < 0x20 || $0 > 0x7E }) {
                try refuse("metadata", "has names and values of plain ASCII only; \(FileName.quoted(name)) isn't")
            }
        }
    }

    /// The places where credentials may lie, the first one that has any counts.
    func credentialSources(
        _ environment: ProcessEnvironment,
        _ files: ProfileFiles,
        _ transport: TransportOptions
    ) -> [any CredentialSource] {
        if let credentials { return [FixedCredentials(credentials)] }
        let service = TransportMetadataService(transport)
        var sources: [any CredentialSource] = [EnvironmentCredentials(environment), ProfileCredentials(files)]
        // A profile that was chosen by option counts more than the environment.
        if profile != nil { sources.swapAt(0, 1) }
        return sources + [
            ContainerCredentials(environment, service: service), InstanceCredentials(environment, service: service),
        ]
    }

    /// How the storage connects.
    var transport: TransportOptions {
        var options = TransportOptions()
        options.connectTimeout = connectTimeout
        options.idleTimeout = idleTimeout
        options.totalTimeout = totalTimeout
        options.maxConnections = maxConnections
        options.maxConnectionsPerHost = maxConnections
        options.certificateAuthorities = certificateAuthorities
        if let proxy { options.proxy = .url(proxy) }
        return options
    }
}

/// Asks for credentials over the network, never through a proxy.
private final class TransportMetadataService: MetadataService {
    private let options: TransportOptions

    init(_ options: TransportOptions) {
        var options = options
        options.proxy = .none
        options.connectTimeout = .seconds(1)
        options.idleTimeout = .seconds(1)
        options.totalTimeout = .seconds(2)
        self.options = options
    }

    func ask(
        _ method: String,
        _ url: String,
        headers: [(name: String, value: String)]
    ) async throws -> (status: Int, body: [UInt8]) {
        var fields = HeaderFields()
        for header in headers { fields.add(header.name, header.value) }
        // Asked so seldom that a transport of its own is let go each time.
        let answer = try await Transport(options: options).send(TransportRequest(method, url, headers: fields))
        return (answer.status, try await answer.collect(upTo: 1 << 20))
    }
}
