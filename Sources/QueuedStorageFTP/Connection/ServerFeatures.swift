import QueuedStorageCore

/// What a server says it can do, and where a session begins.
struct ServerFeatures: Sendable {
    /// How the server computes a checksum.
    enum ChecksumCommand: Sendable {
        case hash(algorithm: String)
        case plain(String)
    }

    /// MLSD and MLST.
    var hasFacts = false
    var hasUTF8 = false
    /// The commands for checksums, the strongest first.
    var checksums: [(algorithm: Checksum.Algorithm, command: ChecksumCommand)] = []
    /// The directory that sessions begin in; nil if the server doesn't say.
    var entryPath: String?

    /// Reads the answers to FEAT and PWD.
    ///
    /// Source: RFC 2389, section 3.2; draft-bryan-ftpext-hash.
    init(features: Reply?, directory: Reply?) {
        if let features, features.isPositive {
            for line in features.lines.dropFirst().dropLast() { note(line) }
        }
        checksums.sort { $0.algorithm == .sha256 && $1.algorithm != .sha256 }
        if let directory, directory.code == 257 { entryPath = Self.quoted(directory.text) }
    }

    private mutating func note(_ line: String) {
        let words = line.split(separator: " ", maxSplits: 1)
        guard let word = words.first?.uppercased() else { return }
        switch word {
        case "MLST", "MLSD": hasFacts = true
        case "UTF8": hasUTF8 = true
        case "XSHA256": checksums.append((.sha256, .plain("XSHA256")))
        case "XMD5": checksums.append((.md5, .plain("XMD5")))
        case "HASH":
            let names = (words.count > 1 ? words[1] : "").uppercased().split { $0 == ";" || $0 == "*" || $0 == " " }
            if names.contains("SHA-256") { checksums.append((.sha256, .hash(algorithm: "SHA-256"))) }
            if names.contains("MD5") { checksums.append((.md5, .hash(algorithm: "MD5"))) }
        default: break
        }
    }

    /// The text in quotes that an answer begins with; quotes in it are doubled.
    private static func quoted(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        guard let start = rest.firstIndex(of: UInt8(ascii: "\"")) else { return nil }
        rest = rest[(start + 1)...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\"") else {
                bytes.append(byte)
                continue
            }
            guard rest.first == byte else { break }
            bytes.append(byte)
            rest.removeFirst()
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }
}
