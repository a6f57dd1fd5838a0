/// What the server says, or is told, of a file; what is nil is not said.
///
/// ```
/// uint32 flags · uint64 size · uint32 uid · uint32 gid · uint32 permissions · uint32 atime · uint32 mtime · extended
/// ```
/// Source: draft-ietf-secsh-filexfer-02, section 5.
struct FileAttributes: Hashable, Sendable {
    struct Owner: Hashable, Sendable {
        var user: UInt32
        var group: UInt32
    }

    struct Times: Hashable, Sendable {
        /// Seconds since 1970.
        var accessed: UInt32
        var modified: UInt32
    }

    var size: UInt64?
    var owner: Owner?
    /// Kind and permissions, as `st_mode` has them.
    var mode: UInt32?
    var times: Times?

    /// What tells a file from nearly all others; nil if the server doesn't say enough.
    ///
    /// The protocol has no number of a file. Another one under the same path had to have its size, and be of the same second.
    var identity: FileAttributes? {
        guard size != nil, var times else { return nil }
        times.accessed = 0
        return FileAttributes(size: size, owner: owner, mode: mode, times: times)
    }

    var isDirectory: Bool { kind == 0o040000 }
    var isSymbolicLink: Bool { kind == 0o120000 }
    /// False for pipes and devices; servers that don't tell the kind are believed.
    var isRegularFile: Bool { kind == 0o100000 || kind == nil || kind == 0 }

    private var kind: UInt32? { mode.map { $0 & 0o170000 } }

    private enum Flag {
        static let size: UInt32 = 1
        static let owner: UInt32 = 2
        static let mode: UInt32 = 4
        static let times: UInt32 = 8
        static let extended: UInt32 = 0x8000_0000
    }

    init(size: UInt64? = nil, owner: Owner? = nil, mode: UInt32? = nil, times: Times? = nil) {
        self.size = size
        self.owner = owner
        self.mode = mode
        self.times = times
    }

    init(from reader: inout PacketReader) throws(MalformedPacket) {
        let flags = try reader.uint32()
        if flags & Flag.size != 0 { size = try reader.uint64() }
        if flags & Flag.owner != 0 { owner = Owner(user: try reader.uint32(), group: try reader.uint32()) }
        if flags & Flag.mode != 0 { mode = try reader.uint32() }
        if flags & Flag.times != 0 { times = Times(accessed: try reader.uint32(), modified: try reader.uint32()) }
        if flags & Flag.extended != 0 {
            for _ in 0..<(try reader.uint32()) {
                _ = try reader.string()
                _ = try reader.string()
            }
        }
    }

    func encode(into request: inout Request) {
        var flags: UInt32 = 0
        if size != nil { flags |= Flag.size }
        if owner != nil { flags |= Flag.owner }
        if mode != nil { flags |= Flag.mode }
        if times != nil { flags |= Flag.times }
        request.add(flags)
        if let size { request.add(size) }
        if let owner {
            request.add(owner.user)
            request.add(owner.group)
        }
        if let mode { request.add(mode) }
        if let times {
            request.add(times.accessed)
            request.add(times.modified)
        }
    }
}
