package import FoundationEssentials

/// Instants as HTTP writes them, to the second.
///
/// Source: RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older forms that must be understood.
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

    /// Reads an instant in any of the three forms.
    ///
    /// - Parameter text: A field's value.
    /// - Returns: The instant; nil if the text isn't one.
    package static func parse(_ text: String) -> Date? {
        let parts = text.split { " ,-".contains($0) }.map(String.init)
        // Sun, 06 Nov 1994 08:49:37 GMT · Sunday, 06-Nov-94 08:49:37 GMT
        if parts.count == 6, parts[5] == "GMT" || parts[5] == "UTC" {
            return date(year: parts[3], month: parts[2], day: parts[1], time: parts[4])
        }
        // Sun Nov  6 08:49:37 1994
        if parts.count == 5 { return date(year: parts[4], month: parts[1], day: parts[2], time: parts[3]) }
        return nil
    }

    /// Writes an instant, in the first form.
    ///
    /// - Parameter date: The instant; fractions of a second are cut.
    /// - Returns: The text.
    package static func format(_ date: Date) -> String {
        let seconds = Int(date.timeIntervalSince1970.rounded(.down))
        let days = (seconds - floorModulo(seconds, 86400)) / 86400
        let time = floorModulo(seconds, 86400)
        let (year, month, day) = civil(days)
        let weekday = weekdays[floorModulo(days + 4, 7)]
        return "\(weekday), \(pad(day)) \(months[month - 1]) \(pad(year, 4)) "
            + "\(pad(time / 3600)):\(pad(time / 60 % 60)):\(pad(time % 60)) GMT"
    }

    private static func date(year: String, month: String, day: String, time: String) -> Date? {
        let clock = time.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
        guard var year = Int(year), (0...9999).contains(year), let month = months.firstIndex(of: month),
            let day = Int(day),
            (1...31).contains(day), clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]),
            (0...60).contains(clock[2])
        else { return nil }
        // Two digits mean the year that is at most 50 years ahead; a fixed pivot does until 2050.
        if year < 100 { year += year < 70 ? 2000 : 1900 }
        let days = days(year, month + 1, day)
        guard civil(days) == (year, month + 1, day) else { return nil }
        return Date(timeIntervalSince1970: Double(days * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]))
    }

    /// The days since 1970 of a date of the Gregorian calendar, with years that begin in March.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int) -> (Int, Int, Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
    }

    private static func floorModulo(_ value: Int, _ divisor: Int) -> Int {
        let rest = value % divisor
        return rest < 0 ? rest + divisor : rest
    }

    private static func pad(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
