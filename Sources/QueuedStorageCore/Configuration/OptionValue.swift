/// A value of a storage's option, as JSON and YAML know it.
public enum OptionValue: Hashable, Sendable {
    /// A text.
    case string(String)
    /// A whole number.
    case integer(Int)
    /// A number with a fraction.
    case number(Double)
    /// True or false.
    case bool(Bool)
    /// Nothing: the option's default.
    case null
}

extension OptionValue: Codable {
    /// Reads a value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let bool = try? container.decode(Bool.self) {
            self = .bool(bool)
        } else if let integer = try? container.decode(Int.self) {
            self = .integer(integer)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    /// Writes a value.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let string): try container.encode(string)
        case .integer(let integer): try container.encode(integer)
        case .number(let number): try container.encode(number)
        case .bool(let bool): try container.encode(bool)
        case .null: try container.encodeNil()
        }
    }
}

/// A storage's options by name, handed out with their types; what nobody asked for is an error.
public struct StorageOptionReader: Sendable {
    private let type: String
    private var rest: [String: OptionValue]

    init(type: String, _ options: [String: OptionValue]) {
        self.type = type
        rest = options
    }

    /// Takes an option that is a text.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The text; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func string(_ names: String...) throws -> String? {
        switch take(names) {
        case nil, .null?: nil
        case .string(let string)?: string
        default: throw wrong(names[0], "a text")
        }
    }

    /// Takes an option that is true or false.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The truth value; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func bool(_ names: String...) throws -> Bool? {
        switch take(names) {
        case nil, .null?: nil
        case .bool(let bool)?: bool
        default: throw wrong(names[0], "true or false")
        }
    }

    /// Takes an option that is a whole number.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The number; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func integer(_ names: String...) throws -> Int? {
        switch take(names) {
        case nil, .null?: nil
        case .integer(let integer)?: integer
        default: throw wrong(names[0], "a whole number")
        }
    }

    /// Refuses what is left.
    ///
    /// - Parameter known: The names of the options that there are.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names the first option nobody
    ///   asked for.
    public func finish(known: String) throws {
        guard let unknown = rest.keys.sorted().first else { return }
        throw StorageError(
            .invalidConfiguration,
            "\(type) has no option \"\(unknown)\"; its options are \(known)"
        )
    }

    private mutating func take(_ names: [String]) -> OptionValue? {
        for name in names {
            if let value = rest.removeValue(forKey: name) { return value }
        }
        return nil
    }

    private func wrong(_ name: String, _ wanted: String) -> StorageError {
        StorageError(.invalidConfiguration, "the option \"\(name)\" of \(type) must be \(wanted)")
    }
}
