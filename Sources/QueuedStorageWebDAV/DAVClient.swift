import QueuedStorageCore
import QueuedStorageTransport

/// Sends requests of WebDAV to one server.
struct DAVClient: Sendable {
    private let transport: Transport
    private let origin: String
    private let base: [String]
    private let credentials: TransportRequest.Credentials?
    private let user: String?

    init(_ options: WebDAVOptions) {
        var transportOptions = TransportOptions()
        transportOptions.connectTimeout = options.connectTimeout
        transportOptions.idleTimeout = options.idleTimeout
        transportOptions.totalTimeout = options.totalTimeout
        transportOptions.maxConnectionsPerHost = options.maxConnections
        transportOptions.maxConnections = options.maxConnections
        transportOptions.certificateAuthorities = options.certificateAuthorities
        if options.password == nil { transportOptions.netrc = .home }
        transport = Transport(options: transportOptions)
        origin = options.origin
        base = options.components
        credentials = options.password.map { .init(user: options.user ?? "", password: $0) }
        user = options.user
    }

    /// The address of a file or directory; one of a directory ends in a slash, as some servers demand.
    func url(_ components: [String], isDirectory: Bool = false) -> String {
        let path = (base + components).map { "/" + $0.percentEncoded() }.joined()
        return origin + path + (isDirectory || path.isEmpty ? "/" : "")
    }

    /// Sends a request.
    func send(
        _ method: String,
        _ components: [String],
        isDirectory: Bool = false,
        headers: HeaderFields = [:],
        body: TransportRequest.Body = .none,
        progress: (@Sendable (Int64) -> Void)? = nil
    ) async throws -> TransportResponse {
        var request = TransportRequest(
            method,
            url(components, isDirectory: isDirectory),
            headers: headers,
            body: body
        )
        request.credentials = credentials
        request.user = user
        request.progress = progress
        return try await transport.send(request)
    }

    /// The first component that `href` has below the storage's directory and `components`, if it lies directly there;
    /// an empty text for the directory itself.
    func child(_ href: String, of components: [String]) -> String? {
        var path = href[...]
        if let scheme = href.utf8.firstIndex(of: UInt8(ascii: ":")), href[scheme...].hasPrefix("://") {
            // An absolute address; a proxy may have given it another host.
            path = href[href.index(scheme, offsetBy: 3)...].drop { $0 != "/" }
        }
        let parts = path.utf8.split(separator: UInt8(ascii: "/")).map { String(Substring($0)).percentDecoded }
        let parent = (base + components).map(Optional.some)
        guard parts.count <= parent.count + 1, zip(parts, parent).allSatisfy({ NameKey($0 ?? "") == NameKey($1 ?? "") })
        else { return nil }
        if parts.count == parent.count { return "" }
        guard parts.count == parent.count + 1, let last = parts.last ?? nil, last != ".", last != "..",
            !last.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") })
        else { return nil }
        return last
    }
}
