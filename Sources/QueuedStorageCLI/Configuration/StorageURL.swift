import QueuedStorageCore

/// Where a storage is, as `--remote` and the configuration say it: `file:///dir`, or a plain path.
struct StorageURL: Hashable, Sendable {
    /// The scheme in lower case; nil for a plain path.
    let scheme: String?
    /// The user, if one is named; never a password.
    let user: String?
    /// The host, and the port if one is named; empty if there is none.
    let host: String
    /// The path, decoded; a plain path as it was written.
    let path: String
    /// What stands after the question mark.
    let query: String?

    /// Reads an address; one without `://` is a path.
    ///
    /// Source: RFC 3986, section 3.
    ///
    /// - Throws: ``StorageURLError``, whose sentence doesn't repeat a password.
    init(_ text: String) throws {
        guard !text.isEmpty else { throw StorageURLError("is empty; write a directory or a URL") }
        guard let (scheme, address) = Self.split(text, at: "://"), Self.isScheme(scheme) else {
            (self.scheme, user, host, path, query) = (nil, nil, "", text, nil)
            return
        }
        let authorityEnd = address.firstIndex { "/?#".contains($0) } ?? address.endIndex
        var authority = address[..<authorityEnd]
        var rest = address[authorityEnd...]
        var user: String?
        if let at = authority.lastIndex(of: "@") {
            let credentials = authority[..<at]
            guard !credentials.contains(":") else {
                throw StorageURLError(
                    "has a password in it, which would end up in process lists, logs and backups; "
                        + "leave it out of the URL, and give it in the environment or in a file"
                )
            }
            user = String(credentials)
            authority = authority[authority.index(after: at)...]
        }
        var query: String?
        if let mark = rest.firstIndex(of: "?") {
            query = String(rest[rest.index(after: mark)...])
            rest = rest[..<mark]
        }
        guard let path = Self.decoded(rest) else {
            throw StorageURLError("has a % that isn't followed by two hexadecimal digits of UTF-8 text")
        }
        self.scheme = scheme.lowercased()
        self.user = user
        host = String(authority)
        self.path = path
        self.query = query
    }

    private static func split(_ text: String, at separator: String) -> (Substring, Substring)? {
        guard let range = text.firstRange(of: separator) else { return nil }
        return (text[..<range.lowerBound], text[range.upperBound...])
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.first, first.isASCII, first.isLetter else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+.-".contains($0)) }
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2, let digits = String(rest.prefix(2)), let value = UInt8(digits, radix: 16),
                    !digits.hasPrefix("+"), value != 0
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// Why a text is no storage's address: the end of a sentence that begins with what the text is.
struct StorageURLError: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
