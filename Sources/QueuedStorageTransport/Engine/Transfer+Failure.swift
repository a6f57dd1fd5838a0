internal import CCurl
internal import Glibc
import QueuedStorageCore

/// What libcurl said of a failed transfer.
package struct CurlError: Error, Hashable, CustomStringConvertible {
    /// libcurl's code (`CURLcode`).
    package let code: UInt32
    /// libcurl's words for the code.
    package let description: String
    /// The last reply code of an FTP server, or status of an HTTP server; 0 if none came.
    package let replyCode: Int
    /// The last line that an FTP server said, without what it was asked.
    package let reply: String?
}

extension Transfer {
    /// What a code of libcurl means for a storage, why it happened, and what helps.
    func failure(_ code: CURLcode) -> StorageError {
        let (meaning, reason) = meaning(code)
        let cause = CurlError(
            code: code.rawValue,
            description: "libcurl \(code.rawValue): \(String(cString: curl_easy_strerror(code)))",
            replyCode: handle.number(CURLINFO_RESPONSE_CODE),
            reply: isHTTP ? nil : exchange.head.lines.last
        )
        return StorageError(meaning, "The server \(FileName.quoted(exchange.host)) \(reason).", cause: cause)
    }

    /// The error of a transfer that hasn't moved.
    func idleError(_ options: TransportOptions) -> StorageError {
        let idle = exchange.request.idleTimeout ?? options.idleTimeout
        let name = FileName.quoted(exchange.host)
        return StorageError(.timedOut, "The server \(name) was silent for \(idle.inWords), and was given up.")
    }

    private func meaning(_ code: CURLcode) -> (StorageError.Code, String) {
        connectionMeaning(code) ?? encryptionMeaning(code) ?? (isHTTP ? nil : replyMeaning(code)) ?? answerMeaning(code)
    }

    private func connectionMeaning(_ code: CURLcode) -> (StorageError.Code, String)? {
        let tunnel = handle.number(CURLINFO_HTTP_CONNECTCODE)
        if tunnel != 0, !(200..<300).contains(tunnel) {
            return (.offline, "can't be reached: the proxy answered \(tunnel); check the proxy settings")
        }
        return switch code {
        case CURLE_COULDNT_RESOLVE_HOST:
            (.offline, "can't be reached: its name isn't known; check the address and the network")
        case CURLE_COULDNT_RESOLVE_PROXY:
            (.offline, "can't be reached: the proxy's name isn't known; check the proxy settings")
        case CURLE_COULDNT_CONNECT: (.offline, "can't be reached: \(systemReason ?? "no connection could be made")")
        case CURLE_PROXY: (.offline, "can't be reached: the proxy refuses; check the proxy settings")
        case CURLE_OPERATION_TIMEDOUT where handle.offset(CURLINFO_PRETRANSFER_TIME_T) <= 0:
            (.offline, "can't be reached: it didn't answer in time")
        case CURLE_OPERATION_TIMEDOUT, CURLE_FTP_ACCEPT_TIMEOUT: (.timedOut, "took too long, and was given up")
        case CURLE_GOT_NOTHING: (.failed, "ended the connection without an answer")
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR, CURLE_SEND_FAIL_REWIND:
            (.failed, "broke the connection off\(systemReason.map { ": \($0)" } ?? "")")
        default: nil
        }
    }

    private func encryptionMeaning(_ code: CURLcode) -> (StorageError.Code, String)? {
        switch code {
        case CURLE_PEER_FAILED_VERIFICATION: (.denied, certificateReason)
        case CURLE_SSL_CACERT_BADFILE:
            (
                .invalidConfiguration,
                "can't be checked: the file with the certificate authorities can't be read; look at its path and form"
            )
        case CURLE_SSL_CONNECT_ERROR:
            if let systemReason {
                (.failed, "ended the connection while encryption was set up: \(systemReason)")
            } else {
                (.denied, "and we could agree on no encryption; check that it speaks TLS on this port")
            }
        case CURLE_USE_SSL_FAILED:
            (.denied, "offers no encryption, which is required; switch it on there, or don't require it")
        default: nil
        }
    }

    /// What the replies of an FTP server come to.
    private func replyMeaning(_ code: CURLcode) -> (StorageError.Code, String)? {
        let saying = exchange.head.lines.last.map { ": \($0)" } ?? ""
        switch code {
        case CURLE_LOGIN_DENIED: return (.denied, "refuses the user or password")
        case CURLE_REMOTE_ACCESS_DENIED: return (.denied, "doesn't permit it\(saying)")
        case CURLE_REMOTE_FILE_NOT_FOUND: return (.notFound, "has no such file\(saying)")
        case CURLE_REMOTE_DISK_FULL: return (.full, "has no room left\(saying)")
        case CURLE_REMOTE_FILE_EXISTS: return (.alreadyExists, "has a file of that name\(saying)")
        case CURLE_FTP_CANT_GET_HOST, CURLE_FTP_ACCEPT_FAILED, CURLE_FTP_PORT_FAILED:
            return (
                .failed,
                "and we could agree on no connection for the data; try passive instead of active FTP, or the reverse"
            )
        case CURLE_QUOTE_ERROR, CURLE_FTP_COULDNT_RETR_FILE, CURLE_UPLOAD_FAILED, CURLE_FTP_COULDNT_USE_REST,
            CURLE_WEIRD_SERVER_REPLY, CURLE_PARTIAL_FILE:
            return (.failed, "refuses a command or broke the transfer off\(saying)")
        default: return nil
        }
    }

    private func answerMeaning(_ code: CURLcode) -> (StorageError.Code, String) {
        switch code {
        case CURLE_PARTIAL_FILE: (.failed, "ended the connection before the content was whole")
        case CURLE_TOO_MANY_REDIRECTS: (.failed, "redirects without end; check the address")
        case CURLE_URL_MALFORMAT: (.invalidConfiguration, "has an address that can't be read; check it")
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY:
            (.failed, "doesn't answer as HTTP demands; check the address and port")
        default: (.failed, "couldn't be talked to: \(String(cString: curl_easy_strerror(code)))")
        }
    }

    /// What the system said, in words.
    private var systemReason: String? {
        let number = handle.number(CURLINFO_OS_ERRNO)
        return number > 0 ? String(cString: strerror(Int32(number))) : nil
    }

    private var certificateReason: String {
        let text = handle.errorMessage
        if text.contains("subject name") {
            return "shows a certificate for another host; check the address, or give the server one with its name"
        }
        if text.contains("expired") { return "shows a certificate that has expired; renew it, and check the clocks" }
        return """
            shows a certificate that nobody known vouches for; if it is your own, name the file of its authority, \
            or else check the address
            """
    }
}

extension StorageError {
    static func answeredEarly(_ host: String, _ status: Int) -> StorageError {
        StorageError(
            .failed,
            "The server \(FileName.quoted(host)) answered \(status) before it had the whole content."
        )
    }
}

extension Duration {
    /// The duration as a person says it.
    var inWords: String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000) seconds" : "\(milliseconds) milliseconds"
    }
}
