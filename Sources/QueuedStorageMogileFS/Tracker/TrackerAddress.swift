import QueuedStorageCore

/// Where a tracker listens.
struct TrackerAddress: Hashable, Sendable, CustomStringConvertible {
    /// The port that trackers have if no other is named.
    static let defaultPort = 7001

    let host: String
    let port: Int

    /// `host:port`, the host of an IPv6 address in brackets.
    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Reads an address; nil if it is none.
    init?(_ text: some StringProtocol) {
        var rest = text[...]
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else {
            let end = rest.firstIndex(of: ":") ?? rest.endIndex
            host = String(rest[..<end])
            rest = rest[end...]
        }
        guard !host.isEmpty, !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "/") }) else {
            return nil
        }
        guard !rest.isEmpty else {
            port = Self.defaultPort
            return
        }
        guard rest.first == ":", let port = Int(rest.dropFirst()), (1...65535).contains(port) else { return nil }
        self.port = port
    }
}
