/// The types of SFTP packets.
///
/// Source: draft-ietf-secsh-filexfer-02, section 3.
enum PacketType {
    static let initialize: UInt8 = 1
    static let version: UInt8 = 2
    static let open: UInt8 = 3
    static let close: UInt8 = 4
    static let read: UInt8 = 5
    static let write: UInt8 = 6
    static let lstat: UInt8 = 7
    static let fstat: UInt8 = 8
    static let setstat: UInt8 = 9
    static let fsetstat: UInt8 = 10
    static let opendir: UInt8 = 11
    static let readdir: UInt8 = 12
    static let remove: UInt8 = 13
    static let mkdir: UInt8 = 14
    static let rmdir: UInt8 = 15
    static let realpath: UInt8 = 16
    static let stat: UInt8 = 17
    static let rename: UInt8 = 18
    static let status: UInt8 = 101
    static let handle: UInt8 = 102
    static let data: UInt8 = 103
    static let name: UInt8 = 104
    static let attributes: UInt8 = 105
    static let extended: UInt8 = 200
    static let extendedReply: UInt8 = 201
}

/// A packet to be sent: a head that is made here, and bytes of a file behind it that are never copied.
///
/// ```
/// uint32 length · byte type · uint32 id · fields …
/// ```
/// The identifier is filled in when the packet is sent.
struct Request: Sendable {
    private(set) var head: [UInt8]
    private(set) var payload: ArraySlice<UInt8> = []
    /// Whether the answer may take long by right: syncing, copying.
    var isSlow = false

    init(_ type: UInt8) {
        head = [0, 0, 0, 0, type, 0, 0, 0, 0]
        head.reserveCapacity(128)
    }

    /// A request of an extension.
    init(extension name: String) {
        self.init(PacketType.extended)
        add(name.utf8)
    }

    var byteCount: Int { head.count + payload.count }

    mutating func add(_ value: UInt32) {
        for shift in [24, 16, 8, 0] as [UInt32] { head.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func add(_ value: UInt64) {
        add(UInt32(truncatingIfNeeded: value >> 32))
        add(UInt32(truncatingIfNeeded: value))
    }

    /// Adds a string: its length and its bytes.
    mutating func add(_ string: some Collection<UInt8>) {
        add(UInt32(string.count))
        head.append(contentsOf: string)
    }

    mutating func add(_ attributes: FileAttributes) { attributes.encode(into: &self) }

    /// Adds a string whose bytes are sent from where they are; nothing can follow.
    mutating func add(payload bytes: ArraySlice<UInt8>) {
        add(UInt32(bytes.count))
        payload = bytes
    }

    /// Fills in length and identifier.
    mutating func finish(id: UInt32) {
        head.put(UInt32(byteCount - 4), at: 0)
        head.put(id, at: 5)
    }

    /// The first packet of all: the version that we speak.
    static var initialize: [UInt8] { [0, 0, 0, 5, PacketType.initialize, 0, 0, 0, 3] }
}

extension [UInt8] {
    fileprivate mutating func put(_ value: UInt32, at index: Int) {
        for offset in 0..<4 { self[index + offset] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * offset)) }
    }
}

/// Takes the fields of a received packet one by one.
struct PacketReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func byte() throws(MalformedPacket) -> UInt8 {
        guard let byte = rest.popFirst() else { throw MalformedPacket() }
        return byte
    }

    mutating func uint32() throws(MalformedPacket) -> UInt32 {
        guard rest.count >= 4 else { throw MalformedPacket() }
        var value: UInt32 = 0
        for byte in rest.prefix(4) { value = value << 8 | UInt32(byte) }
        rest = rest.dropFirst(4)
        return value
    }

    mutating func uint64() throws(MalformedPacket) -> UInt64 {
        UInt64(try uint32()) << 32 | UInt64(try uint32())
    }

    mutating func string() throws(MalformedPacket) -> ArraySlice<UInt8> {
        let count = Int(try uint32())
        guard rest.count >= count else { throw MalformedPacket() }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func text() throws(MalformedPacket) -> String { String(decoding: try string(), as: UTF8.self) }
}

/// A packet whose fields don't fit its length, or that answers nothing we asked.
struct MalformedPacket: Error, CustomStringConvertible {
    var description = "the answer isn't one of the SFTP protocol"
}
