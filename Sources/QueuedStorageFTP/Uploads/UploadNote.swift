/// What the next attempt must know of an upload, as its journal keeps it: `1048576`, `1048576 PART` or `- PART`.
struct UploadNote: Hashable, Sendable {
    /// What tells an upload's files apart on a server that can only append to them, so that what is late for one doesn't
    /// come to the other.
    var part: String?
    /// How many bytes the server confirmed; nil if nobody knows, as more may be on their way.
    var confirmed: Int64?

    init(_ text: String?) {
        let words = (text ?? "").split(separator: " ")
        confirmed = words.first.flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
        // It comes back from a database, which somebody may have tampered with, and becomes part of a path.
        part = words.count == 2 && words[1].utf8.allSatisfy(Self.isPartByte) ? String(words[1]) : nil
        if confirmed == 0, part == nil { confirmed = nil }
    }

    private static func isPartByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    var text: String { (confirmed.map { "\($0)" } ?? "-") + (part.map { " \($0)" } ?? "") }

    /// The last component of an upload's file.
    func file(of upload: String) -> String { upload + (part.map { ".\($0)" } ?? "") }

    /// The upload that a file belongs to.
    static func upload(ofFile name: String) -> String {
        String(name.utf8.prefix { $0 != UInt8(ascii: ".") }) ?? name
    }
}
