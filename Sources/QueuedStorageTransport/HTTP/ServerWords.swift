/// Finds the words for people in what a server sends with an error.
enum ServerWords {
    /// The longest excerpt, in characters.
    static let maxLength = 200

    /// Returns a short excerpt.
    ///
    /// Of XML, only the elements that hold messages count, as others repeat the request and its signature.
    ///
    /// - Parameters:
    ///   - bytes: The beginning of the content.
    ///   - type: Its media type.
    /// - Returns: A line of text without markup; nil if there is none.
    static func excerpt(of bytes: [UInt8], type: String?) -> String? {
        guard let text = String(validating: bytes, as: UTF8.self) ?? latin(bytes) else { return nil }
        let type = type?.lowercased() ?? ""
        let start = text.prefix { $0.isWhitespace }
        let body = text.dropFirst(start.count)
        let words: String?
        if type.contains("html") || body.lowercasedPrefix(9) == "<!doctype" || body.lowercasedPrefix(5) == "<html" {
            words = first(of: ["title", "h1", "body"], in: body)
        } else if body.first == "<" {
            let found = ["code", "message", "s:message"].compactMap { element($0, in: body) }
            words = found.isEmpty ? nil : found.map(\.trimmingBlanks).joined(separator: ": ")
        } else if body.first == "{" || body.first == "[" {
            words = ["error", "message", "reason", "title", "detail"].compactMap { string($0, in: body) }
                .joined(separator: ": ")
        } else {
            words = String(body)
        }
        return words.flatMap(line)
    }

    /// One line without control characters, and without the queries of addresses, which may carry signatures.
    private static func line(_ text: String) -> String? {
        let words = text.split { $0.isWhitespace || $0.unicodeScalars.contains { $0.value < 32 || $0.value == 127 } }
            .map { word in word.contains("://") ? word.prefix { $0 != "?" } : word }
        let joined = words.joined(separator: " ")
        guard !joined.isEmpty else { return nil }
        return joined.count > maxLength ? joined.prefix(maxLength - 1) + "…" : joined
    }

    private static func first(of names: [String], in text: Substring) -> String? {
        for name in names {
            if let found = element(name, in: text), found.contains(where: { !$0.isWhitespace }) { return found }
        }
        return nil
    }

    /// The text of the first element of a name, without the markup in it.
    private static func element(_ name: String, in text: Substring) -> String? {
        var rest = text
        while let open = rest.firstIndex(of: "<") {
            let tag = rest[rest.index(after: open)...]
            guard let end = tag.firstIndex(of: ">") else { return nil }
            let tagName = tag[..<end].prefix { !$0.isWhitespace && $0 != "/" }
            rest = tag[tag.index(after: end)...]
            guard tagName.lowercased() == name.lowercased(), tag[..<end].last != "/" else { continue }
            return withoutMarkup(rest, until: "</" + tagName)
        }
        return nil
    }

    private static func withoutMarkup(_ text: Substring, until end: String) -> String {
        var result = ""
        var rest = text
        while let open = rest.firstIndex(of: "<") {
            result += rest[..<open] + " "
            if rest[open...].hasPrefix(end) { return unescaped(result) }
            guard let close = rest[open...].firstIndex(of: ">") else { return unescaped(result) }
            rest = rest[rest.index(after: close)...]
        }
        return unescaped(result + rest)
    }

    private static func unescaped(_ text: String) -> String {
        var text = text
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
            text = text.split(separator: entity, omittingEmptySubsequences: false).joined(separator: character)
        }
        return text
    }

    /// The value of the first member of a name in JSON that is a string.
    private static func string(_ name: String, in text: Substring) -> String? {
        var rest = text
        while let found = rest.range(after: "\"\(name)\"") {
            rest = rest[found...].drop { $0.isWhitespace || $0 == ":" }
            guard rest.first == "\"" else { continue }
            var value = ""
            var isEscaped = false
            for character in rest.dropFirst() {
                if isEscaped {
                    value.append(character == "n" || character == "t" || character == "r" ? " " : character)
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    break
                } else {
                    value.append(character)
                }
            }
            return value
        }
        return nil
    }

    /// Text in Latin-1; nil if it is no text at all.
    private static func latin(_ bytes: [UInt8]) -> String? {
        // A character of UTF-8 that was cut at the end isn't the fault of the rest.
        if let cut = (1...3).lazy.compactMap({ String(validating: bytes.dropLast($0), as: UTF8.self) }).first {
            return cut
        }
        guard !bytes.contains(0) else { return nil }
        return String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}

extension Substring {
    /// The end of the first occurrence of a text.
    fileprivate func range(after text: String) -> Index? {
        var rest = self
        while let first = text.first, let start = rest.firstIndex(of: first) {
            if rest[start...].hasPrefix(text) { return rest.index(start, offsetBy: text.count) }
            rest = rest[rest.index(after: start)...]
        }
        return nil
    }
}

extension StringProtocol {
    func lowercasedPrefix(_ count: Int) -> String { prefix(count).lowercased() }
}
