internal import FoundationEssentials
internal import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Storage {
    /// The address of a file: below `baseURL` if there is one, else the bucket's, signed if the options say so.
    public func url(_ name: String) async throws -> String {
        if let base = options.baseURL {
            let path = try location.key(name).percentEncoded(keepingSlashes: true)
            return (base.utf8.last == UInt8(ascii: "/") ? base : base + "/") + path
        }
        guard options.signsURLs, client.credentials != nil else {
            return client.endpoint.url(client.endpoint.path(try location.key(name)))
        }
        return try await signedURL(name)
    }

    /// Returns an address that does one thing with one file for a while, for whoever has it.
    ///
    /// ```swift
    /// let address = try await storage.signedURL("report.pdf", validity: .seconds(600),
    ///     parameters: ["response-content-disposition": "attachment"])
    /// ```
    ///
    /// - Parameters:
    ///   - name: The file's name; the file needn't exist.
    ///   - validity: For how long, at most seven days; what the options say if nil. Temporary credentials may end earlier,
    ///     and the address with them.
    ///   - method: What is allowed: `GET`, `HEAD`, `PUT` or `DELETE`.
    ///   - parameters: What the request says besides, such as `response-content-type`.
    /// - Returns: The address.
    /// - Throws: `StorageError` with `invalidName` if the name leads out of the storage, or with
    ///   `invalidConfiguration` if there are no credentials, or the time is too long.
    public func signedURL(
        _ name: String,
        validity: Duration? = nil,
        method: String = "GET",
        parameters: [String: String] = [:]
    ) async throws -> String {
        let key = try location.key(name)
        let validity = validity ?? options.urlValidity
        guard validity >= .seconds(1), validity <= .seconds(604_800) else {
            throw StorageError(
                .invalidConfiguration,
                name: name,
                "An address can be valid from one second to seven days."
            )
        }
        guard let credentials = try await client.credentials?.credentials() else {
            throw StorageError(
                .invalidConfiguration,
                name: name,
                "The storage is anonymous: it has no key to sign addresses with."
            )
        }
        let path = client.endpoint.path(key)
        let query = RequestSigner(credentials: credentials, region: client.region).presignedQuery(
            for: SignableRequest(
                method,
                host: client.endpoint.host,
                path: path,
                query: parameters.map { (name: $0.key, value: $0.value) }
            ),
            validity: validity,
            at: client.now
        )
        return client.endpoint.url(path, query: query)
    }
}
