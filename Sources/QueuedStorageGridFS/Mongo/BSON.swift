import FoundationEssentials

/// A value of a document, as far as GridFS has such values.
///
/// Source: https://bsonspec.org/spec.html
indirect enum BSON: Hashable, Sendable {
    case null
    case bool(Bool)
    case int32(Int32)
    case int64(Int64)
    case double(Double)
    case string(String)
    case binary([UInt8])
    case objectID(ObjectID)
    /// Milliseconds since 1970.
    case date(Int64)
    case document(BSONDocument)
    case array([BSON])
    /// Anything else, as it came: its type and its bytes.
    case other(UInt8, [UInt8])

    var integer: Int64? {
        switch self {
        case .int32(let value): Int64(value)
        case .int64(let value): value
        case .double(let value): Int64(exactly: value)
        default: nil
        }
    }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var binary: [UInt8]? { if case .binary(let value) = self { value } else { nil } }
    var document: BSONDocument? { if case .document(let value) = self { value } else { nil } }
    var date: Int64? { if case .date(let value) = self { value } else { nil } }
}

/// A document: names and values in their order.
struct BSONDocument: Hashable, Sendable, ExpressibleByDictionaryLiteral {
    var fields: [Field]

    struct Field: Hashable, Sendable {
        var name: String
        var value: BSON
    }

    init(dictionaryLiteral elements: (String, BSON)...) { fields = elements.map { Field(name: $0.0, value: $0.1) } }

    init(_ fields: [Field]) { self.fields = fields }

    /// The value of a field; setting nil removes it.
    subscript(_ name: String) -> BSON? {
        get { fields.first { $0.name == name }?.value }
        set {
            if let index = fields.firstIndex(where: { $0.name == name }) {
                if let newValue { fields[index].value = newValue } else { fields.remove(at: index) }
            } else if let newValue {
                fields.append(Field(name: name, value: newValue))
            }
        }
    }
}

/// An identifier that nobody else makes: four bytes of time, five of chance, three that count.
struct ObjectID: Hashable, Sendable {
    let bytes: [UInt8]

    /// Takes twelve bytes; nil if they are more or fewer.
    init?(_ bytes: [UInt8]) {
        guard bytes.count == 12 else { return nil }
        self.bytes = bytes
    }

    /// Reads 24 hexadecimal digits.
    init?(hexadecimal: String) {
        let digits = Array(hexadecimal.utf8)
        guard digits.count == 24 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 24, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    /// When it was made.
    var date: Date {
        Date(timeIntervalSince1970: Double(bytes[..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }))
    }
}
