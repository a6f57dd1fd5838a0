import FoundationEssentials

extension ListingEntry {
    /// Reads a line of MLSD or MLST: facts, one blank, and the name, which may begin with blanks itself.
    ///
    /// Source: RFC 3659, section 7.
    ///
    /// - Parameters:
    ///   - line: The line, without its end; of MLST, without the blank that it begins with.
    ///   - checksName: Whether the name must be an entry's; MLST may say a whole path.
    init?(facts line: ArraySlice<UInt8>, checksName: Bool = true) {
        guard let blank = line.firstIndex(of: UInt8(ascii: " ")) else { return nil }
        let name = line[line.index(after: blank)...]
        self.init(name: String(decoding: name, as: UTF8.self), kind: .other)
        for fact in line[..<blank].split(separator: UInt8(ascii: ";")) {
            guard let equals = fact.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = String(decoding: fact[fact.index(after: equals)...], as: UTF8.self)
            switch String(decoding: fact[..<equals], as: UTF8.self).lowercased() {
            case "type": kind = Self.kind(value.lowercased())
            case "size", "sizd": size = Int64(value).flatMap { $0 >= 0 ? $0 : nil } ?? size
            case "modify": modifiedAt = Date(fact: value)
            case "create": createdAt = Date(fact: value)
            default: break
            }
        }
        // A directory that is listed names itself as it likes.
        if kind != .itself, checksName, !isEntryName(name) { return nil }
    }

    private static func kind(_ type: String) -> Kind {
        switch type {
        case "file": .file
        case "dir": .directory
        case "cdir", "pdir": .itself
        case _ where type.hasPrefix("os.unix=slink") || type.hasPrefix("os.unix=symlink"): .link
        default: .other
        }
    }
}

extension Date {
    /// Reads an instant of RFC 3659, section 2.3: `YYYYMMDDHHMMSS`, perhaps with a fraction, in UTC.
    init?(fact text: String) {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = parts.first.map({ Array($0.utf8) }), digits.count == 14,
            (digits + (parts.count > 1 ? Array(parts[1].utf8) : [])).allSatisfy({ (48...57).contains($0) })
        else { return nil }
        let number = { (range: Range<Int>) in digits[range].reduce(0) { $0 * 10 + Int($1) - 48 } }
        let fraction = parts.count > 1 ? Double("0." + parts[1].prefix(9)) ?? 0 : 0
        self.init(
            year: number(0..<4),
            month: number(4..<6),
            day: number(6..<8),
            hour: number(8..<10),
            minute: number(10..<12),
            second: number(12..<14),
            fraction: fraction
        )
    }
}
