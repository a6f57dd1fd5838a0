import QueuedStorageCore

extension SQLFailure {
    /// What an error of PostgreSQL is to a storage.
    ///
    /// Source: PostgreSQL 15, appendix A, "PostgreSQL Error Codes".
    ///
    /// - Parameters:
    ///   - state: The five characters of the code (SQLSTATE).
    ///   - message: The server's sentence; those of our statements have no values in them but names.
    init(state: String, message: String) {
        let detail = "PostgreSQL \(state): \(Self.firstLine(message))"
        switch state {
        case "23505": self.init(.alreadyExists, "the name is taken", detail: detail)
        case "23503": self.init(.failed, "the upload was removed by somebody else meanwhile", detail: detail)
        case _ where state.hasPrefix("28"):
            self.init(.denied, "the server refuses the login; check user and password", detail: detail)
        case "42501": self.init(.denied, "the user isn't allowed to do this in the database", detail: detail)
        case "3D000": self.init(.invalidConfiguration, "there is no such database", detail: detail)
        case "3F000": self.init(.invalidConfiguration, "there is no such schema; make it first", detail: detail)
        case "42P01", "42703":
            self.init(.invalidConfiguration, "the tables aren't there, or are another application's", detail: detail)
        case "25006":
            self.init(.failed, "the server takes no writes now; is it a standby?", detail: detail)
        case "53100": self.init(.full, "no space is left on the server; free some, and try again", detail: detail)
        case "53300", "53400":
            self.init(.throttled, "the server has too many connections", detail: detail, retryAfter: .seconds(5))
        case "57014": self.init(.timedOut, "the statement took too long, and the server gave it up", detail: detail)
        case "57P01", "57P02", "57P03":
            self.init(.offline, "the server is starting or stopping", detail: detail)
        case "22021", "22P05":
            self.init(
                .invalidName,
                "the database can't keep these characters; it needs the encoding UTF8",
                detail: detail
            )
        case "XX001", "XX002": self.init(.damaged, "the database is damaged", detail: detail)
        case _ where state.hasPrefix("08"):
            self.init(.failed, "the connection to the server was lost", detail: detail)
        default: self.init(.failed, "the server failed", detail: detail)
        }
    }

    /// Why no connection was made, as libpq says it: with the server's code if it answered.
    static func connecting(_ message: String) -> SQLFailure {
        if let state = message.firstMatch(of: /:  ([0-9A-Z]{5}): (.*)/) {
            let failure = SQLFailure(state: String(state.1), message: String(state.2))
            // Whatever a server says before the login isn't about a file.
            return failure.code == .failed
                ? SQLFailure(.offline, "the server refuses connections", detail: failure.detail) : failure
        }
        let line = firstLine(message)
        let isTLS = ["SSL", "certificate", "sslmode", "sslrootcert"].contains { message.contains($0) }
        if isTLS {
            return SQLFailure(
                .invalidConfiguration,
                "the server's TLS isn't what the options want (tls, ca)",
                detail: line
            )
        }
        if message.contains("no password supplied") {
            return SQLFailure(
                .denied,
                "the server wants a password; give it in the environment, in a file or in ~/.pgpass",
                detail: line
            )
        }
        if message.contains("authentication method") || message.hasPrefix("invalid ") {
            return SQLFailure(.invalidConfiguration, "the options of the connection aren't right", detail: line)
        }
        return SQLFailure(.offline, "the server can't be reached", detail: line)
    }

    /// The first line of a message, as errors are sentences.
    static func firstLine(_ message: String) -> String {
        String(message.prefix { !$0.isNewline })
    }
}
