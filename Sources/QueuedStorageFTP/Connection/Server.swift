import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

/// An FTP server: what it is asked, in the words of the protocol.
///
/// All paths are absolute, once the server has said where sessions begin: names with a hyphen or a blank in front can't
/// be taken for something else then, and no session's working directory matters.
final class Server: Sendable {
    let host: String
    private let port: Int
    private let credentials: TransportRequest.Credentials?
    private let user: String?
    private let options: FTPOptions
    private let pool: SessionPool

    private struct Knowledge {
        var features: ServerFeatures?
        var lacksFacts = false
        var continuesFiles: Bool?
        var directories: Set<NameKey> = []
    }

    private let knowledge = Mutex(Knowledge())

    init(host: String, port: Int, user: String?, password: Secret?, options: FTPOptions) {
        self.host = host
        self.port = port
        self.user = user
        self.options = options
        if let user, let password {
            credentials = TransportRequest.Credentials(user: user, password: password)
        } else if user == nil, !options.usesNetrc {
            // Source: RFC 1635.
            credentials = TransportRequest.Credentials(user: "anonymous", password: Secret("anonymous@"))
        } else {
            credentials = nil
        }
        var transport = TransportOptions()
        transport.connectTimeout = options.connectTimeout
        transport.idleTimeout = options.idleTimeout
        transport.totalTimeout = options.totalTimeout
        transport.certificateAuthorities = options.certificateAuthorities
        transport.maxConnections = 1
        transport.maxConnectionsPerHost = 1
        if credentials == nil, options.usesNetrc { transport.netrc = .home }
        pool = SessionPool(limit: options.connections, options: transport, patience: options.idleTimeout)
    }

    /// The server, as sentences name it.
    var address: String { "\(host):\(port)" }

    // MARK: What it can do

    /// What the server can do, asked once.
    func features() async throws -> ServerFeatures {
        if let known = knowledge.withLock({ $0.features }) { return known }
        let replies = try await perform(["FEAT", "PWD"])
        let features = ServerFeatures(features: replies.first, directory: replies.last)
        knowledge.withLock { $0.features = features }
        return features
    }

    /// Whether the server has MLSD and MLST.
    func hasFacts() async throws -> Bool {
        guard try await features().hasFacts else { return false }
        return !knowledge.withLock { $0.lacksFacts }
    }

    /// Notes that MLSD or MLST isn't known there, whatever the server said.
    func noteLackOfFacts() { knowledge.withLock { $0.lacksFacts = true } }

    /// Whether the server can begin in the middle of a file (REST).
    func continuesFiles() async throws -> Bool {
        if let known = knowledge.withLock({ $0.continuesFiles }) { return known }
        let reply = try await perform(["TYPE I", "REST 1", "REST 0"])[1]
        guard reply.isPositive || (500..<600).contains(reply.code) else {
            throw StorageError(
                .failed,
                "The server \"\(address)\" answered \(FileName.quoted(reply.text)) to REST.",
                cause: ServerFailure()
            )
        }
        knowledge.withLock { $0.continuesFiles = reply.isPositive }
        return reply.isPositive
    }

    func knowsDirectory(_ path: String) -> Bool { knowledge.withLock { $0.directories.contains(NameKey(path)) } }
    func noteDirectory(_ path: String) {
        knowledge.withLock {
            // Nobody needs more of them in memory.
            if $0.directories.count >= 10_000 { $0.directories = [] }
            $0.directories.insert(NameKey(path))
        }
    }
    func forgetDirectories() { knowledge.withLock { $0.directories = [] } }

    // MARK: Requests

    private func request(_ path: String, body: TransportRequest.Body = .none) -> TransportRequest {
        let scheme = options.tls == .implicit ? "ftps" : "ftp"
        let host = host.contains(":") ? "[\(host)]" : host
        // A slash that is encoded is the root; one that isn't only separates.
        let isAbsolute = path.utf8.first == UInt8(ascii: "/")
        let rest = path.utf8.dropFirst(isAbsolute ? 1 : 0).percentEncoded(keepingSlashes: true)
        let encoded = (isAbsolute ? "%2F" : "") + rest
        var request = TransportRequest("GET", "\(scheme)://\(host):\(port)/\(encoded)", body: body)
        request.credentials = credentials
        request.user = user
        request.settings = settings
        return request
    }

    private var settings: [TransportSetting] {
        var settings: [TransportSetting] = [
            .fileMethod(.fullPath), .skipsPassiveAddress(true),
            .useTLS(options.tls == .off ? .none : options.tls == .optional ? .attempt : .all),
            // A proxy for HTTP passes FTP on as it is, or not at all (CURLOPT_HTTPPROXYTUNNEL).
            .number(option: 61, 1),
        ]
        if options.tls != .off {
            // Many servers want to see the session of the commands' connection again on the content's, as a proof that
            // both have one client. libcurl 7.88 doesn't bring that about with TLS 1.3, whose sessions come in tickets
            // after the handshake; so it is TLS 1.2 (CURLOPT_SSLVERSION).
            settings.append(.number(option: 32, 6 | 6 << 16))
        }
        if options.isActive {
            settings.append(.activeFrom("-"))
            // How long the server may take to connect (CURLOPT_ACCEPTTIMEOUT_MS).
            settings.append(.number(option: 212, Int(max(1, options.connectTimeout.milliseconds))))
        }
        return settings
    }

    /// The command that makes names with other letters than ASCII's come through, where a session needs it.
    private func utf8Command(_ texts: [String]) -> [String] {
        let isWanted = knowledge.withLock { $0.features?.hasUTF8 == true }
        return isWanted && texts.contains { $0.utf8.contains { $0 >= 0x80 } } ? ["*OPTS UTF8 ON"] : []
    }

    /// Gives commands, one after the other, whatever the answers are.
    ///
    /// - Parameters:
    ///   - commands: The commands; they may be given twice if the connection turns out to be gone.
    ///   - patience: How long an answer may take beyond the usual.
    ///   - isRepeatable: Whether the commands may be given twice.
    /// - Returns: The reply to each.
    /// - Throws: `StorageError` if the server can't be asked.
    func perform(
        _ commands: [String],
        patience: Duration = .zero,
        isRepeatable: Bool = true
    ) async throws -> [Reply] {
        var request = request("/")
        request.settings += [.noBody, .quote(utf8Command(commands) + commands.map { "*" + $0 })]
        request.idleTimeout = options.idleTimeout + patience
        let subjects = commands.map { Self.subjects(of: $0) }
        return try await attempt(on: subjects.flatMap { $0 }, isRepeatable: isRepeatable) { [request] session in
            let response = try await session.transport.send(request)
            try await response.discard()
            let replies = Reply.all(in: response.replies).suffix(commands.count)
            guard replies.count == commands.count else {
                throw StorageError(.failed, "The server \"\(address)\" gave fewer answers than it was asked for.")
            }
            return zip(replies, subjects).map { Reply(code: $0.code, lines: $0.lines, subjects: $1) }
        }
    }

    /// The path that a command speaks of.
    private static func subjects(of command: String) -> [String] {
        command.utf8.firstIndex(of: UInt8(ascii: " ")).map { [String(command[command.utf8.index(after: $0)...])] } ?? []
    }

    /// Stores content in a file.
    ///
    /// - Parameters:
    ///   - body: The content.
    ///   - path: The file, which is made or replaced.
    ///   - offset: Where the content begins in the file; what lies before it stays.
    ///   - progress: Whom to tell of bytes handed over.
    /// - Throws: `StorageError`, whose cause has the server's reply; what the body throws.
    func upload(
        _ body: TransportRequest.Body,
        to path: String,
        at offset: Int64 = 0,
        progress: (@Sendable (Int64) -> Void)?
    ) async throws {
        var request = request(path, body: body)
        request.progress = progress
        let utf8 = utf8Command([path])
        if !utf8.isEmpty { request.settings.append(.quote(utf8)) }
        // Better than APPE, STOR after REST writes into the file, not behind it: what a connection that isn't quite
        // dead still brings is then the same bytes in the same place.
        if offset > 0 {
            request.settings.append(try await continuesFiles() ? .prequote(["REST \(offset)"]) : .append)
        }
        var isRepeatable = true
        if case .stream(let reader, let size) = body {
            isRepeatable = false
            request.body = .stream(noted(reader), size: size)
        }
        do {
            try await attempt(on: [path], isRepeatable: isRepeatable) { [request] session in
                let response = try await session.transport.send(request)
                try await response.discard()
            }
        } catch let failure as ContentFailure {
            throw failure.error
        }
    }

    /// Content whose errors can be told from the server's, and whose slowness from the server's, too.
    private func noted(_ content: FileReader) -> FileReader {
        FileReader(size: content.size) { [pool] in
            let next = content.makeAsyncIterator().read
            return {
                pool.beginWaitingForUs()
                defer { pool.endWaitingForUs() }
                do {
                    return try await next()
                } catch {
                    throw ContentFailure(error: error)
                }
            }
        }
    }

    /// Begins to read a file, or what a command lists.
    private func receive(
        _ request: TransportRequest,
        _ path: String,
        leavesSessionFit: Bool = true
    ) async throws -> Download {
        try await attempt(on: [path], keepsSession: true) { session in
            let response = try await session.transport.send(request)
            return Download(response, path, session, self.pool, leavesSessionFit: leavesSessionFit)
        }
    }

    /// Begins to read a file.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - offset: The first byte.
    ///   - count: How many bytes; all that follow if nil.
    /// - Returns: The content on its way.
    /// - Throws: `StorageError`, whose cause has the server's reply.
    func download(_ path: String, from offset: Int64 = 0, count: Int64? = nil) async throws -> Download {
        var request = request(path)
        let utf8 = utf8Command([path])
        if !utf8.isEmpty { request.settings.append(.quote(utf8)) }
        if let count {
            request.settings.append(.range("\(offset)-\(offset + count - 1)"))
        } else if offset > 0 {
            request.settings.append(.resumeFrom(offset))
        }
        if offset == 0 {
            // The answer to SIZE may be for another file than the one that RETR opens, and what libcurl takes for a size in
            // the answer to RETR may be a part of the file's name (CURLOPT_IGNORE_CONTENT_LENGTH).
            request.settings.append(.number(option: 136, 1))
        }
        // Where a part was read, the answers to the end of it may come too late to be told from the next ones.
        return try await receive(request, path, leavesSessionFit: count == nil)
    }

    /// Lists a directory in the form of MLSD.
    func listFacts(_ path: String) async throws -> [UInt8] {
        var request = request(path == "/" ? path : path + "/")
        request.settings += [.customRequest("MLSD"), .quote(utf8Command([path]) + utf8Always)]
        return try await receive(request, path).collect()
    }

    /// Lists a directory in whatever form the server likes.
    func listLines(_ path: String, command: String) async throws -> [UInt8] {
        var request = request(path == "/" ? path : path + "/")
        request.settings += [.customRequest(command), .quote(utf8Always), .fileMethod(.changeOnce)]
        return try await receive(request, path).collect()
    }

    /// A listing may have any names.
    private var utf8Always: [String] {
        knowledge.withLock { $0.features?.hasUTF8 == true } ? ["*OPTS UTF8 ON"] : []
    }

    /// Does something in a session; once more if a kept connection turned out to be gone.
    private func attempt<Value: Sendable>(
        on subjects: [String],
        keepsSession: Bool = false,
        isRepeatable: Bool = true,
        _ body: @Sendable (Session) async throws -> Value
    ) async throws -> Value {
        while true {
            let session = try await pool.take()
            let wasUsed = session.wasUsed
            session.noteUse()
            do {
                let value = try await body(session)
                if !keepsSession { pool.giveBack(session, isFit: true) }
                return value
            } catch {
                // The refusal of a command leaves the connection as it was. Where content was to flow, the server may
                // still have something to say of that; and of anything else nobody knows.
                let reply = Reply(error)
                let code = CurlError(behind: error)?.code
                let isRefusal = reply.map { $0.code >= 400 && $0.code != 421 } ?? false
                pool.giveBack(session, isFit: isRefusal && code == Self.refusedCommand)
                let isGone = reply?.code == 421 || code.map { Self.brokenOff.contains($0) } ?? false
                guard wasUsed, isGone, isRepeatable, !Task.isCancelled else {
                    throw (error as? StorageError).map { ServerFailure.marked($0, subjects) } ?? error
                }
            }
        }
    }

    /// libcurl's code for a command of ours that was refused.
    private static let refusedCommand: UInt32 = 21
    /// libcurl's codes for lost connections: strange answers (to anything, PASV, its address, TYPE), none, and failures to
    /// send or receive.
    private static let brokenOff: Set<UInt32> = [8, 13, 14, 17, 52, 55, 56]
}
