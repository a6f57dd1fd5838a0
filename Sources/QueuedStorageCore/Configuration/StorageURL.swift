/// Where a storage is, as a command line and a configuration say it: `sftp://user@host/dir?key=FILE`, or a plain path.
public struct StorageURL: Hashable, Sendable {
    /// The scheme in lower case; nil for a plain path.
    public let scheme: String?
    /// The user, if one is named; never a password.
    public let user: String?
    /// The host, and the port if one is named; empty if there is none.
    public let authority: String
    /// The path, decoded; a plain path as it was written.
    public let path: String
    /// What stands after the question mark, as it was written.
    public let query: String?

    /// Reads an address; one without `://` is a path.
    ///
    /// Source: RFC 3986, section 3.
    ///
    /// - Parameter text: The address.
    /// - Throws: ``StorageURLError``, whose sentence doesn't repeat a password.
    public init(_ text: String) throws {
        guard !text.isEmpty else { throw StorageURLError("is empty; write a directory or a URL") }
        guard let (scheme, address) = Self.split(text, at: "://"), Self.isScheme(scheme) else {
            (self.scheme, user, authority, path, query) = (nil, nil, "", text, nil)
            return
        }
        let authorityEnd = address.utf8.firstIndex { "/?#".utf8.contains($0) } ?? address.endIndex
        var authority = address[..<authorityEnd]
        var rest = address[authorityEnd...]
        var user: String?
        if let at = authority.utf8.lastIndex(of: UInt8(ascii: "@")) {
            let credentials = authority[..<at]
            guard !credentials.utf8.contains(UInt8(ascii: ":")), !credentials.lowercased().contains("%3a") else {
                throw Self.hasPassword
            }
            guard let decoded = Self.decoded(credentials) else {
                throw StorageURLError("has a user with a % that isn't followed by two hexadecimal digits of UTF-8 text")
            }
            user = decoded
            authority = authority[authority.utf8.index(after: at)...]
        } else if rest.utf8.contains(UInt8(ascii: "@")), Self.hasOddPort(authority) {
            // USER:PASSWORD@ with a slash, a question mark or a # in the password.
            throw Self.hasPassword
        }
        var query: String?
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            query = String(rest[rest.utf8.index(after: mark)...])
            rest = rest[..<mark]
        }
        guard let path = Self.decoded(rest) else {
            throw StorageURLError("has a % that isn't followed by two hexadecimal digits of UTF-8 text")
        }
        self.scheme = scheme.lowercased()
        self.user = user
        self.authority = String(authority)
        self.path = path
        self.query = query
    }

    private static let hasPassword = StorageURLError(
        "has a password in it, which would end up in process lists, logs and backups; "
            + "leave it out of the URL, and give it in the environment or in a file"
    )

    /// Whether something else than digits stands behind the last colon.
    private static func hasOddPort(_ authority: Substring) -> Bool {
        guard let colon = authority.utf8.lastIndex(of: UInt8(ascii: ":")) else { return false }
        let port = authority.utf8[authority.utf8.index(after: colon)...]
        return port.isEmpty || !port.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func split(_ text: String, at separator: String) -> (Substring, Substring)? {
        // By bytes: a character can be more than the one that means something.
        guard let range = text.utf8.firstRange(of: separator.utf8) else { return nil }
        return (text[..<range.lowerBound], text[range.upperBound...])
    }

    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.first, first.isASCII, first.isLetter else { return false }
        return text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "+.-".contains($0)) }
    }

    /// The host without its port; of an IPv6 address, without its brackets.
    public var host: String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return String(authority.prefix { $0 != ":" })
    }

    /// The port, if one is named.
    ///
    /// - Returns: The port; nil if none is named.
    /// - Throws: ``StorageURLError`` if it isn't a number from 1 to 65535.
    public func port() throws -> Int? {
        let start =
            authority.hasPrefix("[") ? authority.firstIndex(of: "]") ?? authority.startIndex : authority.startIndex
        guard let colon = authority[start...].firstIndex(of: ":") else { return nil }
        let text = authority[authority.index(after: colon)...]
        guard let port = Int(text), (1...65535).contains(port) else {
            // What isn't a number may be a password whose @ and host were forgotten.
            let shown = Int(text) == nil ? "something that is no port behind the host's colon" : "the port \(text)"
            throw StorageURLError("has \(shown); a port is a number from 1 to 65535")
        }
        return port
    }

    /// What stands after the question mark: names and values, decoded.
    ///
    /// - Returns: The values by name.
    /// - Throws: ``StorageURLError`` if a name stands there twice, without a value, or is a secret's.
    public func parameters() throws -> [String: String] {
        var values: [String: String] = [:]
        for bytes in (query ?? "").utf8.split(separator: UInt8(ascii: "&")) {
            let part = Substring(bytes)
            // What isn't understood isn't repeated: it may be a secret.
            guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")), let name = Self.decoded(part[..<equals]),
                !name.isEmpty
            else {
                throw StorageURLError(
                    "has something without a name after the question mark; write NAME=VALUE&NAME=VALUE"
                )
            }
            guard
                !["password", "passwd", "secret", "secretaccesskey", "sessiontoken", "token"].contains(
                    name.lowercased()
                )
            else {
                throw StorageURLError(
                    "has a secret in it, \(name), which would end up in process lists, logs and backups; "
                        + "leave it out of the URL, and give it in the environment or in a file (passwordFile=FILE)"
                )
            }
            guard let value = Self.decoded(part[bytes.index(after: equals)...]) else {
                throw StorageURLError(
                    "has a % in the value of \(name) that isn't followed by two hexadecimal digits of UTF-8 text"
                )
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw StorageURLError("has \(name) twice")
            }
        }
        return values
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
public struct StorageURLError: Error {
    /// The end of the sentence.
    public let message: String

    /// Makes an error.
    ///
    /// - Parameter message: The end of the sentence.
    public init(_ message: String) { self.message = message }
}
