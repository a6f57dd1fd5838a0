internal import CCurl
import QueuedStorageCore

extension Transfer {
    /// Tells libcurl all of the request.
    ///
    /// - Returns: Why it can't be sent.
    func configure(_ options: TransportOptions) -> StorageError? {
        let request = exchange.request
        handle.collectErrors()
        setCallbacks()
        handle.set(CURLOPT_URL, request.urlWithUser)
        handle.set(CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps")
        handle.set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        handle.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        // Names are encoded as they are meant; nobody resolves their dots.
        handle.set(CURLOPT_PATH_AS_IS, true)
        handle.set(CURLOPT_NOSIGNAL, true)
        handle.set(CURLOPT_USERAGENT, options.userAgent)
        handle.set(CURLOPT_BUFFERSIZE, FileReader.bufferSize)
        handle.set(CURLOPT_UPLOAD_BUFFERSIZE, FileReader.bufferSize)
        handle.set(CURLOPT_TCP_KEEPALIVE, true)
        // A connection that was idle for longer than most servers keep one isn't tried again.
        handle.set(CURLOPT_MAXAGE_CONN, 60)
        handle.set(CURLOPT_SUPPRESS_CONNECT_HEADERS, true)
        setTimeouts(options)
        setTLS(options)
        setProxy(options)
        setCredentials(options)
        setMethod()
        setHeaders()
        for setting in request.settings { apply(setting) }
        if request.maxRedirects > 0 {
            handle.set(CURLOPT_FOLLOWLOCATION, true)
            handle.set(CURLOPT_MAXREDIRS, request.maxRedirects)
        }
        return handle.failure.map { failure($0) }
    }

    private func setTimeouts(_ options: TransportOptions) {
        handle.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds: options.connectTimeout)
        if let total = exchange.request.totalTimeout ?? options.totalTimeout {
            handle.set(CURLOPT_TIMEOUT_MS, milliseconds: total)
        }
        if !isHTTP {
            let idle = exchange.request.idleTimeout ?? options.idleTimeout
            handle.set(CURLOPT_SERVER_RESPONSE_TIMEOUT, max(1, Int(idle.seconds.rounded(.up))))
        }
    }

    private func setTLS(_ options: TransportOptions) {
        handle.set(CURLOPT_SSL_VERIFYPEER, 1)
        handle.set(CURLOPT_SSL_VERIFYHOST, 2)
        guard let file = options.certificateAuthorities else { return }
        handle.set(CURLOPT_CAINFO, file)
        handle.set(CURLOPT_PROXY_CAINFO, file)
        // Only those of the file; the system's directory would still vouch.
        handle.set(CURLOPT_CAPATH, nil)
    }

    private func setProxy(_ options: TransportOptions) {
        switch options.proxy {
        case .environment: break
        case .none: handle.set(CURLOPT_PROXY, "")
        case .url(let url, let user, let password):
            handle.set(CURLOPT_PROXY, url)
            if let user { handle.set(CURLOPT_PROXYUSERNAME, user) }
            if let password { handle.set(CURLOPT_PROXYPASSWORD, password.value) }
        }
    }

    private func setCredentials(_ options: TransportOptions) {
        switch options.netrc {
        case .ignored: break
        case .home: handle.set(CURLOPT_NETRC, Int(CURL_NETRC_OPTIONAL.rawValue))
        case .file(let path):
            handle.set(CURLOPT_NETRC, Int(CURL_NETRC_OPTIONAL.rawValue))
            handle.set(CURLOPT_NETRC_FILE, path)
        }
        // Basic, CURLAUTH_BASIC, which Swift doesn't see.
        handle.set(CURLOPT_HTTPAUTH, 1)
        guard let credentials = exchange.request.credentials else { return }
        handle.set(CURLOPT_USERNAME, credentials.user)
        handle.set(CURLOPT_PASSWORD, credentials.password.value)
    }

    private func setMethod() {
        let request = exchange.request
        let size: Int64?
        switch request.body {
        case .none:
            guard isHTTP, ["PUT", "POST", "PATCH"].contains(request.method) else {
                if isHTTP, request.method == "HEAD" {
                    handle.set(CURLOPT_NOBODY, true)
                } else if isHTTP, request.method != "GET" {
                    handle.set(CURLOPT_CUSTOMREQUEST, request.method)
                }
                return
            }
            size = 0
        case .bytes(let bytes): size = Int64(bytes.count)
        case .stream(_, let count): size = count
        }
        handle.set(CURLOPT_UPLOAD, true)
        handle.set(CURLOPT_INFILESIZE_LARGE, offset: size ?? -1)
        if isHTTP, request.method != "PUT" { handle.set(CURLOPT_CUSTOMREQUEST, request.method) }
    }

    private func setHeaders() {
        let request = exchange.request
        guard isHTTP else { return }
        var lines = request.headers.fields.compactMap { field -> String? in
            guard !["content-length", "transfer-encoding", "expect"].contains(field.name.lowercased()) else {
                return nil
            }
            return field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)"
        }
        lines.append(request.expectsContinue ? "Expect: 100-continue" : "Expect:")
        handle.set(CURLOPT_HTTPHEADER, lines)
    }

    private func apply(_ setting: TransportSetting) {
        switch setting {
        case .quote(let commands): handle.set(CURLOPT_QUOTE, commands)
        case .prequote(let commands): handle.set(CURLOPT_PREQUOTE, commands)
        case .postquote(let commands): handle.set(CURLOPT_POSTQUOTE, commands)
        case .noBody: handle.set(CURLOPT_NOBODY, true)
        case .customRequest(let command): handle.set(CURLOPT_CUSTOMREQUEST, command)
        case .listsNamesOnly: handle.set(CURLOPT_DIRLISTONLY, true)
        case .resumeFrom(let offset): handle.set(CURLOPT_RESUME_FROM_LARGE, offset: offset)
        case .append: handle.set(CURLOPT_APPEND, true)
        case .range(let range): handle.set(CURLOPT_RANGE, range)
        case .useTLS(let use): handle.set(CURLOPT_USE_SSL, use.rawValue)
        case .authTLSFirst(let isFirst):
            handle.set(CURLOPT_FTPSSLAUTH, Int((isFirst ? CURLFTPAUTH_TLS : CURLFTPAUTH_SSL).rawValue))
        case .activeFrom(let address): handle.set(CURLOPT_FTPPORT, address)
        case .createsMissingDirectories(let mode): handle.set(CURLOPT_FTP_CREATE_MISSING_DIRS, mode)
        case .skipsPassiveAddress(let skips): handle.set(CURLOPT_FTP_SKIP_PASV_IP, skips)
        case .usesEPSV(let uses): handle.set(CURLOPT_FTP_USE_EPSV, uses)
        case .usesEPRT(let uses): handle.set(CURLOPT_FTP_USE_EPRT, uses)
        case .fileMethod(let method): handle.set(CURLOPT_FTP_FILEMETHOD, method.rawValue)
        case .fileTime: handle.set(CURLOPT_FILETIME, true)
        case .connectOnly:
            handle.set(CURLOPT_CONNECT_ONLY, true)
            handle.isUsedUp = true
        case .number(let option, let value): handle.set(CURLoption(option), value)
        }
    }
}
