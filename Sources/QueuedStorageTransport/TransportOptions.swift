package import QueuedStorageCore

/// How a transport connects, and how long it waits.
package struct TransportOptions: Sendable {
    /// The longest time that resolving, connecting and shaking hands may take.
    package var connectTimeout: Duration = .seconds(15)
    /// The longest time without a byte in either direction, apart from pauses that our own side asks for.
    package var idleTimeout: Duration = .seconds(30)
    /// The longest time that a whole request may take once it has its connection; no limit if nil.
    package var totalTimeout: Duration?
    /// The most connections to one host.
    ///
    /// A request beyond them waits for one that ends; one whose answer is still to be read has not ended.
    package var maxConnectionsPerHost = 16
    /// The most connections in all.
    package var maxConnections = 64
    /// The file with the certificates of those who may vouch for a server, in PEM; the system's if nil.
    package var certificateAuthorities: String?
    /// Through which proxy requests go.
    package var proxy = Proxy.environment
    /// What the transport calls itself.
    package var userAgent = "queued-storage"
    /// Whether user names and passwords may come from a `.netrc` file.
    package var netrc = Netrc.ignored

    /// Makes options with the defaults.
    package init() {}

    /// A proxy, or where to find one.
    package enum Proxy: Sendable {
        /// What `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy` say, as libcurl reads them.
        case environment
        /// None, whatever the environment says.
        case none
        /// The one at an address, such as `http://proxy.example:3128`.
        case url(String, user: String? = nil, password: Secret? = nil)
    }

    /// Where user names and passwords for hosts may come from.
    package enum Netrc: Sendable {
        /// From the request alone.
        case ignored
        /// From `~/.netrc`, where the request has none.
        case home
        /// From another file of that form, where the request has none.
        case file(String)
    }
}
