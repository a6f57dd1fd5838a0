public import FoundationEssentials
import Glibc

/// A part of each day, in this machine's local time; it may span midnight.
public struct TimeWindow: Hashable, Sendable {
    /// The minute of the day when it begins.
    public let start: Int
    /// The minute of the day when it ends; at that minute it is over.
    public let end: Int

    /// Makes a window.
    ///
    /// - Parameters:
    ///   - start: The minute of the day when it begins, from 0 to 1439.
    ///   - end: The minute of the day when it ends, from 0 to 1439.
    public init(start: Int, end: Int) {
        precondition((0..<1440).contains(start) && (0..<1440).contains(end), "a minute of the day is from 0 to 1439")
        self.start = start
        self.end = end
    }

    /// Reads a window such as `22:00-06:00`.
    ///
    /// - Parameter text: The window, as in a configuration file.
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/invalidOption`` if it isn't one, or is empty.
    public init(parsing text: String) throws {
        let minutes = text.split(separator: "-", omittingEmptySubsequences: false).map {
            Self.minute(String($0).trimmed)
        }
        guard minutes.count == 2, let start = minutes[0], let end = minutes[1] else {
            throw DropFolderError.invalidOption("window", text, "it is two times of the day, such as 22:00-06:00")
        }
        guard start != end else {
            throw DropFolderError.invalidOption("window", text, "it ends when it begins")
        }
        self.init(start: start, end: end)
    }

    private static func minute(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2,
            let hour = UInt8(parts[0]), let minute = UInt8(parts[1])
        else { return nil }
        // 24:00 is how people write the end of the day.
        if hour == 24, minute == 0 { return 0 }
        return hour < 24 && minute < 60 ? Int(hour) * 60 + Int(minute) : nil
    }

    /// The first instant from `instant` on that is inside the window.
    ///
    /// Source: mktime(3): a local time that a change of clocks leaves out becomes one that exists.
    ///
    /// - Parameter instant: Usually now.
    /// - Returns: `instant` itself if it is inside.
    public func next(from instant: Date) -> Date {
        var seconds = time_t(instant.timeIntervalSince1970.rounded(.down))
        var local = tm()
        localtime_r(&seconds, &local)
        let now = Int(local.tm_hour) * 60 + Int(local.tm_min)
        let isInside = start < end ? (start..<end).contains(now) : now >= start || now < end
        if isInside { return instant }
        if now > start { local.tm_mday += 1 }
        local.tm_hour = Int32(start / 60)
        local.tm_min = Int32(start % 60)
        local.tm_sec = 0
        local.tm_isdst = -1
        return Date(timeIntervalSince1970: Double(mktime(&local)))
    }
}

extension TimeWindow: CustomStringConvertible {
    /// The window in the form that ``init(parsing:)`` reads.
    public var description: String { "\(Self.text(start))-\(Self.text(end))" }

    private static func text(_ minute: Int) -> String {
        let (hour, minute) = minute.quotientAndRemainder(dividingBy: 60)
        return "\(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
}
