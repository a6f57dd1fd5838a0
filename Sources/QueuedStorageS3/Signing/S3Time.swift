package import FoundationEssentials

/// The forms of instants that S3 speaks, besides that of header fields.
package enum S3Time {
    /// The basic form of ISO 8601 that signatures have, such as `20130524T000000Z`.
    package static func basic(_ date: Date) -> String {
        date.formatted(
            Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted, timeZone: .gmt)
        )
    }

    /// Reads the form of XML and JSON answers, such as `2013-05-24T00:00:00.000Z`, with or without a fraction.
    ///
    /// - Parameter text: The element's text.
    /// - Returns: The instant; nil if it is written in another way.
    package static func timestamp(_ text: String) -> Date? {
        let style = Date.ISO8601FormatStyle(timeZone: .gmt)
        return (try? style.parse(text)) ?? (try? style.time(includingFractionalSeconds: true).parse(text))
    }
}
