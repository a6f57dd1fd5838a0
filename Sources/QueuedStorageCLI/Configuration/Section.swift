import QueuedStorageIngest
import QueuedStorageCore
import Yams

/// A mapping of a configuration file, which says in its errors where it is and what is allowed.
struct Section {
    /// The file's path as the user knows it.
    let file: String
    /// The keys that lead here, such as `storages.photos`; empty for the whole file.
    let path: String
    private let members: [(key: String, line: Int, node: Node)]

    /// Reads a mapping.
    ///
    /// - Parameters:
    ///   - node: The node.
    ///   - file: The file's path.
    ///   - path: The keys that lead here.
    ///   - keys: The keys that are allowed; any if nil.
    /// - Throws: ``CommandFailure`` with the line, the key, and what is allowed.
    init(_ node: Node, file: String, path: String, keys: [String]?) throws {
        self.file = file
        self.path = path
        let origin = Self.origin(file, node.mark?.line, path)
        guard case .mapping(let mapping) = node else {
            let allowed = keys.map { "; allowed are \($0.joined(separator: ", "))" } ?? ""
            throw origin.failure("must be a mapping of keys to values\(allowed)")
        }
        members = try mapping.map { key, value in
            guard case .scalar(let scalar) = key else {
                throw Self.origin(file, key.mark?.line, path).failure("a key must be a word")
            }
            return (scalar.string, key.mark?.line ?? 0, value)
        }
        guard let keys else { return }
        for member in members where !keys.contains(member.key) {
            throw Self.origin(file, member.line, Self.join(path, member.key)).failure(
                "\(Self.reproach(member.key, keys)); allowed are \(keys.joined(separator: ", "))"
            )
        }
    }

    private static func reproach(_ key: String, _ keys: [String]) -> String {
        let lower = key.lowercased()
        if ["password", "passwd", "secret", "token", "credential", "accesskey", "privatekey"].contains(
            where: lower.contains
        ) {
            return "a secret doesn't belong into a configuration file; give it in the environment"
        }
        let near = keys.map { ($0, distance(lower, $0.lowercased())) }.min { $0.1 < $1.1 }
        guard let near, near.1 <= 2 else { return "unknown key" }
        return "unknown key; is \(near.0) meant?"
    }

    /// How many letters must be changed, added or removed to make one word of another (Levenshtein).
    private static func distance(_ first: String, _ second: String) -> Int {
        let second = Array(second)
        var row = Array(0...second.count)
        for (i, letter) in first.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for j in second.indices {
                let change = previous + (letter == second[j] ? 0 : 1)
                previous = row[j + 1]
                row[j + 1] = min(change, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[second.count]
    }

    private static func join(_ path: String, _ key: String) -> String {
        path.isEmpty ? Text.escaped(key) : "\(path).\(Text.escaped(key))"
    }

    private static func origin(_ file: String, _ line: Int?, _ path: String) -> Origin {
        Origin(text: "\(file):\(line ?? 1)\(path.isEmpty ? "" : ": \(path)")")
    }

    /// The keys, in their order.
    var keys: [String] { members.map(\.key) }

    /// The node under a key.
    func node(_ key: String) -> Node? { members.first { $0.key == key }?.node }

    /// Where a key stands.
    func origin(_ key: String) -> Origin {
        let line = members.first { $0.key == key }?.line ?? members.map(\.line).min()
        return Self.origin(file, line, Self.join(path, key))
    }

    /// The section under a key.
    func section(_ key: String, keys: [String]?) throws -> Section? {
        guard let node = node(key) else { return nil }
        if case .scalar(let scalar) = node, scalar.string.isEmpty || scalar.string == "~" || scalar.string == "null" {
            throw origin(key).failure("has nothing in it")
        }
        return try Section(node, file: file, path: Self.join(path, key), keys: keys)
    }

    /// Whether there is a mapping under a key.
    func isMapping(_ key: String) -> Bool {
        if case .mapping? = node(key) { true } else { false }
    }

    // MARK: Values

    /// All values, with the types that YAML gives them.
    func optionValues(except exception: String) throws -> [String: OptionValue] {
        var values: [String: OptionValue] = [:]
        for member in members where member.key != exception {
            guard case .scalar(let scalar) = member.node else { throw origin(member.key).failure("must be one value") }
            values[member.key] =
                switch scalar.style {
                case .plain, .any:
                    if let bool = Bool(scalar.string) {
                        .bool(bool)
                    } else if let integer = Int(scalar.string), "\(integer)" == scalar.string {
                        .integer(integer)
                    } else if ["", "~", "null"].contains(scalar.string) {
                        .null
                    } else {
                        .string(scalar.string)
                    }
                default: .string(scalar.string)
                }
        }
        return values
    }

    /// Text.
    func string(_ key: String) throws -> String? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let scalar) = node else { throw origin(key).failure("must be one value") }
        let isPlain = scalar.style == .plain || scalar.style == .any
        guard !isPlain || !["", "~", "null", "Null", "NULL"].contains(scalar.string) else {
            throw origin(key).failure("has no value")
        }
        return scalar.string
    }

    /// A value that is read from text.
    func value<Value>(_ key: String, allowed: String, _ parse: (String) throws -> Value?) throws -> Value? {
        guard let text = try string(key) else { return nil }
        guard let value = try? parse(text) else {
            throw origin(key).failure("\"\(Text.escaped(text))\" isn't allowed; \(allowed)")
        }
        return value
    }

    /// One of several words.
    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, _ type: Value.Type) throws -> Value?
    where Value.RawValue == String {
        let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return try value(key, allowed: "it is one of \(words)") { Value(rawValue: $0) }
    }

    func bool(_ key: String) throws -> Bool? {
        try value(key, allowed: "it is true or false") {
            switch $0 {
            case "true", "True", "TRUE": true
            case "false", "False", "FALSE": false
            default: nil
            }
        }
    }

    /// A whole number.
    func integer(_ key: String, in range: ClosedRange<Int>) throws -> Int? {
        try value(key, allowed: "it is a whole number from \(range.lowerBound) to \(range.upperBound)") {
            Int($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A time such as `10m`.
    func duration(_ key: String, above minimum: Duration = .zero) throws -> Duration? {
        let bound = minimum > .zero ? ", above 0" : ""
        return try value(key, allowed: "it is a time with its unit, such as 60s, 10m, 1h30m or 2d\(bound)") {
            Duration(parsing: $0).flatMap { $0 >= minimum && $0 <= .seconds(366 * 86_400) ? $0 : nil }
        }
    }

    /// A number of bytes such as `64MiB`.
    func byteCount(_ key: String) throws -> Int64? {
        try value(key, allowed: "it is a number of bytes, such as 1048576, 64MB or 64MiB") { ByteCount.parse($0) }
    }

    /// Texts, or one.
    func strings(_ key: String) throws -> [String]? {
        guard let node = node(key), case .sequence(let sequence) = node else { return try string(key).map { [$0] } }
        return try sequence.map { item in
            guard case .scalar(let scalar) = item, !scalar.string.isEmpty else {
                throw Self.origin(file, item.mark?.line, Self.join(path, key)).failure(
                    "must be a list of texts; a pattern that begins with * needs quotes"
                )
            }
            return scalar.string
        }
    }
}

/// Numbers of bytes as people write them.
enum ByteCount {
    private static let units: [(String, Int64)] = [
        ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
        ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
    ]

    /// Reads a whole number and perhaps a unit; nil if it is none.
    static func parse(_ text: String) -> Int64? {
        let unit = units.first { text.hasSuffix($0.0) }
        let digits = text.dropLast(unit?.0.count ?? 0)
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let count = Int64(digits) else {
            return nil
        }
        let (product, isTooBig) = count.multipliedReportingOverflow(by: unit?.1 ?? 1)
        return isTooBig ? nil : product
    }
}
