internal import Crypto
package import FoundationEssentials
internal import QueuedStorageCore

/// Signs requests by version 4 of Amazon's signatures.
///
/// Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)": "Signature Calculations for the
/// Authorization Header" and "Authenticating Requests: Using Query Parameters".
package struct RequestSigner: Sendable {
    /// The payload hash of a request whose body isn't signed.
    package static let unsignedPayload = "UNSIGNED-PAYLOAD"
    /// The payload hash of a request without a body: the SHA-256 of nothing.
    package static let emptyPayload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private static let algorithm = "AWS4-HMAC-SHA256"

    private let credentials: S3Credentials
    private let region: String
    private let service: String

    /// Makes a signer.
    ///
    /// - Parameters:
    ///   - credentials: Who asks.
    ///   - region: The region that the request is for.
    ///   - service: The service that the request is for.
    package init(credentials: S3Credentials, region: String, service: String = "s3") {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// Signs a request's headers.
    ///
    /// - Parameters:
    ///   - request: The request; its headers are all signed, and must be sent as they are.
    ///   - payloadHash: The SHA-256 of the body, or ``unsignedPayload``.
    ///   - date: Now, by the server's clock.
    /// - Returns: The headers to send, `authorization` among them, names in lower case, sorted.
    package func headers(
        for request: SignableRequest,
        payloadHash: String,
        at date: Date
    ) -> [(name: String, value: String)] {
        let time = S3Time.basic(date)
        var headers = request.headers.map { (name: $0.name.lowercased(), value: Self.trimmed($0.value)) }
        headers.append(("host", request.host))
        headers.append(("x-amz-content-sha256", payloadHash))
        headers.append(("x-amz-date", time))
        if let token = credentials.sessionToken { headers.append(("x-amz-security-token", token.value)) }
        headers.sort { $0.name < $1.name }
        let names = headers.map(\.name).joined(separator: ";")
        let signature = signature(
            of: request,
            query: request.query,
            headers: headers,
            payloadHash: payloadHash,
            time: time
        )
        let scope = "\(credentials.accessKeyID)/\(scope(time))"
        headers.append(
            (
                "authorization",
                "\(Self.algorithm) Credential=\(scope),SignedHeaders=\(names),Signature=\(signature)"
            )
        )
        return headers
    }

    /// The query that makes an address usable by anyone for a while.
    ///
    /// - Parameters:
    ///   - request: The request; its headers are signed too, so that who uses the address must send them.
    ///   - validity: For how long, at most seven days.
    ///   - date: Now, by the server's clock.
    /// - Returns: The encoded query, the request's own parameters among it.
    package func presignedQuery(for request: SignableRequest, validity: Duration, at date: Date) -> String {
        let time = S3Time.basic(date)
        var headers = request.headers.map { (name: $0.name.lowercased(), value: Self.trimmed($0.value)) }
        headers.append(("host", request.host))
        headers.sort { $0.name < $1.name }
        var query = request.query
        query.append(("X-Amz-Algorithm", Self.algorithm))
        query.append(("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(time))"))
        query.append(("X-Amz-Date", time))
        query.append(("X-Amz-Expires", String(validity.components.seconds)))
        query.append(("X-Amz-SignedHeaders", headers.map(\.name).joined(separator: ";")))
        if let token = credentials.sessionToken { query.append(("X-Amz-Security-Token", token.value)) }
        let signature = signature(
            of: request,
            query: query,
            headers: headers,
            payloadHash: Self.unsignedPayload,
            time: time
        )
        return S3Encoding.query(query) + "&X-Amz-Signature=\(signature)"
    }

    private func scope(_ time: String) -> String { "\(time.prefix(8))/\(region)/\(service)/aws4_request" }

    private func signature(
        of request: SignableRequest,
        query: [(name: String, value: String)],
        headers: [(name: String, value: String)],
        payloadHash: String,
        time: String
    ) -> String {
        var canonical = "\(request.method)\n\(request.path)\n\(S3Encoding.query(query))\n"
        for header in headers { canonical += "\(header.name):\(header.value)\n" }
        canonical += "\n" + headers.map(\.name).joined(separator: ";") + "\n" + payloadHash
        let hash = SHA256.hash(data: Array(canonical.utf8)).hexadecimal
        let text = "\(Self.algorithm)\n\(time)\n\(scope(time))\n\(hash)"

        var key = SymmetricKey(data: Array(("AWS4" + credentials.secretAccessKey.value).utf8))
        for step in [String(time.prefix(8)), region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(step.utf8), using: key))
        }
        return HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key).hexadecimal
    }

    /// A header's value as it is signed: without blanks around it, and single ones inside.
    private static func trimmed(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }
}

/// What of a request is signed.
package struct SignableRequest: Sendable {
    /// The method, in upper case.
    package var method: String
    /// The host, with the port if it isn't the scheme's own.
    package var host: String
    /// The path, percent-encoded as it is sent.
    package var path: String
    /// The query's names and values, not encoded.
    package var query: [(name: String, value: String)]
    /// The headers besides those that signing adds.
    package var headers: [(name: String, value: String)]

    /// Describes a request.
    ///
    /// - Parameters:
    ///   - method: The method, in upper case.
    ///   - host: The host, with the port if it isn't the scheme's own.
    ///   - path: The path, percent-encoded as it is sent.
    ///   - query: The query's names and values, not encoded.
    ///   - headers: The headers besides those that signing adds.
    package init(
        _ method: String,
        host: String,
        path: String,
        query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = []
    ) {
        self.method = method
        self.host = host
        self.path = path
        self.query = query
        self.headers = headers
    }
}
