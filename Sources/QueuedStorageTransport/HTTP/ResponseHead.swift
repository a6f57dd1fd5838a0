/// What a server says before the content: an HTTP head, or the replies of an FTP server so far.
struct ResponseHead: Sendable {
    /// The last status (HTTP) or reply code (FTP).
    var status = 0
    var fields = HeaderFields()
    /// All lines of the last head as they came, without their ends.
    var lines: [String] = []
    /// Whether the last head is whole; replies of FTP never are.
    var isWhole = false
    private var byteCount = 0

    /// More than any honest server sends.
    static let maxByteCount = 1 << 20

    /// Takes a line.
    ///
    /// - Returns: False if the head has become too large.
    mutating func append(_ line: UnsafeBufferPointer<UInt8>, isHTTP: Bool) -> Bool {
        byteCount += line.count
        guard byteCount <= Self.maxByteCount else { return false }
        var end = line.count
        while end > 0, line[end - 1] == 0x0A || line[end - 1] == 0x0D { end -= 1 }
        let text = String(decoding: line[..<end], as: UTF8.self)
        guard isHTTP else {
            lines.append(text)
            if let code = text.replyCode { status = code }
            return true
        }
        if isWhole, !text.hasPrefix("HTTP/") {
            // Fields after the content.
            if !text.isEmpty { addField(text) }
        } else if text.hasPrefix("HTTP/") {
            self = ResponseHead(startingWith: text, byteCount: byteCount)
        } else if text.isEmpty {
            isWhole = true
        } else {
            lines.append(text)
            addField(text)
        }
        return true
    }

    private mutating func addField(_ text: String) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return }
        fields.add(String(text[..<colon]), text[text.index(after: colon)...].trimmingBlanks)
    }

    private init(startingWith line: String, byteCount: Int) {
        lines = [line]
        self.byteCount = byteCount
        let parts = line.split(separator: " ", maxSplits: 2)
        status = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    }

    init() {}

    /// Whether the head is the answer, and not one on the way to it.
    func isFinal(followingRedirects: Bool) -> Bool {
        guard isWhole, status >= 200 else { return false }
        return !(followingRedirects && (300..<400).contains(status) && fields["Location"] != nil)
    }
}

extension StringProtocol {
    /// The text without blanks around it.
    var trimmingBlanks: String {
        let isBlank = { (character: Character) in character == " " || character == "\t" }
        var rest = self[...]
        while let first = rest.first, isBlank(first) { rest = rest.dropFirst() }
        while let last = rest.last, isBlank(last) { rest = rest.dropLast() }
        return String(rest)
    }

    /// The code of a final reply line of FTP (RFC 959, 4.2): three digits and a space, or nothing more.
    fileprivate var replyCode: Int? {
        let bytes = Array(utf8.prefix(4))
        guard bytes.count >= 3, bytes[..<3].allSatisfy({ (48...57).contains($0) }) else { return nil }
        guard bytes.count == 3 || bytes[3] == UInt8(ascii: " ") else { return nil }
        return Int(String(decoding: bytes[..<3], as: UTF8.self))
    }
}
