/// Where staged bytes are: `staging/TOKEN/ID` in the location, or `inbox/INBOXID/TOKEN/ID` in a drop folder.
///
/// A place comes back from a database, which somebody may have tampered with; any other form is refused, so that none
/// leads out.
enum Place: Hashable, Sendable {
    case staging(token: String, id: String)
    case inbox(String, token: String, id: String)

    init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        switch (parts.first, parts.count) {
        case ("staging", 3) where parts[1...].allSatisfy(Self.isIdentifier):
            self = .staging(token: parts[1], id: parts[2])
        case ("inbox", 4) where parts[1...].allSatisfy(Self.isIdentifier):
            self = .inbox(parts[1], token: parts[2], id: parts[3])
        default:
            throw StorageError(
                .invalidName,
                "The place \(FileName.quoted(text)) isn't one of this storage's; the catalog may have been tampered with."
            )
        }
    }

    var token: String {
        switch self {
        case .staging(let token, _), .inbox(_, let token, _): token
        }
    }

    /// The last component.
    var id: String {
        switch self {
        case .staging(_, let id), .inbox(_, _, let id): id
        }
    }

    /// Tells whether a text is one component of ASCII letters, digits, `-` and `_`.
    static func isIdentifier(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

extension Place: CustomStringConvertible {
    var description: String {
        switch self {
        case .staging(let token, let id): "staging/\(token)/\(id)"
        case .inbox(let inbox, let token, let id): "inbox/\(inbox)/\(token)/\(id)"
        }
    }
}
