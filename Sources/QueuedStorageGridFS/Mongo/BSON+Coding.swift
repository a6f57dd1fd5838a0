/// Bytes that are no document.
struct BSONError: Error {}

extension BSONDocument {
    /// The document's bytes.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    fileprivate func append(to bytes: inout [UInt8]) {
        BSON.append(fields.map { ($0.name, $0.value) }, to: &bytes)
    }

    /// Reads a document.
    ///
    /// - Throws: ``BSONError`` if it isn't one.
    init(_ bytes: UnsafeRawBufferPointer) throws {
        var reader = BSONReader(bytes)
        self = try reader.document()
    }
}

extension BSON {
    fileprivate static func append(_ fields: [(String, BSON)], to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0])
        for (name, value) in fields { value.append(name, to: &bytes) }
        bytes.append(0)
        let length = Self.littleEndian(UInt32(bytes.count - start))
        bytes.replaceSubrange(start..<start + 4, with: length)
    }

    private func append(_ name: String, to bytes: inout [UInt8]) {
        bytes.append(type)
        // No name has a NUL: they are ours, or came from a document.
        bytes.append(contentsOf: name.utf8)
        bytes.append(0)
        switch self {
        case .null: break
        case .bool(let value): bytes.append(value ? 1 : 0)
        case .int32(let value): bytes += Self.littleEndian(value)
        case .int64(let value), .date(let value): bytes += Self.littleEndian(value)
        case .double(let value): bytes += Self.littleEndian(value.bitPattern)
        case .string(let value):
            bytes += Self.littleEndian(UInt32(value.utf8.count + 1))
            bytes += value.utf8
            bytes.append(0)
        case .binary(let value):
            bytes += Self.littleEndian(UInt32(value.count))
            bytes.append(0)
            bytes += value
        case .objectID(let value): bytes += value.bytes
        case .document(let value): value.append(to: &bytes)
        case .array(let values):
            Self.append(values.enumerated().map { ("\($0.offset)", $0.element) }, to: &bytes)
        case .other(_, let value): bytes += value
        }
    }

    private var type: UInt8 {
        switch self {
        case .double: 0x01
        case .string: 0x02
        case .document: 0x03
        case .array: 0x04
        case .binary: 0x05
        case .objectID: 0x07
        case .bool: 0x08
        case .date: 0x09
        case .null: 0x0A
        case .int32: 0x10
        case .int64: 0x12
        case .other(let type, _): type
        }
    }

    private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
}

/// Reads documents from bytes that a server sent, whatever they are.
private struct BSONReader {
    /// Documents within documents that are read: more than a server takes.
    private static let maxDepth = 200

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    mutating func document() throws -> BSONDocument { BSONDocument(try fields()) }

    private mutating func fields() throws -> [BSONDocument.Field] {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.maxDepth else { throw BSONError() }
        let end = position + Int(try integer(UInt32.self))
        guard end <= bytes.count, end > position, bytes[end - 1] == 0 else { throw BSONError() }
        var fields: [BSONDocument.Field] = []
        while position < end - 1 {
            let type = try integer(UInt8.self)
            let name = String(decoding: try untilZero(), as: UTF8.self)
            fields.append(.init(name: name, value: try value(type)))
        }
        guard position == end - 1 else { throw BSONError() }
        position = end
        return fields
    }

    private mutating func value(_ type: UInt8) throws -> BSON {
        switch type {
        case 0x01: return .double(Double(bitPattern: try integer(UInt64.self)))
        case 0x02:
            let text = try take(try length())
            guard text.last == 0 else { throw BSONError() }
            return .string(String(decoding: text.dropLast(), as: UTF8.self))
        case 0x03: return .document(try document())
        case 0x04: return .array(try fields().map(\.value))
        case 0x05:
            let count = try length()
            let kind = try integer(UInt8.self)
            let value = try take(count)
            return kind == 0 ? .binary(Array(value)) : .other(type, raw(from: position - count - 5))
        case 0x07:
            guard let id = ObjectID(Array(try take(12))) else { throw BSONError() }
            return .objectID(id)
        case 0x08: return .bool(try integer(UInt8.self) != 0)
        case 0x09: return .date(try integer(Int64.self))
        case 0x0A: return .null
        case 0x10: return .int32(try integer(Int32.self))
        case 0x12: return .int64(try integer(Int64.self))
        default:
            let start = position
            try skip(type)
            return .other(type, raw(from: start))
        }
    }

    /// Passes over a value of a type that GridFS has no use for.
    private mutating func skip(_ type: UInt8) throws {
        switch type {
        case 0x06, 0x7F, 0xFF: break
        case 0x0B:
            _ = try untilZero()
            _ = try untilZero()
        case 0x0C:
            _ = try take(try length() + 12)
        case 0x0D, 0x0E: _ = try take(try length())
        case 0x0F:
            let count = try length()
            guard count >= 4 else { throw BSONError() }
            _ = try take(count - 4)
        case 0x11: _ = try take(8)
        case 0x13: _ = try take(16)
        default: throw BSONError()
        }
    }

    private func raw(from start: Int) -> [UInt8] { Array(bytes[start..<position]) }

    private mutating func length() throws -> Int {
        let length = Int(try integer(Int32.self))
        guard length >= 0 else { throw BSONError() }
        return length
    }

    private mutating func take(_ count: Int) throws -> UnsafeRawBufferPointer.SubSequence {
        guard count <= bytes.count - position else { throw BSONError() }
        defer { position += count }
        return bytes[position..<position + count]
    }

    private mutating func untilZero() throws -> UnsafeRawBufferPointer.SubSequence {
        guard let end = bytes[position...].firstIndex(of: 0) else { throw BSONError() }
        defer { position = end + 1 }
        return bytes[position..<end]
    }

    private mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        let size = MemoryLayout<Value>.size
        guard size <= bytes.count - position else { throw BSONError() }
        defer { position += size }
        return Value(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Value.self))
    }
}
