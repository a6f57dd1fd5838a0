/// How many transfers may begin in a span of time: `"10/m"`, `"100/h"`, `"2/s"`.
///
/// It holds per worker process, as in Celery.
public struct RateLimit: Hashable, Sendable, Codable, CustomStringConvertible {
    /// How many may begin.
    public let count: Int
    /// In which span.
    public let period: Duration
    /// The limit as it was written.
    public let description: String

    /// Reads a limit.
    ///
    /// - Parameter text: A whole number above 0, a slash, and `s`, `m` or `h`; without a unit, per second.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration``.
    public init(_ text: String) throws {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let units: [Substring: Duration] = ["s": .seconds(1), "m": .seconds(60), "h": .seconds(3600)]
        guard (1...2).contains(parts.count), let count = Int(parts[0]), count > 0,
            let period = parts.count == 1 ? .seconds(1) : units[parts[1]]
        else {
            throw StorageError(
                .invalidConfiguration,
                "the rate limit \"\(text)\" is none: write for instance 10/m, with s, m or h"
            )
        }
        self.count = count
        self.period = period
        description = text
    }

    /// Reads a limit from its text.
    public init(from decoder: any Decoder) throws { try self.init(String(from: decoder)) }

    /// Writes a limit as its text.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }

    /// The shortest time between two beginnings, in milliseconds.
    package var interval: Int64 { max(1, period.milliseconds / Int64(count)) }
}
