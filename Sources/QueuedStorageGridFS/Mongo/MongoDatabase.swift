import CMongo
import QueuedStorageCore

/// A database of a MongoDB deployment, with a pool of clients.
final class MongoDatabase:
    @unchecked Sendable /* "mongoc_client_pool_t is thread-safe", and nothing here changes after init */
{
    let options: GridFSOptions
    private let pool: OpaquePointer
    private let turnstile: Turnstile

    /// The library begins once, and is quiet: whatever fails is reported to who asked for it.
    private static let library: Void = {
        mongoc_init()
        mongoc_log_set_handler(nil, nil)
    }()

    /// - Throws: `StorageError` with `invalidConfiguration` that names what is wrong.
    init(_ options: GridFSOptions) throws {
        _ = Self.library
        self.options = options
        turnstile = Turnstile(limit: options.connectionLimit)
        let uri = try Self.uri(options)
        defer { mongoc_uri_destroy(uri) }
        var error = bson_error_t()
        guard let pool = mongoc_client_pool_new_with_error(uri, &error) else {
            throw StorageError(
                .invalidConfiguration,
                "GridFSStorage can't be made: \(MongoFailure(error).detail ?? "")"
            )
        }
        mongoc_client_pool_set_error_api(pool, MONGOC_ERROR_API_VERSION_2)
        mongoc_client_pool_set_appname(pool, "queued-storage")
        self.pool = pool
    }

    deinit { mongoc_client_pool_destroy(pool) }

    private static func uri(_ options: GridFSOptions) throws -> OpaquePointer {
        var error = bson_error_t()
        let hosts = options.hosts.map {
            $0.hasPrefix("/") ? FileName.percentEncoded($0).replacing("/", with: "%2F") : $0
        }
        guard let uri = mongoc_uri_new_with_error("mongodb://\(hosts.joined(separator: ","))/", &error) else {
            throw StorageError(
                .invalidConfiguration,
                "the option \"hosts\" of GridFSStorage isn't HOST or HOST:PORT, with commas between several: "
                    + (MongoFailure(error).detail ?? "")
            )
        }
        var isRight = mongoc_uri_set_database(uri, options.database)
        if let user = options.user {
            isRight = mongoc_uri_set_username(uri, user) && isRight
            if let password = options.password { isRight = mongoc_uri_set_password(uri, password.value) && isRight }
            isRight = mongoc_uri_set_auth_source(uri, options.authSource ?? "admin") && isRight
        }
        if let set = options.replicaSet {
            isRight = mongoc_uri_set_option_as_utf8(uri, MONGOC_URI_REPLICASET, set) && isRight
        }
        for (name, duration) in [
            (MONGOC_URI_SERVERSELECTIONTIMEOUTMS, options.serverSelectionTimeout),
            (MONGOC_URI_CONNECTTIMEOUTMS, options.connectTimeout), (MONGOC_URI_SOCKETTIMEOUTMS, options.socketTimeout),
        ] {
            isRight = mongoc_uri_set_option_as_int32(uri, name, Int32(clamping: duration.milliseconds)) && isRight
        }
        isRight = mongoc_uri_set_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, Int32(options.connectionLimit)) && isRight
        isRight = mongoc_uri_set_option_as_bool(uri, MONGOC_URI_TLS, options.usesTLS) && isRight
        if let file = options.rootCertificates {
            isRight = mongoc_uri_set_option_as_utf8(uri, MONGOC_URI_TLSCAFILE, file) && isRight
        }
        if let file = options.clientCertificate {
            isRight = mongoc_uri_set_option_as_utf8(uri, MONGOC_URI_TLSCERTIFICATEKEYFILE, file) && isRight
        }
        // What was acknowledged survives the loss of a member, and of power.
        let concern = mongoc_write_concern_new()
        mongoc_write_concern_set_wmajority(concern, 0)
        mongoc_write_concern_set_journal(concern, true)
        mongoc_uri_set_write_concern(uri, concern)
        mongoc_write_concern_destroy(concern)
        guard isRight else {
            mongoc_uri_destroy(uri)
            throw StorageError(
                .invalidConfiguration,
                "an option of GridFSStorage can't be sent to a server; check them"
            )
        }
        return uri
    }

    /// Runs operations on a connection.
    ///
    /// - Parameters:
    ///   - isCancellable: Whether they aren't begun when the task is cancelled.
    ///   - body: The operations; blocking, each no longer than the time-outs.
    /// - Returns: What `body` returns.
    /// - Throws: ``MongoFailure``, `CancellationError`, and what `body` throws.
    func perform<Value: Sendable>(
        isCancellable: Bool = true,
        _ body: @escaping @Sendable (MongoSession) throws -> Value
    ) async throws -> Value {
        let run = { @Sendable [self] in
            guard let client = mongoc_client_pool_pop(pool) else {
                throw MongoFailure(.failed, "there is no connection to be had")
            }
            defer { mongoc_client_pool_push(pool, client) }
            let start = ContinuousClock.now
            do {
                return try body(MongoSession(client: client, database: options.database))
            } catch let failure as MongoFailure where failure.isSilence && .now - start >= options.socketTimeout {
                throw MongoFailure(.timedOut, "the server didn't answer in time", detail: failure.detail)
            }
        }
        // Who may not be cancelled waits for its turn all the same, in a task that isn't.
        guard isCancellable else {
            return try await Task { try await turnstile.pass { try await blocking(run) } }.value
        }
        return try await turnstile.pass { try await blocking(run) }
    }
}

extension Duration {
    /// Whole milliseconds, at least one.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return max(1, seconds * 1000 + attoseconds / 1_000_000_000_000_000)
    }
}
