import Foundation

/// A pair of input and output that was observed by running Django or a package of its world.
///
/// The file is `Tests/Fixtures/django_storage.json`, or the one that the environment variable `QSTORE_VECTORS` names.
public struct Vector: Sendable, Decodable, CustomStringConvertible {
    /// Stable within the file: `GROUP/NUMBER`.
    public var id: String
    /// What was called.
    public var function: String
    /// What a scenario is about.
    public var title: String?
    /// Arguments and surrounding state.
    public var input: JSON
    /// The value returned, if no error was.
    public var output: JSON?
    /// The class of the error raised instead.
    public var error: String?
    /// A remark.
    public var note: String?
    /// Whether to behave the same (`match`) or better (`beat`).
    public var verdict: String

    /// The first half of the identifier.
    public var group: String { String(id.prefix { $0 != "/" }) }

    /// The identifier, for the test report.
    public var description: String { id }

    /// All vectors of some groups, in the file's order.
    ///
    /// - Parameter groups: The groups.
    /// - Returns: The vectors; none if the file has none.
    public static func all(_ groups: String...) -> [Vector] { file.filter { groups.contains($0.group) } }

    /// All vectors whose group begins with a text.
    ///
    /// - Parameter prefix: The beginning of the group.
    /// - Returns: The vectors.
    public static func all(prefix: String) -> [Vector] { file.filter { $0.group.hasPrefix(prefix) } }

    private static let file: [Vector] = {
        struct File: Decodable { var vectors: [Vector] }
        let path =
            ProcessInfo.processInfo.environment["QSTORE_VECTORS"]
            ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/django_storage.json").path
        do {
            return try JSONDecoder().decode(File.self, from: Data(contentsOf: URL(fileURLWithPath: path))).vectors
        } catch {
            fatalError("The vectors in \(path) can't be read: \(error)")
        }
    }()
}

/// A JSON value whose strings are compared by their scalars.
@dynamicMemberLookup
public enum JSON: Sendable, Decodable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([String: JSON])

    /// Reads any JSON.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    /// A member of an object; nil if there is none or it is null.
    public subscript(dynamicMember key: String) -> JSON? { self[key] }

    /// A member of an object; nil if there is none or it is null.
    public subscript(key: String) -> JSON? {
        guard case .object(let members) = self, let value = members[key] else { return nil }
        if case .null = value { return nil }
        return value
    }

    /// An element of an array; nil if there is none or it is null.
    public subscript(index: Int) -> JSON? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        if case .null = elements[index] { return nil }
        return elements[index]
    }

    /// The text, if it is one.
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The truth value, if it is one.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The whole number, if it is one.
    public var int: Int? { if case .number(let value) = self { Int(value) } else { nil } }
    /// The elements, if it is an array.
    public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    /// The members, if it is an object.
    public var object: [String: JSON]? { if case .object(let value) = self { value } else { nil } }
    /// The texts, if it is an array of them.
    public var strings: [String]? { array?.compactMap(\.string) }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension JSON: Equatable {
    public static func == (lhs: JSON, rhs: JSON) -> Bool {
        switch (lhs, rhs) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a == b
        default: false
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension JSON: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
    }
    public init(integerLiteral value: Int) { self = .number(Double(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(nilLiteral: ()) { self = .null }
}
