import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// A database of a CouchDB server: carries requests to it, logs in, and makes the database if it may.
final class Database: Sendable {
    private let configuration: CouchDBStorage.Configuration
    private let password: Secret?
    private let transport: Transport
    /// The cookie of the session, in the sessions' way to log in.
    private let cookie = Mutex<String?>(nil)

    init(_ configuration: CouchDBStorage.Configuration, password: Secret?) {
        self.configuration = configuration
        self.password = password
        var options = TransportOptions()
        options.connectTimeout = configuration.connectTimeout.map { .seconds($0) } ?? options.connectTimeout
        options.idleTimeout = configuration.timeout.map { .seconds($0) } ?? .seconds(60)
        options.totalTimeout = configuration.totalTimeout.map { .seconds($0) }
        options.maxConnectionsPerHost = configuration.connections ?? 8
        options.certificateAuthorities = configuration.ca
        // A user without a password of ours may have one in ~/.netrc.
        options.netrc = configuration.user != nil && password == nil ? .home : .ignored
        transport = Transport(options: options)
    }

    /// What is asked, below the database's address.
    struct Call: Sendable {
        var method: String
        /// The rest of the address, encoded; it begins with `/` or `?`, or is empty for the database itself.
        var path: String
        var headers: HeaderFields = [:]
        var progress: (@Sendable (Int64) -> Void)?
        var totalTimeout: Duration?
        /// Begins the body anew for each try.
        var body: @Sendable () throws -> TransportRequest.Body = { .none }

        init(_ method: String = "GET", _ path: String, headers: HeaderFields = [:]) {
            (self.method, self.path, self.headers) = (method, path, headers)
        }
    }

    /// Sends a request, and reads the whole answer, whatever its status is.
    ///
    /// - Parameters:
    ///   - call: What is asked.
    ///   - failed: What fails if it fails, as a sentence's beginning.
    ///   - name: The file's name.
    /// - Returns: The answer.
    /// - Throws: `StorageError` if there is none, or the database can't be made.
    func ask(_ call: Call, _ failed: String, name: String? = nil) async throws -> Answer {
        let answer = try await read(send(call, failed, name: name), failed, name: name)
        guard answer.missesDatabase, configuration.createsDatabase == true else { return answer }
        try await create()
        return try await read(send(call, failed, name: name), failed, name: name)
    }

    /// Sends a request, and leaves the answer's content to be read.
    func send(_ call: Call, _ failed: String, name: String?) async throws -> TransportResponse {
        try await explaining(failed, name: name) {
            guard usesSession else { return try await transport.send(try request(call)) }
            let known = cookie.withLock { $0 }
            let current = if let known { known } else { try await logIn() }
            let response = try await transport.send(try request(call, cookie: current))
            note(response)
            guard response.status == 401, known != nil else { return response }
            // The session has expired, or the server was started again with another secret.
            try await response.discard()
            let again = try await transport.send(try request(call, cookie: try await logIn()))
            note(again)
            return again
        }
    }

    /// Makes the database, unless somebody else did.
    private func create() async throws {
        let failed = "The database \(FileName.quoted(configuration.database)) couldn't be created"
        let answer = try await read(send(Call("PUT", ""), failed, name: nil), failed, name: nil)
        guard answer.isSuccess || answer.complaint?.error == "file_exists" else {
            throw answer.failure(failed, name: nil)
        }
    }

    private func read(_ response: TransportResponse, _ failed: String, name: String?) async throws -> Answer {
        try await explaining(failed, name: name) { try await Answer(response) }
    }

    private func request(_ call: Call, cookie: String? = nil) throws -> TransportRequest {
        let address = configuration.server + "/" + configuration.database.percentEncoded() + call.path
        var request = TransportRequest(call.method, address, headers: call.headers, body: try call.body())
        if request.headers["Accept"] == nil { request.headers["Accept"] = "application/json" }
        if let cookie {
            request.headers["Cookie"] = cookie
        } else if let user = configuration.user, let password {
            request.credentials = TransportRequest.Credentials(user: user, password: password)
        }
        if cookie == nil { request.user = configuration.user }
        request.progress = call.progress
        request.totalTimeout = call.totalTimeout
        return request
    }
}

// MARK: - Sessions

extension Database {
    private var usesSession: Bool { configuration.authentication == .session }

    /// Begins a session.
    ///
    /// Source: CouchDB's documentation, "Cookie Authentication".
    ///
    /// - Returns: The field's value for the requests that follow.
    private func logIn() async throws -> String {
        let failed = "No session could be begun"
        let credentials = ["name": configuration.user ?? "", "password": password?.value ?? ""]
        let answer = try await Answer(
            transport.send(
                TransportRequest(
                    "POST",
                    configuration.server + "/_session",
                    headers: ["Accept": "application/json", "Content-Type": "application/json"],
                    body: .bytes([UInt8](try JSONEncoder().encode(credentials)))
                )
            )
        )
        guard answer.isSuccess else { throw answer.failure(failed, name: nil) }
        guard let cookie = Self.session(in: answer.headers) else {
            throw StorageError(
                .failed,
                "\(failed): the answer of \(FileName.quoted(answer.host)) has no AuthSession cookie; check the address."
            )
        }
        self.cookie.withLock { $0 = cookie }
        return cookie
    }

    /// A session that is about to end comes back renewed with any answer.
    private func note(_ response: TransportResponse) {
        if let renewed = Self.session(in: response.headers) { cookie.withLock { $0 = renewed } }
    }

    private static func session(in headers: HeaderFields) -> String? {
        headers.values("Set-Cookie").map { String($0.prefix { $0 != ";" }) }
            .last { $0.hasPrefix("AuthSession=") && $0 != "AuthSession=" }
    }
}

/// Puts what failed before an error that the transport tells only the server's side of.
private func explaining<Value>(
    _ failed: String,
    name: String?,
    _ body: () async throws -> Value
) async throws -> Value {
    do {
        return try await body()
    } catch let error as StorageError where error.name == nil && !error.message.hasPrefix(failed) {
        throw StorageError(
            error.code,
            name: name,
            "\(failed). \(error.message)",
            retryAfter: error.retryAfter,
            cause: error.cause
        )
    }
}
