internal import QueuedStorageCore
internal import QueuedStorageTransport

/// Where a bucket is reached, and how it stands in addresses.
package struct S3Endpoint: Hashable, Sendable {
    /// `https` or `http`.
    package let scheme: String
    /// The host that requests go to, with the port if it isn't the scheme's own; the bucket's own host if `isVirtual`.
    package let host: String
    /// What every path begins with, encoded: without a slash at its end.
    package let basePath: String
    /// The bucket.
    package let bucket: String
    /// Whether the bucket is part of the host.
    package let isVirtual: Bool
    /// Whether it is Amazon's own.
    package let isAmazon: Bool

    /// Works out where requests go.
    ///
    /// - Parameters:
    ///   - bucket: The bucket's name.
    ///   - region: The bucket's region.
    ///   - endpoint: The address of another server, such as `http://127.0.0.1:9000`; Amazon's of the region if nil.
    ///   - addressing: Where the bucket stands.
    /// - Throws: `StorageError` with `invalidConfiguration` if the bucket's name or the endpoint is
    ///   none.
    package init(bucket: String, region: String, endpoint: String?, addressing: S3Addressing) throws {
        guard Self.isBucketName(bucket) else {
            throw StorageError(
                .invalidConfiguration,
                """
                \(FileName.quoted(bucket)) is no name of a bucket: it has 3 to 255 letters, digits, dots, dashes and \
                underscores.
                """
            )
        }
        let isAmazon = endpoint == nil
        let domain = region.hasPrefix("cn-") ? "amazonaws.com.cn" : "amazonaws.com"
        let (scheme, host, path) = try Self.parts(endpoint ?? "https://s3.\(region).\(domain)")
        self.scheme = scheme
        self.bucket = bucket
        self.isAmazon = isAmazon
        switch addressing {
        case .path: isVirtual = false
        case .virtual: isVirtual = true
        // A dotted bucket has no valid certificate, and other servers seldom know hosts of buckets.
        case .automatic: isVirtual = isAmazon && !bucket.contains(".") && bucket == bucket.lowercased()
        }
        self.host = isVirtual ? "\(bucket).\(host)" : host
        basePath = isVirtual ? path : "\(path)/\(bucket.percentEncoded())"
    }

    /// The path of a key, or of the bucket itself, encoded.
    package func path(_ key: String?) -> String {
        guard let key else { return basePath == "" ? "/" : basePath }
        return "\(basePath)/\(key.percentEncoded(keepingSlashes: true))"
    }

    /// The address of a path, with an encoded query.
    package func url(_ path: String, query: String = "") -> String {
        "\(scheme)://\(host)\(path)\(query == "" ? "" : "?" + query)"
    }

    private static func isBucketName(_ bucket: String) -> Bool {
        (3...255).contains(bucket.utf8.count) && !bucket.hasPrefix(".") && !bucket.contains("..")
            && bucket.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func parts(_ endpoint: String) throws -> (scheme: String, host: String, path: String) {
        let lowered = endpoint.lowercased()
        guard let scheme = ["https", "http"].first(where: { lowered.hasPrefix($0 + "://") }) else {
            throw invalid(endpoint, "it begins with neither https:// nor http://")
        }
        let rest = endpoint.dropFirst(scheme.count + 3)
        var host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }.lowercased()
        var path = String(rest.dropFirst(host.count))
        guard !host.contains("@") else { throw invalid(endpoint, "it has a user; keys have places of their own") }
        guard host != "", !host.contains(where: \.isWhitespace) else { throw invalid(endpoint, "it has no host") }
        guard !path.contains("?"), !path.contains("#") else { throw invalid(endpoint, "it has more than a path") }
        // The scheme's own port isn't part of what is signed.
        let port = scheme == "https" ? ":443" : ":80"
        if host.hasSuffix(port) { host.removeLast(port.count) }
        while path.last == "/" { path.removeLast() }
        return (scheme, host, path)
    }

    private static func invalid(_ endpoint: String, _ reason: String) -> StorageError {
        let shown = endpoint.contains("@") ? "The endpoint" : "The endpoint \(FileName.quoted(endpoint))"
        return StorageError(.invalidConfiguration, "\(shown) can't be used: \(reason).")
    }
}
