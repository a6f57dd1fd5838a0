import FoundationEssentials

extension ListingEntry {
    /// Reads a line of LIST, in the form of Unix's `ls -l` or of DOS.
    ///
    /// No standard says how such a line looks; one of another form isn't understood.
    ///
    /// - Parameters:
    ///   - line: The line, without its end.
    ///   - now: The present instant, as Unix leaves out the year of what is recent.
    init?(listLine line: ArraySlice<UInt8>, now: Date) {
        let words = Self.words(line)
        guard let entry = Self.unix(line, words, now) ?? Self.dos(line, words) else { return nil }
        self = entry
    }

    /// A word of a line, and where it stands there.
    private struct Word {
        var text: String
        var range: Range<Int>
        var number: Int? { text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil }
    }

    private static func words(_ line: ArraySlice<UInt8>) -> [Word] {
        line.split { $0 == 0x20 || $0 == 0x09 }.map {
            Word(text: String(decoding: $0, as: UTF8.self), range: $0.startIndex..<$0.endIndex)
        }
    }

    // MARK: Unix

    /// Reads `-rw-r--r--   1 owner group     1234 Jan 31 12:34 name`.
    private static func unix(_ line: ArraySlice<UInt8>, _ words: [Word], _ now: Date) -> Self? {
        guard let first = words.first, first.range.lowerBound == line.startIndex, first.range.count >= 10,
            let letter = line.first, let kind = kind(letter)
        else { return nil }
        // Owners and groups may be missing, or have blanks: the date tells where the name begins.
        for index in words.indices.dropFirst(2) {
            guard let (date, count) = date(words[index...], now), let size = words[index - 1].number else { continue }
            let end = words[index + count - 1].range.upperBound
            guard end < line.endIndex else { return nil }
            var name = line[(end + 1)...]
            if kind == .link, let arrow = name.firstRange(of: Array(" -> ".utf8)) { name = name[..<arrow.lowerBound] }
            guard isEntryName(name) else { return nil }
            var entry = Self(name: String(decoding: name, as: UTF8.self), kind: kind)
            entry.size = kind == .file ? Int64(size) : nil
            entry.modifiedAt = date
            return entry
        }
        return nil
    }

    private static func kind(_ letter: UInt8) -> Kind? {
        switch letter {
        case UInt8(ascii: "-"): .file
        case UInt8(ascii: "d"): .directory
        case UInt8(ascii: "l"): .link
        case UInt8(ascii: "b"), UInt8(ascii: "c"), UInt8(ascii: "p"), UInt8(ascii: "s"), UInt8(ascii: "D"): .other
        default: nil
        }
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// A date that begins with a word: `Jan 31 12:34`, `Jan 31  2024`, `2024-01-31 12:34`, and its number of words.
    private static func date(_ words: ArraySlice<Word>, _ now: Date) -> (Date?, Int)? {
        let texts = words.prefix(3).map(\.text)
        if texts.count == 3, let month = months.firstIndex(of: texts[0].lowercased()), let day = Int(texts[1]),
            (1...31).contains(day)
        {
            if let (hour, minute) = time(texts[2]) {
                return (recent(month + 1, day, hour, minute, now), 3)
            }
            guard let year = Int(texts[2]), texts[2].utf8.count == 4 else { return nil }
            return (Date(year: year, month: month + 1, day: day), 3)
        }
        guard texts.count >= 2, let (hour, minute) = time(texts[1]) else { return nil }
        let parts = texts[0].split(separator: "-").map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], year > 1900 else {
            return nil
        }
        return (Date(year: year, month: month, day: day, hour: hour, minute: minute), 2)
    }

    private static func time(_ text: String) -> (Int, Int)? {
        let parts = text.split(separator: ":").map { Int($0) }
        guard parts.count >= 2, let hour = parts[0], let minute = parts[1], (0...23).contains(hour),
            (0...59).contains(minute)
        else { return nil }
        return (hour, minute)
    }

    /// A date without its year: the last one that isn't in the future, but for a day of other time zones.
    private static func recent(_ month: Int, _ day: Int, _ hour: Int, _ minute: Int, _ now: Date) -> Date? {
        let year = 1970 + Int(now.timeIntervalSince1970 / 31_556_952)
        let candidates = [year + 1, year, year - 1].compactMap {
            Date(year: $0, month: month, day: day, hour: hour, minute: minute)
        }
        return candidates.first { $0.timeIntervalSince(now) <= 86400 }
    }

    // MARK: DOS

    /// Reads `01-31-24  05:30PM       <DIR>          name`, and `2024-01-31  17:30                 1234 name`.
    private static func dos(_ line: ArraySlice<UInt8>, _ words: [Word]) -> Self? {
        guard words.count >= 4, words[0].range.lowerBound == line.startIndex,
            let date = dosDate(words[0].text, words[1].text)
        else { return nil }
        let isDirectory = words[2].text.uppercased() == "<DIR>"
        guard isDirectory || words[2].number != nil else { return nil }
        let after = line[words[2].range.upperBound...]
        // The column of sizes ends where the names begin; `<DIR>` stands ten blanks before.
        let padding = isDirectory ? 10 : 1
        let blanks = after.prefix { $0 == 0x20 }.count
        let name = after.dropFirst(min(padding, blanks))
        guard isEntryName(name) else { return nil }
        var entry = Self(name: String(decoding: name, as: UTF8.self), kind: isDirectory ? .directory : .file)
        entry.size = isDirectory ? nil : words[2].number.map { Int64($0) }
        entry.modifiedAt = date
        return entry
    }

    private static func dosDate(_ date: String, _ time: String) -> Date? {
        let parts = date.split { $0 == "-" || $0 == "/" }.map { Int($0) }
        guard parts.count == 3, let first = parts[0], let second = parts[1], let third = parts[2],
            (0...9999).contains(first), (0...9999).contains(third)
        else { return nil }
        var clock = time.uppercased()
        let isAfternoon = clock.hasSuffix("PM")
        let hasHalves = isAfternoon || clock.hasSuffix("AM")
        if hasHalves { clock.removeLast(2) }
        guard let (clockHour, minute) = Self.time(clock) else { return nil }
        let hour = hasHalves ? clockHour % 12 + (isAfternoon ? 12 : 0) : clockHour
        if first > 1900 { return Date(year: first, month: second, day: third, hour: hour, minute: minute) }
        let year = third >= 100 ? third : third < 70 ? 2000 + third : 1900 + third
        return Date(year: year, month: first, day: second, hour: hour, minute: minute)
    }
}

extension ArraySlice<UInt8> {
    /// Where some bytes stand first.
    fileprivate func firstRange(of bytes: [UInt8]) -> Range<Int>? {
        guard bytes.count <= count else { return nil }
        for start in startIndex...(endIndex - bytes.count) where self[start..<start + bytes.count].elementsEqual(bytes)
        {
            return start..<start + bytes.count
        }
        return nil
    }
}
