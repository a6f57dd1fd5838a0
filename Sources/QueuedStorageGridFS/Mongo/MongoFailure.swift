import CMongo
import QueuedStorageCore

/// Why MongoDB, or the way to it, didn't do what it should.
struct MongoFailure: Error {
    /// What it is to a storage.
    let code: StorageError.Code
    /// The end of a sentence: what happened, and what helps.
    let reason: String
    /// What the library or the server said.
    let detail: String?
    var retryAfter: Duration?
    /// Whether a connection ended, or nothing came over it for too long: the library says the same of both.
    var isSilence = false

    init(_ code: StorageError.Code, _ reason: String, detail: String? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.detail = detail
        self.retryAfter = retryAfter
    }

    /// What an error of libmongoc is to a storage.
    ///
    /// Source: https://mongoc.org/libmongoc/1.23.1/errors.html; MongoDB, `error_codes.yml`.
    init(_ error: bson_error_t) {
        let message = withUnsafeBytes(of: error.message) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let (domain, code) = (error.domain, error.code)
        let detail = "MongoDB \(code): \(message.prefix { !$0.isNewline })"
        switch domain {
        case MONGOC_ERROR_SERVER_SELECTION.rawValue where message.contains("TLS") || message.contains("certificate"):
            self.init(.invalidConfiguration, "the server's TLS isn't what the options want (tls, ca)", detail: detail)
        case MONGOC_ERROR_SERVER_SELECTION.rawValue:
            self.init(.offline, "no server that takes writes can be reached", detail: detail)
        case MONGOC_ERROR_CLIENT.rawValue where code == MONGOC_ERROR_CLIENT_AUTHENTICATE.rawValue,
            MONGOC_ERROR_SCRAM.rawValue:
            self.init(.denied, "the server refuses the login; check user, password and authSource", detail: detail)
        case MONGOC_ERROR_STREAM.rawValue
        where code == MONGOC_ERROR_STREAM_NAME_RESOLUTION.rawValue
            || code == MONGOC_ERROR_STREAM_CONNECT.rawValue:
            self.init(.offline, "the server can't be reached", detail: detail)
        case MONGOC_ERROR_STREAM.rawValue:
            self.init(.failed, "the connection to the server was lost", detail: detail)
            isSilence = true
        default: self.init(serverCode: code, detail: detail)
        }
    }

    private init(serverCode code: UInt32, detail: String) {
        switch code {
        case 11000, 11001, 12582: self.init(.alreadyExists, "the name is taken", detail: detail)
        case 13, 18, 8000: self.init(.denied, "the user isn't allowed to do this in the database", detail: detail)
        case 50: self.init(.timedOut, "the operation took too long, and the server gave it up", detail: detail)
        case 14031, 39: self.init(.full, "no space is left on the server; free some, and try again", detail: detail)
        case 462, 202: self.init(.throttled, "the server has too much to do", detail: detail, retryAfter: .seconds(5))
        case 85, 86:
            self.init(
                .invalidConfiguration,
                "the collections have an index of the same name that is another one; remove it",
                detail: detail
            )
        case 73:
            self.init(
                .invalidConfiguration,
                "the server doesn't allow the name of the database or collection",
                detail: detail
            )
        case 17280: self.init(.invalidName, "the server's index has no room for the name", detail: detail)
        default: self.init(.failed, "the server failed", detail: detail)
        }
    }
}
