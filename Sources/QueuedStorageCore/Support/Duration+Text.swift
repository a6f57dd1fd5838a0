extension Duration {
    private static let optionUnits: [(String, Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// The longest time that an option may be: 100 years.
    package static let longestOption = Duration.seconds(36_525 * 86_400)

    /// A number of seconds; nil if it is none, negative, or longer than any option.
    package init?(bounded seconds: Double) {
        guard seconds >= 0, seconds <= Self.longestOption.seconds else { return nil }
        self = .seconds(seconds)
    }

    /// Reads a time such as `90s`, `10m`, `1h30m`, `250ms` or `2d`; nil if it isn't one.
    package init?(parsing text: String) {
        var rest = text[...]
        var milliseconds: Int64 = 0
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            let letters = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(letters.count)
            guard let count = Int64(digits), let unit = Self.optionUnits.first(where: { $0.0 == letters })?.1 else {
                return nil
            }
            let (product, isTooBig) = count.multipliedReportingOverflow(by: unit)
            let (sum, isTooBigInAll) = milliseconds.addingReportingOverflow(product)
            guard !isTooBig, !isTooBigInAll else { return nil }
            milliseconds = sum
        }
        self = .milliseconds(milliseconds)
    }

    /// The time in the form that ``init(parsing:)`` reads, to the millisecond.
    package var optionText: String {
        var rest = milliseconds
        if rest == 0 { return "0s" }
        return Self.optionUnits.reduce(into: "") { text, unit in
            if rest >= unit.1 { text += "\(rest / unit.1)\(unit.0)" }
            rest %= unit.1
        }
    }
}
