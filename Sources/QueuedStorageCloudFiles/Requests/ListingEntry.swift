import FoundationEssentials

/// An object of a listing, or a directory that several have in common.
///
/// `{"name": "a/b.txt", "bytes": 3, "hash": "…", "content_type": "text/plain", "last_modified": "2026-01-31T10:00:00.12"}`,
/// or `{"subdir": "a/"}`.
struct ListingEntry: Decodable, Sendable {
    var name: String?
    var subdirectory: String?
    var byteCount: Int64?
    var hash: String?
    var contentType: String?
    var lastModified: String?

    enum CodingKeys: String, CodingKey {
        case name, hash
        case subdirectory = "subdir"
        case byteCount = "bytes"
        case contentType = "content_type"
        case lastModified = "last_modified"
    }

    /// The name, with the slash of a directory.
    var key: String { name ?? subdirectory ?? "" }

    /// When it was last changed; Swift writes UTC without saying so.
    var modifiedAt: Date? {
        guard let lastModified else { return nil }
        let parts = lastModified.split { "-T:".contains($0) }
        let numbers = parts.prefix(5).compactMap { Int($0) }
        // Calendars trap at years that are far enough away.
        guard parts.count == 6, numbers.count == 5, let seconds = Double(parts[5].filter { $0 != "Z" }),
            (0..<61).contains(seconds),
            zip(numbers, [1...9999, 1...12, 1...31, 0...23, 0...59]).allSatisfy({ $1.contains($0) })
        else { return nil }
        var components = DateComponents(year: numbers[0], month: numbers[1], day: numbers[2])
        (components.hour, components.minute) = (numbers[3], numbers[4])
        components.timeZone = .gmt
        return Calendar(identifier: .gregorian).date(from: components)?.addingTimeInterval(seconds)
    }
}
