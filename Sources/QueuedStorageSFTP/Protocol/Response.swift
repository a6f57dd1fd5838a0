/// What a server answers to a request.
enum Response: Sendable {
    /// An entry of a directory.
    struct Entry: Sendable {
        /// The name's bytes, whatever their encoding.
        var name: ArraySlice<UInt8>
        /// The line that a listing would show, for servers that say no more.
        var line: ArraySlice<UInt8>
        var attributes: FileAttributes
    }

    case status(Status)
    case handle(Handle)
    case data([UInt8])
    case names([Entry])
    case attributes(FileAttributes)
    case extended(ArraySlice<UInt8>)

    /// Reads the body of a packet, after its type and identifier.
    init(type: UInt8, body: ArraySlice<UInt8>) throws(MalformedPacket) {
        var reader = PacketReader(body)
        switch type {
        case PacketType.status:
            let code = try reader.uint32()
            // Servers of versions before 3 say no more.
            self = .status(Status(code: code, message: reader.isAtEnd ? "" : try reader.text()))
        case PacketType.handle: self = .handle(Handle(bytes: Array(try reader.string())))
        case PacketType.data: self = .data(Array(try reader.string()))
        case PacketType.name:
            let count = Int(try reader.uint32())
            var entries: [Entry] = []
            for _ in 0..<count {
                let (name, line) = (try reader.string(), try reader.string())
                entries.append(Entry(name: name, line: line, attributes: try FileAttributes(from: &reader)))
            }
            self = .names(entries)
        case PacketType.attributes: self = .attributes(try FileAttributes(from: &reader))
        case PacketType.extendedReply: self = .extended(body)
        default: throw MalformedPacket()
        }
    }
}

/// An open file or directory, as the server calls it.
struct Handle: Hashable, Sendable {
    let bytes: [UInt8]
}

/// How a request ended.
///
/// Source: draft-ietf-secsh-filexfer-02, section 7.
struct Status: Error, Hashable, Sendable, CustomStringConvertible {
    /// The numbers of the draft; servers may send others.
    enum Code {
        static let ok: UInt32 = 0
        static let endOfFile: UInt32 = 1
        static let noSuchFile: UInt32 = 2
        static let permissionDenied: UInt32 = 3
        static let failure: UInt32 = 4
        static let badMessage: UInt32 = 5
        static let unsupported: UInt32 = 8
    }

    let code: UInt32
    let message: String

    var isOK: Bool { code == Code.ok }
    var isNoSuchFile: Bool { code == Code.noSuchFile }

    /// The code and what the server wrote to it.
    var description: String {
        let text = message.isEmpty ? "no message" : String(message.prefix(200))
        return "SFTP status \(code): \(text)"
    }
}
