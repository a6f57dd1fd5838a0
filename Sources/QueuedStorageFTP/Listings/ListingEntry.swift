import FoundationEssentials

/// What a server says of one file or directory.
struct ListingEntry: Hashable, Sendable {
    /// What it is.
    enum Kind: Hashable, Sendable {
        case file
        case directory
        /// A symbolic link, whose target isn't known.
        case link
        /// The listed directory itself, or the one above it.
        case itself
        /// A device, a socket, or what the server alone knows.
        case other
    }

    var name: String
    var kind: Kind
    var size: Int64?
    var modifiedAt: Date?
    var createdAt: Date?
}

/// The lines of a listing, without their ends; names keep their blanks.
func listingLines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
        var line = line
        while line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line.isEmpty ? nil : line
    }
}

/// Whether a listing's name can be one of a directory's entries, and doesn't lead elsewhere.
func isEntryName(_ name: ArraySlice<UInt8>) -> Bool {
    !name.isEmpty && !name.elementsEqual(".".utf8) && !name.elementsEqual("..".utf8)
        && !name.contains(UInt8(ascii: "/")) && !name.contains(0)
}

extension Date {
    /// An instant by its parts, in UTC; nil if a part is out of range.
    ///
    /// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    init?(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, fraction: Double = 0) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let days = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        self.init(timeIntervalSince1970: Double(days * 86400 + hour * 3600 + minute * 60 + second) + fraction)
    }
}
