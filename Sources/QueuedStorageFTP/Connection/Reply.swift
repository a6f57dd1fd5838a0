import QueuedStorageCore
import QueuedStorageTransport

/// What a server answers to a command.
struct Reply: Hashable, Sendable {
    /// The code.
    var code: Int
    /// All lines, with their codes as they came.
    var lines: [String]
    /// The paths that it answers of; a server may repeat them, and their words aren't its own.
    var subjects: [String] = []

    /// The last line without its code.
    var text: String { String((lines.last ?? "").dropFirst(4)) }
    var isPositive: Bool { (200..<400).contains(code) }
    /// Whether the server doesn't know the command.
    var isUnknownCommand: Bool { [500, 502, 504].contains(code) }

    /// Groups lines: one that begins with three digits and a hyphen goes on until its digits come with a blank.
    ///
    /// Source: RFC 959, section 4.2.
    static func all(in lines: [String]) -> [Reply] {
        var replies: [Reply] = []
        var open: (code: String, lines: [String])?
        for line in lines {
            let code = String(line.prefix(3))
            let isCode = code.utf8.count == 3 && code.utf8.allSatisfy { (48...57).contains($0) }
            let mark = line.dropFirst(3).first
            if var block = open {
                block.lines.append(line)
                open = block
                guard isCode, code == block.code, mark == " " || mark == nil else { continue }
                replies.append(Reply(code: Int(code) ?? 0, lines: block.lines))
                open = nil
            } else if isCode, mark == "-" {
                open = (code, [line])
            } else if isCode {
                replies.append(Reply(code: Int(code) ?? 0, lines: [line]))
            }
        }
        return replies
    }

    /// The last reply to a request that failed; it may be a positive one, after which the connection broke.
    init?(_ error: any Error) {
        guard let curl = CurlError(behind: error), let line = curl.reply, let code = Int(line.prefix(3)), code >= 100
        else { return nil }
        self.init(code: code, lines: [line], subjects: ServerFailure(behind: error)?.subjects ?? [])
    }

    /// The refusal that made a request fail.
    init?(refusalIn error: any Error) {
        guard let reply = Reply(error), reply.code >= 400 else { return nil }
        self = reply
    }

    init(code: Int, lines: [String], subjects: [String] = []) {
        self.code = code
        self.lines = lines
        self.subjects = subjects
    }
}

extension Reply {
    /// What a refusal means, and what helps.
    ///
    /// Codes are used freely by servers, so that their words count where they are plain.
    /// Source: RFC 959, section 4.2.1; RFC 4217, section 3.
    var meaning: (code: StorageError.Code, advice: String) {
        let words = words.lowercased()
        let says = { (parts: String...) in parts.contains { words.contains($0) } }
        switch code {
        case _ where says("no space", "quota", "disk full", "disk is full", "insufficient storage", "out of space"):
            return (.full, "make room there")
        case 452, 552: return (.full, "make room there")
        case _ where says("too many", "maximum number", "connection limit", "try again later"):
            return (.throttled, "fewer connections may help: lower the option \"connections\"")
        case 421: return (.throttled, "it is tried again later")
        case 425, 426, 450, 451: return (.failed, "it is tried again")
        case _ where says("tls", "ssl") && says("require", "must"):
            return (.denied, "it wants encryption: set the option \"tls\" to \"required\"")
        case 430, 530, 532: return (.denied, "check the user, the password, and what the user may do")
        case 522, 533, 534, 536, 431: return (.denied, "check the option \"tls\", and what the server demands")
        case _ where says("too long"): return (.invalidName, "the name is too long for the server")
        case 550 where isDenial: return (.denied, "check what the user may do there")
        case 550: return (.notFound, "")
        case 501, 553:
            return isDenial || !says("name", "character", "invalid")
                ? (.denied, "check what the user may do there") : (.invalidName, "the server doesn't take the name")
        case 500, 502, 503, 504: return (.notSupported, "the server can't do that")
        default: return (.failed, "it is tried again")
        }
    }

    /// The text without the names of what was asked for.
    private var words: String { Self.words(of: text, without: subjects) }

    /// A server's text without the paths that it was asked about, and the ends of them.
    static func words(of text: String, without paths: [String]) -> String {
        var bytes = Array(text.utf8)
        for path in paths {
            let path = Array(path.utf8)
            // Servers say the whole path, or what of it lies below the directory that a user begins in.
            let starts = path.indices.filter { $0 == 0 || path[$0 - 1] == UInt8(ascii: "/") }
            for start in starts where start < path.endIndex {
                let name = path[start...]
                // A name such as "denied" may also be the server's own word.
                let isPlain = name.allSatisfy { $0 == UInt8(ascii: " ") || isLetter($0) }
                bytes.removeAll(of: name) { before, after in
                    guard !(before.map(isWordByte) ?? false), !(after.map(isWordByte) ?? false) else { return false }
                    return !isPlain || after == UInt8(ascii: ":") || (before == after && before.map(isQuote) ?? false)
                }
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    /// Whether the server's words speak of permissions.
    var isDenial: Bool {
        let words = words.lowercased()
        return ["denied", "permission", "not permitted", "not allowed", "read-only", "not privileged", "forbidden"]
            .contains { words.contains($0) }
    }
}

extension [UInt8] {
    /// Removes some bytes wherever they stand between neighbours that are fit.
    fileprivate mutating func removeAll(
        of bytes: ArraySlice<UInt8>,
        where isFit: (_ before: UInt8?, _ after: UInt8?) -> Bool
    ) {
        var start = 0
        while start + bytes.count <= count {
            let end = start + bytes.count
            let (before, after) = (start > 0 ? self[start - 1] : nil, end < count ? self[end] : nil)
            if self[start..<end].elementsEqual(bytes), isFit(before, after) {
                removeSubrange(start..<end)
            } else {
                start += 1
            }
        }
    }
}
