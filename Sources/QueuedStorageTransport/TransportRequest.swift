package import QueuedStorageCore

/// What is asked of a server.
package struct TransportRequest: Sendable {
    /// The HTTP method; in other protocols a request with a body is an upload, and one without a download.
    package var method: String
    /// The address, percent-encoded, without user and password.
    package var url: String
    /// The header fields, of which `Content-Length`, `Transfer-Encoding` and `Expect` are the transport's own.
    package var headers: HeaderFields
    /// What is sent.
    package var body: Body
    /// Who asks.
    package var credentials: Credentials?
    /// Who asks, where the credentials don't say it: the password is the one that `.netrc` has for this user, or none.
    package var user: String?
    /// How many redirects are followed; they are answers if 0.
    package var maxRedirects = 0
    /// Whether the body waits for the server's `100 Continue`, for a second at most.
    package var expectsContinue = false
    /// The longest time without a byte for this request, if it differs from the transport's.
    package var idleTimeout: Duration?
    /// The longest time for this request as a whole, if it differs from the transport's.
    package var totalTimeout: Duration?
    /// What only some protocols know.
    package var settings: [TransportSetting] = []
    /// Whom to tell how many bytes of the body were handed over so far; called often, on the transport's thread.
    package var progress: (@Sendable (Int64) -> Void)?

    /// Makes a request.
    ///
    /// - Parameters:
    ///   - method: The HTTP method.
    ///   - url: The address, percent-encoded, without user and password.
    ///   - headers: The header fields.
    ///   - body: What is sent.
    package init(_ method: String = "GET", _ url: String, headers: HeaderFields = [:], body: Body = .none) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    /// The address with the user in it.
    ///
    /// That is where libcurl looks for whose password it wants of `.netrc`; with `CURLOPT_USERNAME` it asks for none.
    var urlWithUser: String {
        guard credentials == nil, let user, let scheme = url.firstRange(of: "://") else { return url }
        return "\(url[..<scheme.upperBound])\(user.percentEncoded())@\(url[scheme.upperBound...])"
    }

    /// What a request sends.
    package enum Body: Sendable {
        /// Nothing; `POST`, `PUT` and `PATCH` say so by `Content-Length: 0`.
        case none
        /// Bytes in memory; they can be sent again over a new connection.
        case bytes([UInt8])
        /// Bytes still to come, read as the connection takes them. Without a size, HTTP sends them in chunks.
        case stream(FileReader, size: Int64?)
    }

    /// A user's name and password (HTTP: basic authentication).
    package struct Credentials: Sendable {
        /// The user's name.
        package var user: String
        /// The password.
        package var password: Secret

        /// Makes credentials.
        package init(user: String, password: Secret) {
            self.user = user
            self.password = password
        }
    }
}

/// What only some protocols know, by the name of libcurl's option.
package enum TransportSetting: Hashable, Sendable {
    /// Commands before the transfer (`CURLOPT_QUOTE`); one that begins with `*` may fail.
    case quote([String])
    /// Commands before the transfer, after the directory was changed (`CURLOPT_PREQUOTE`).
    case prequote([String])
    /// Commands after the transfer (`CURLOPT_POSTQUOTE`).
    case postquote([String])
    /// No transfer of content (`CURLOPT_NOBODY`).
    case noBody
    /// A command of one's own in place of the usual one (`CURLOPT_CUSTOMREQUEST`).
    case customRequest(String)
    /// Listings of bare names (`CURLOPT_DIRLISTONLY`).
    case listsNamesOnly
    /// Where the transfer goes on, in bytes (`CURLOPT_RESUME_FROM_LARGE`); an upload with -1 asks the server.
    case resumeFrom(Int64)
    /// Uploads append (`CURLOPT_APPEND`).
    case append
    /// A range of bytes such as `0-99` (`CURLOPT_RANGE`).
    case range(String)
    /// Encryption of a connection that begins without (`CURLOPT_USE_SSL`).
    case useTLS(TLSUse)
    /// How FTP asks for TLS (`CURLOPT_FTPSSLAUTH`): false for `AUTH SSL` first.
    case authTLSFirst(Bool)
    /// Active FTP from an address, an interface, or `-` (`CURLOPT_FTPPORT`).
    case activeFrom(String)
    /// FTP makes missing directories (`CURLOPT_FTP_CREATE_MISSING_DIRS`); 2 tries again after a failed MKD.
    case createsMissingDirectories(Int)
    /// FTP ignores the address in the answer to PASV (`CURLOPT_FTP_SKIP_PASV_IP`).
    case skipsPassiveAddress(Bool)
    /// FTP tries EPSV (`CURLOPT_FTP_USE_EPSV`).
    case usesEPSV(Bool)
    /// FTP tries EPRT (`CURLOPT_FTP_USE_EPRT`).
    case usesEPRT(Bool)
    /// How FTP reaches a file (`CURLOPT_FTP_FILEMETHOD`).
    case fileMethod(FileMethod)
    /// Ask for the file's time (`CURLOPT_FILETIME`).
    case fileTime
    /// Only connect and log in (`CURLOPT_CONNECT_ONLY`); the connection isn't used again.
    case connectOnly
    /// Any numeric option, by its number.
    case number(option: UInt32, Int)

    /// What of a connection must be encrypted.
    package enum TLSUse: Int, Sendable {
        case none = 0
        case attempt = 1
        case control = 2
        case all = 3
    }

    /// How FTP reaches a file.
    package enum FileMethod: Int, Sendable {
        case changeIntoEach = 1
        case fullPath = 2
        case changeOnce = 3
    }
}
