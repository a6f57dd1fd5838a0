import FoundationEssentials

/// A storage's options by name, handed out with their types; what nobody asked for is an error.
///
/// Options come from YAML or JSON with their types, and from a URL as text.
public struct StorageOptionReader: Sendable {
    private let type: String
    private var rest: [String: OptionValue]
    private var asked: [String] = []
    /// What must not stand in a configuration.
    public let secrets: StorageSecrets

    init(type: String, _ options: [String: OptionValue], secrets: StorageSecrets) {
        self.type = type
        self.secrets = secrets
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
        // A text that looks like a number, as a bucket may.
        case .integer(let integer)?: "\(integer)"
        default: throw wrong(names[0], "a text")
        }
    }

    /// Takes an option that must be there, and is a text that isn't empty.
    ///
    /// - Parameter name: The option's name.
    /// - Returns: The text.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is missing or something else.
    public mutating func required(_ name: String) throws -> String {
        guard let text = try string(name), !text.isEmpty else {
            throw StorageError(.invalidConfiguration, "\(type) needs the option \"\(name)\"")
        }
        return text
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
        case .string("true")?: true
        case .string("false")?: false
        default: throw wrong(names[0], "true or false")
        }
    }

    /// Takes an option that is a whole number.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The number; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func integer(_ names: String...) throws -> Int? { try integer(names) }

    private mutating func integer(_ names: [String]) throws -> Int? {
        switch take(names) {
        case nil, .null?: return nil
        case .integer(let integer)?: return integer
        case .string(let text)?:
            guard let integer = Int(text) else { fallthrough }
            return integer
        default: throw wrong(names[0], "a whole number")
        }
    }

    /// Takes an option that is a whole number within bounds.
    ///
    /// - Parameters:
    ///   - names: The option's name, and others that it goes by.
    ///   - range: What is allowed.
    /// - Returns: The number; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func integer(_ names: String..., in range: ClosedRange<Int>) throws -> Int? {
        guard let integer = try integer(names) else { return nil }
        guard range.contains(integer) else {
            throw wrong(names[0], "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    /// Takes an option that is a file's mode, such as 0644, in octal digits where it is a text.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The mode; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func mode(_ names: String...) throws -> Int? {
        switch take(names) {
        case nil, .null?: return nil
        case .integer(let mode)? where (0...0o7777).contains(mode): return mode
        case .string(let text)?:
            guard let mode = Int(text, radix: 8), (0...0o7777).contains(mode) else { fallthrough }
            return mode
        default: throw wrong(names[0], "a file mode in octal digits, such as 0640")
        }
    }

    /// Takes an option that is a span of time, such as `30s` or `5m`; a bare number counts seconds.
    ///
    /// - Parameter names: The option's name, and others that it goes by.
    /// - Returns: The span; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func duration(_ names: String...) throws -> Duration? {
        let value = take(names)
        let duration: Duration? =
            switch value {
            case nil, .null?: nil
            case .integer(let seconds)?: Duration(bounded: Double(seconds))
            case .number(let seconds)?: Duration(bounded: seconds)
            case .string(let text)?:
                if let seconds = Int(text) { Duration(bounded: Double(seconds)) } else { Duration(parsing: text) }
            case .bool?: nil
            }
        if let duration, duration <= .longestOption { return duration }
        if value == nil || value == .null { return nil }
        throw wrong(names[0], "a time with its unit, such as 30s, 5m or 1h30m, of at most 100 years")
    }

    /// Takes an option that is a span of time, in whole seconds, rounded up.
    package mutating func seconds(_ name: String) throws -> Int? {
        try duration(name).map { Int(clamping: ($0.milliseconds + 999) / 1000) }
    }

    /// Takes an option that is one of several words.
    ///
    /// - Parameters:
    ///   - name: The option's name.
    ///   - type: The words.
    /// - Returns: The word; nil if the option is absent or null.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if it is something else.
    public mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ name: String,
        _ type: Choice.Type
    ) throws -> Choice? where Choice.RawValue == String {
        guard let text = try string(name) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            throw wrong(name, "one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    /// Takes the password: from the environment, else from the file that the option `passwordFile` names.
    ///
    /// - Returns: The password; nil if there is none.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` if the file can't be read.
    public mutating func password() throws -> Secret? { try secret("PASSWORD", file: "passwordFile") }

    /// Takes a secret: from the environment, else from the file that an option names.
    package mutating func secret(_ suffix: String, file option: String) throws -> Secret? {
        let path = try string(option)
        if let secret = secrets[suffix] { return secret }
        return try path.map { path in
            guard let data = FileManager.default.contents(atPath: path) else {
                throw StorageError(
                    .invalidConfiguration,
                    "the option \"\(option)\" of \(type) names \(FileName.quoted(path)), which can't be read"
                )
            }
            var bytes = [UInt8](data)
            while bytes.last == UInt8(ascii: "\n") || bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            return Secret(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Refuses what is left.
    ///
    /// - Parameter known: The names of the options that there are; those that were asked for if nil.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration`` that names the first option nobody
    ///   asked for.
    public func finish(known: String? = nil) throws {
        guard let unknown = rest.keys.sorted().first else { return }
        throw StorageError(
            .invalidConfiguration,
            "\(type) has no option \"\(unknown)\"; its options are \(known ?? asked.joined(separator: ", "))"
        )
    }

    private mutating func take(_ names: [String]) -> OptionValue? {
        asked.append(names[0])
        for name in names {
            if let value = rest.removeValue(forKey: name) { return value }
        }
        return nil
    }

    private func wrong(_ name: String, _ wanted: String) -> StorageError {
        StorageError(.invalidConfiguration, "the option \"\(name)\" of \(type) must be \(wanted)")
    }
}
