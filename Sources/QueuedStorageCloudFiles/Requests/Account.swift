import QueuedStorageCore
import QueuedStorageTransport

/// Sends requests to an account, with a token that is renewed once when the server no longer takes it.
struct Account: Sendable {
    let session: Session
    let transport: Transport

    /// What is asked of the account.
    struct Request: Sendable {
        var method: String
        /// What follows the account's address, percent-encoded, without a slash at its beginning.
        var path: String
        /// What follows the question mark, percent-encoded.
        var query = ""
        var headers: HeaderFields = [:]
        var body: UploadBody?
        /// The longest silence, if it differs from the usual one.
        var idleTimeout: Duration?
        var progress: (@Sendable (Int64) -> Void)?

        init(_ method: String, _ path: String, query: String = "", headers: HeaderFields = [:], body: UploadBody? = nil)
        {
            self.method = method
            self.path = path
            self.query = query
            self.headers = headers
            self.body = body
        }
    }

    /// Sends a request, a second time if its token has run out.
    ///
    /// - Parameter request: What is asked.
    /// - Returns: The answer, whatever its status is, but for a token that has run out.
    /// - Throws: `StorageError` if there is no answer, or no token to be had.
    func send(_ request: Request) async throws -> TransportResponse {
        let login = try await session.login()
        let answer = try await send(request, login)
        guard answer.status == 401 else { return answer }
        try? await answer.discard()
        let renewed = try await session.renewed(login)
        if let body = request.body, !body.canBeSentAgain {
            throw StorageError(.failed, "The login ran out while content was on its way; it is sent again")
        }
        return try await send(request, renewed)
    }

    private func send(_ request: Request, _ session: Session.Numbered) async throws -> TransportResponse {
        let query = request.query.isEmpty ? "" : "?" + request.query
        var sent = TransportRequest(request.method, "\(session.login.storageURL)/\(request.path)\(query)")
        sent.headers = request.headers
        sent.headers["X-Auth-Token"] = session.login.token.value
        sent.idleTimeout = request.idleTimeout
        sent.progress = request.progress
        if let body = request.body {
            sent.body = body.transportBody()
            // What is refused by its head alone needn't be sent; for little, the answer isn't worth waiting for.
            sent.expectsContinue = body.size > UploadBody.keptByteCount
            // CURLOPT_EXPECT_100_TIMEOUT_MS: Swift always says whether it goes on, and a busy one needs more than a second.
            sent.settings = [.number(option: 227, 10_000)]
        }
        return try await transport.send(sent)
    }
}

extension TransportResponse {
    /// Whether it is a page for people.
    var saysHTML: Bool { headers["Content-Type"]?.lowercased().contains("html") ?? false }

    /// Whether a Swift server wrote it, and not a proxy on the way.
    var isSwifts: Bool {
        ["X-Timestamp", "X-Trans-Id", "X-Openstack-Request-Id"].contains { headers[$0] != nil }
    }

    /// The checksum of what was stored, without the quotes that some answers have around it.
    var etag: String? {
        headers["Etag"].map { $0.filter { $0 != "\"" }.lowercased() }
    }

    /// Whether the object is a list of segments.
    var isSegmented: Bool { headers["X-Static-Large-Object"]?.lowercased() == "true" }

    /// The error that the answer comes to.
    ///
    /// - Parameters:
    ///   - failed: What failed, as the sentence's beginning.
    ///   - name: The file's name, if it is about one.
    ///   - codes: What statuses mean here that usually mean something else.
    /// - Returns: The error.
    func swiftFailure(
        _ failed: String,
        name: String? = nil,
        codes: [Int: StorageError.Code] = [:]
    ) async -> StorageError {
        if (200..<300).contains(status) {
            let form = saysHTML ? "a page of HTML" : "what a Swift server wouldn't"
            return StorageError(
                .failed,
                name: name,
                """
                \(failed): \(FileName.quoted(host)) answered \(status) with \(form), as a proxy or a login page does; \
                check the address.
                """
            )
        }
        // 498 is Swift's own: too many requests for one account or container.
        return await failure(failed, name: name, codes: [422: .damaged, 498: .throttled].merging(codes) { $1 })
    }
}
