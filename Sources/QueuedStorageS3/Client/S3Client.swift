internal import Crypto
package import FoundationEssentials
package import QueuedStorageCore
package import QueuedStorageTransport

/// Signs requests, sends them, tries again what is worth it, and says what went wrong.
package struct S3Client: Sendable {
    /// How often an act is tried that fails in a way that passes.
    private static let attempts = 4
    /// The longest time that a server may ask for before the queue is told instead.
    private static let longestPause = Duration.seconds(2)

    package let endpoint: S3Endpoint
    package let region: String
    /// Who asks; nobody if nil.
    let credentials: CredentialCache?
    let transport: Transport
    let time: any TimeSource
    let requesterPays: Bool
    /// How far the server's clock is ahead of ours, once it mattered.
    private let skew = Shared<TimeInterval>(0)

    package init(
        endpoint: S3Endpoint,
        region: String,
        credentials: CredentialCache?,
        transport: Transport,
        time: any TimeSource = SystemTime(),
        requesterPays: Bool = false
    ) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
        self.transport = transport
        self.time = time
        self.requesterPays = requesterPays
    }

    /// Now, by the server's clock as far as it is known.
    package var now: Date { time.now.addingTimeInterval(skew.value) }

    /// Sends a request and reads the whole answer.
    func collect(_ request: S3Request, upTo maxSize: Int = 64 << 20) async throws -> (S3Response, [UInt8]) {
        let response = try await send(request)
        do {
            return (response, try await response.body.collect(upTo: maxSize))
        } catch let error as StorageError {
            throw StorageError(error.code, name: request.name, error.message, cause: error.cause)
        }
    }

    /// Sends a request whose answer is an XML document.
    func document(_ request: S3Request) async throws -> XMLTree {
        for attempt in 1... {
            let (response, bytes) = try await collect(request)
            // Well-formed HTML is XML, too.
            guard let node = XMLTree.parse(bytes), node.name.lowercased() != "html" else {
                let failure = S3Failure(
                    status: response.status,
                    code: "HTTP \(response.status)",
                    message: "",
                    isPage: true
                )
                throw failure.error(request.verb, request.name, bucket: endpoint.bucket)
            }
            guard node.name == "Error" else { return node }
            // Completing and copying answer 200 first, and say later that they failed.
            let failure = S3Failure(status: response.status, headers: response.headers, error: node)
            guard failure.isTransient, attempt < Self.attempts else {
                throw failure.error(request.verb, request.name, bucket: endpoint.bucket)
            }
            try await pause(after: attempt, failure.retryAfter)
        }
        preconditionFailure("The loop only ends by returning or throwing.")
    }

    /// Sends a request.
    ///
    /// - Returns: The answer, if it is a success; its content is still to be read.
    /// - Throws: `StorageError`, or ``S3Refusal`` where `refusals` has the code.
    func send(_ request: S3Request, refusals: Set<String> = []) async throws -> S3Response {
        var expired: S3Credentials?
        var wasSkewed = false
        var attempt = 1
        while true {
            try Task.checkCancellation()
            let signedBy = try await credentials?.credentials(insteadOf: expired)
            let response: TransportResponse
            do {
                response = try await transport.send(signed(request, by: signedBy))
            } catch let error as StorageError {
                guard attempt < Self.attempts, error.code == .failed else { throw about(request, error) }
                try await pause(after: attempt, nil)
                attempt += 1
                continue
            }
            if (200..<300).contains(response.status), let answer = try await accepted(response, request) {
                return answer
            }
            var failure = try await Self.failure(response)
            failure.meansTaken = failure.status == 412 && request.headers.contains { $0.name == "if-none-match" }
            if failure.meansExpired || isBare(failure, 400, request), expired == nil, let signedBy,
                let credentials, let other = try? await credentials.credentials(insteadOf: signedBy),
                !other.isSameKey(as: signedBy)
            {
                expired = signedBy
                continue
            }
            if !wasSkewed, failure.code == "RequestTimeTooSkewed" || isBare(failure, 403, request),
                learnSkew(response)
            {
                wasSkewed = true
                continue
            }
            // Who asks to be left alone for long is left alone by the whole queue, not by this request only.
            if failure.isTransient || failure.storageCode == .throttled, attempt < Self.attempts,
                (failure.retryAfter ?? .zero) <= Self.longestPause
            {
                try await pause(after: attempt, failure.retryAfter)
                attempt += 1
                continue
            }
            if refusals.contains(failure.code) { throw S3Refusal(failure: failure, attempt: attempt) }
            throw failure.error(request.verb, request.name, bucket: endpoint.bucket)
        }
    }

    /// The request as it is sent.
    private func signed(_ request: S3Request, by credentials: S3Credentials?) -> TransportRequest {
        let path = endpoint.path(request.key)
        var headers = request.headers
        if requesterPays { headers.append(("x-amz-request-payer", "requester")) }
        var fields = HeaderFields()
        if let credentials {
            let signer = RequestSigner(credentials: credentials, region: region)
            let signable = SignableRequest(
                request.method,
                host: endpoint.host,
                path: path,
                query: request.query,
                headers: headers
            )
            for header in signer.headers(for: signable, payloadHash: payloadHash(request), at: now)
            where header.name != "host" {
                fields.add(header.name, header.value)
            }
        } else {
            for header in headers { fields.add(header.name, header.value) }
        }
        var sent = TransportRequest(
            request.method,
            endpoint.url(path, query: S3Encoding.query(request.query)),
            headers: fields,
            body: request.body.isEmpty && request.method != "PUT" && request.method != "POST"
                ? .none : .bytes(request.body)
        )
        sent.progress = request.progress
        return sent
    }

    private func payloadHash(_ request: S3Request) -> String {
        if let known = request.payloadHash { return known }
        if request.body.isEmpty { return RequestSigner.emptyPayload }
        return SHA256.hash(data: request.body).hexadecimal
    }

    /// The answer, if it is one that S3 gives; nil for a page that some other server put in its place.
    private func accepted(_ response: TransportResponse, _ request: S3Request) async throws -> S3Response? {
        guard !request.expectsETag || response.headers["ETag"] != nil else { return nil }
        var body = response.body
        if !["GET", "POST"].contains(request.method) {
            // Read to its end, so that the connection serves the next request.
            let bytes = try await response.body.collect(upTo: 1 << 20)
            guard !Self.isPage(bytes) else { return nil }
            body = FileReader(bytes)
        }
        return S3Response(status: response.status, headers: response.headers, body: body)
    }

    private static func isPage(_ bytes: [UInt8]) -> Bool {
        let start = String(decoding: bytes.prefix(512), as: UTF8.self).lowercased()
        return start.contains("<html") || start.contains("<!doctype html")
    }

    /// Reads what a server said instead.
    private static func failure(_ response: TransportResponse) async throws -> S3Failure {
        let bytes = (try? await response.body.collect(upTo: 1 << 20)) ?? []
        try Task.checkCancellation()
        if let node = XMLTree.parse(bytes), node.name == "Error" {
            return S3Failure(status: response.status, headers: response.headers, error: node)
        }
        var failure = S3Failure(status: response.status, headers: response.headers, error: nil)
        failure.isPage = isPage(bytes) || (200..<300).contains(response.status)
        return failure
    }

    /// Whether a failure is the answer to HEAD, which never has a text, with the given status.
    private func isBare(_ failure: S3Failure, _ status: Int, _ request: S3Request) -> Bool {
        request.method == "HEAD" && failure.status == status
    }

    /// Learns how far the server's clock is ahead; false if it agrees with ours.
    private func learnSkew(_ response: TransportResponse) -> Bool {
        guard let date = response.headers["Date"].flatMap({ HTTPDate.parse($0) }) else { return false }
        let difference = date.timeIntervalSince(time.now)
        guard abs(difference - skew.value) > 60 else { return false }
        skew.value = difference
        return true
    }

    /// Waits before an act is tried again: twice as long each time, and not all who wait at once.
    func pause(after attempt: Int, _ retryAfter: Duration?) async throws {
        let longest = Duration.milliseconds(100 << min(attempt, 6))
        let delay = longest * Double.random(in: 0.5...1)
        try await time.sleep(for: max(delay, min(retryAfter ?? .zero, Self.longestPause)))
    }

    private func about(_ request: S3Request, _ error: StorageError) -> StorageError {
        let subject = request.name.map { "The file \(FileName.quoted($0))" } ?? "The bucket \"\(endpoint.bucket)\""
        let place = request.name == nil ? "" : " in the bucket \"\(endpoint.bucket)\""
        return StorageError(
            error.code,
            name: request.name,
            "\(subject) couldn't be \(request.verb)\(place): \(error.message)",
            retryAfter: error.retryAfter,
            cause: error.cause
        )
    }
}

/// A failure that the one who asked knows how to go on after.
struct S3Refusal: Error {
    let failure: S3Failure
    /// How often the act was tried; an earlier try may have succeeded without our hearing of it.
    let attempt: Int
}

extension S3Failure {
    /// Reads an answer.
    ///
    /// - Parameters:
    ///   - status: The HTTP status.
    ///   - headers: The header fields.
    ///   - error: The `Error` element, if the answer had one.
    init(status: Int, headers: HeaderFields, error: XMLTree?) {
        self.status = status
        code = error?["Code"]?.text ?? "HTTP \(status)"
        message = error?["Message"]?.text ?? ""
        region = error?["Region"]?.text
        if region == nil, [301, 307, 308, 400].contains(status) { region = headers["x-amz-bucket-region"] }
        let now = headers["Date"].flatMap { HTTPDate.parse($0) } ?? Date()
        retryAfter = HTTPStatus.retryAfter(headers["Retry-After"], now: now)
    }
}
