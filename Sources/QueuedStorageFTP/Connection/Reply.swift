import QueuedStorageCore
import QueuedStorageTransport

/// What a server answers to a command.
struct Reply: Hashable, Sendable {
    /// The code.
    var code: Int
    /// All lines, with their codes as they came.
    var lines: [String]

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

    /// The reply that made a request fail.
    init?(_ error: any Error) {
        guard let error = (error as? StorageError)?.cause as? CurlError, let line = error.reply,
            let code = Int(line.prefix(3)), code >= 100
        else { return nil }
        self.init(code: code, lines: [line])
    }

    init(code: Int, lines: [String]) {
        self.code = code
        self.lines = lines
    }
}

extension Reply {
    /// What a refusal means, and what helps.
    ///
    /// Codes are used freely by servers, so that their words count where they are plain.
    /// Source: RFC 959, section 4.2.1; RFC 4217, section 3.
    var meaning: (code: StorageError.Code, advice: String) {
        let words = text.lowercased()
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

    /// Whether the server's words speak of permissions.
    var isDenial: Bool {
        let words = text.lowercased()
        return ["denied", "permission", "not permitted", "not allowed", "read-only", "not privileged", "forbidden"]
            .contains { words.contains($0) }
    }
}
