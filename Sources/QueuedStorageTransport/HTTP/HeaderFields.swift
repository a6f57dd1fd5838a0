/// The header fields of a message, in order; names are compared without case.
package struct HeaderFields: Hashable, Sendable {
    /// A field.
    package struct Field: Hashable, Sendable {
        /// The field's name, as it was written.
        package var name: String
        /// The field's value, without white space around it.
        package var value: String

        /// Makes a field.
        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The fields, in order.
    package private(set) var fields: [Field] = []

    /// Has no fields.
    package init() {}

    /// Makes header fields of a list.
    package init(_ fields: [Field]) { self.fields = fields }

    /// Adds a field after those of its name.
    package mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

    /// The value of the first field of a name; setting it replaces all of that name, and nil removes them.
    package subscript(_ name: String) -> String? {
        get { fields.first { Self.same($0.name, name) }?.value }
        set {
            let index = fields.firstIndex { Self.same($0.name, name) }
            fields.removeAll { Self.same($0.name, name) }
            if let newValue { fields.insert(Field(name, newValue), at: index ?? fields.endIndex) }
        }
    }

    /// The values of all fields of a name, in order.
    package func values(_ name: String) -> [String] {
        fields.filter { Self.same($0.name, name) }.map(\.value)
    }

    /// Whether two names are one, by ASCII's letters.
    static func same(_ one: String, _ other: String) -> Bool {
        one.utf8.count == other.utf8.count && zip(one.utf8, other.utf8).allSatisfy { lower($0) == lower($1) }
    }

    private static func lower(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}

extension HeaderFields: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, String)...) {
        fields = elements.map { Field($0, $1) }
    }
}
