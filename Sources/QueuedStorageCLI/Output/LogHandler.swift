import FoundationEssentials
import Logging

/// Writes log messages to the error stream, one a line: as text, or as JSON for machines.
struct ConsoleLogHandler: LogHandler {
    /// The form of the lines.
    enum Format: String, CaseIterable, Sendable {
        case text, json
    }

    let label: String
    let format: Format
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]

    init(label: String, format: Format, level: Logger.Level) {
        self.label = label
        self.format = format
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        switch format {
        case .json:
            let fields = all.map { ($0.key, JSONValue.string("\($0.value)")) }
            Console.shared.complain(
                JSONValue.object([
                    ("at", .instant(Date())), ("level", .string(event.level.rawValue)), ("label", .string(label)),
                    ("message", .string("\(event.message)")), ("metadata", .object(fields)),
                ]).text
            )
        case .text:
            let fields = all.map { " \($0.key)=\(Self.word("\($0.value)"))" }.joined()
            Console.shared.complain("\(event.level.rawValue): \(Text.escaped("\(event.message)"))\(fields)")
        }
    }

    private static func word(_ text: String) -> String {
        let escaped = Text.escaped(text)
        return escaped.contains(" ") || escaped.isEmpty ? "\"\(escaped)\"" : escaped
    }
}
