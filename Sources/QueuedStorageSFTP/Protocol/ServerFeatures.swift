/// What a server can do beyond the protocol's version 3, as it says itself.
struct ServerFeatures: Hashable, Sendable {
    /// The extensions by name, with their versions.
    var extensions: [String: String] = [:]
    /// The largest read and write that the server takes, in bytes; what every server takes until it says more.
    var maxReadByteCount = 32 << 10
    var maxWriteByteCount = 32 << 10
    /// The milliseconds from a question to its answer, as the connection began.
    var roundTripMilliseconds = 0

    /// Source: OpenSSH 9.2, PROTOCOL, sections 4.3 to 4.10.
    var syncsFiles: Bool { extensions["fsync@openssh.com"] == "1" }
    var replacesByRename: Bool { extensions["posix-rename@openssh.com"] == "1" }
    var tellsSpace: Bool { extensions["statvfs@openssh.com"] == "2" }
    var copiesData: Bool { extensions["copy-data"] == "1" }
    var tellsLimits: Bool { extensions["limits@openssh.com"] == "1" }

    /// Reads the server's first packet, after its type.
    init(versionPacket body: ArraySlice<UInt8>) throws(MalformedPacket) {
        var reader = PacketReader(body)
        guard try reader.uint32() >= 3 else {
            throw MalformedPacket(description: "the server's SFTP is older than version 3")
        }
        while !reader.isAtEnd {
            let name = try reader.text()
            extensions[name] = try reader.text()
        }
    }

    init() {}

    /// Takes what `limits@openssh.com` says: lengths of packets, reads and writes, and the number of handles; 0 is unsaid.
    mutating func takeLimits(_ reply: ArraySlice<UInt8>) throws(MalformedPacket) {
        var reader = PacketReader(reply)
        _ = try reader.uint64()
        let (read, write) = (try reader.uint64(), try reader.uint64())
        // More than this in one packet gains nothing.
        if read > 0 { maxReadByteCount = Int(min(read, 256 << 10)) }
        if write > 0 { maxWriteByteCount = Int(min(write, 256 << 10)) }
    }
}
