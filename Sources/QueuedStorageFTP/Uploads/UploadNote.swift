/// What the next attempt must know of an upload, as its journal keeps it: `1048576`, `1048576 PART` or `- PART`.
struct UploadNote: Hashable, Sendable {
    /// What tells an upload's files apart on a server that can only append to them, so that what is late for one doesn't
    /// come to the other.
    var part: String?
    /// How many bytes the server confirmed; nil if nobody knows, as more may be on their way.
    var confirmed: Int64?

    init(_ text: String?) {
        let words = (text ?? "").split(separator: " ")
        confirmed = words.first.flatMap { Int64($0) }
        part = words.count == 2 ? String(words[1]) : nil
        if confirmed == 0, part == nil { confirmed = nil }
    }

    var text: String { (confirmed.map { "\($0)" } ?? "-") + (part.map { " \($0)" } ?? "") }

    /// The last component of an upload's file.
    func file(of upload: String) -> String { upload + (part.map { ".\($0)" } ?? "") }

    /// The upload that a file belongs to.
    static func upload(ofFile name: String) -> String {
        String(name.utf8.prefix { $0 != UInt8(ascii: ".") }) ?? name
    }
}
