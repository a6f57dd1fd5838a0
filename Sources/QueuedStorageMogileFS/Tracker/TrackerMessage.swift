import QueuedStorageCore
import QueuedStorageTransport

/// What is asked of a tracker: a command and its arguments, on one line.
///
/// `create_open domain=files&key=a%2Fb+c&class=&multi_dest=1`
struct TrackerRequest: Sendable {
    var command: String
    var arguments: [(name: String, value: String)]

    init(_ command: String, _ arguments: KeyValuePairs<String, String?>) {
        self.command = command
        self.arguments = arguments.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The line with its end.
    var line: [UInt8] {
        let words = arguments.map { "\($0.name)=\(Self.encoded($0.value))" }
        return Array("\(command) \(words.joined(separator: "&"))\r\n".utf8)
    }

    private static func encoded(_ text: String) -> String {
        text.percentEncoded().replacing("%20", with: "+")
    }
}

/// What a tracker answers: `OK fid=1&devid=2`, or `ERR unknown_key unknown_key`.
enum TrackerAnswer: Sendable {
    case ok([String: String])
    case refusal(TrackerRefusal)

    /// Reads a line, without its end; nil if no tracker answers so.
    init?(_ line: some Collection<UInt8>) {
        let text = String(decoding: line, as: UTF8.self)
        let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        switch (words.first, words.count) {
        case ("OK", 1...2):
            var fields: [String: String] = [:]
            for part in (words.count > 1 ? words[1] : "").split(separator: "&") {
                let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                guard let name = Self.decoded(halves[0]), let value = Self.decoded(halves.count > 1 ? halves[1] : "")
                else { return nil }
                fields[name] = value
            }
            self = .ok(fields)
        case ("ERR", 2...3):
            guard !words[1].isEmpty else { return nil }
            let text = words.count > 2 ? Self.decoded(words[2][...]) ?? words[2] : words[1]
            self = .refusal(TrackerRefusal(code: words[1], text: text))
        default:
            return nil
        }
    }

    private static func decoded(_ text: Substring) -> String? {
        String(text.map { $0 == "+" ? " " : $0 }).percentDecoded
    }
}

/// Why a tracker refuses.
struct TrackerRefusal: Error, Hashable, CustomStringConvertible {
    /// The tracker's word for it.
    var code: String
    /// The tracker's sentence, which is the word again where it has none.
    var text: String

    var description: String { text == code ? code : "\(code): \(text)" }
}
