import FoundationEssentials
import Testing

@testable import QueuedStorageGridFS

@Suite struct BSONTests {
    @Test func `reads what it wrote`() throws {
        let id = try #require(ObjectID(hexadecimal: "507f1f77bcf86cd799439011"))
        let document: BSONDocument = [
            "a": .null, "b": .bool(true), "c": .int32(-1), "d": .int64(.min), "e": .double(0.5),
            "f": .string("é\u{0}😀"),
            "g": .binary([0, 1, 255]), "h": .objectID(id), "i": .date(-1),
            "j": .array([.int32(1), .document(["k": .null])]),
            "l": .other(0x11, [1, 2, 3, 4, 5, 6, 7, 8]),
        ]

        #expect(try document.bytes.withUnsafeBytes { try BSONDocument($0) } == document)
        #expect(id.date.timeIntervalSince1970 == 1_350_508_407)
    }

    // Source: https://bsonspec.org/spec.html, its examples.
    @Test func `writes the specification's examples`() {
        let hello: BSONDocument = ["hello": .string("world")]
        #expect(hello.bytes == Array("\u{16}\0\0\0\u{2}hello\0\u{6}\0\0\0world\0\0".utf8))
        let list: BSONDocument = ["BSON": .array([.string("awesome"), .double(5.05), .int32(1986)])]
        #expect(
            list.bytes == Array("\u{31}\0\0\0\u{4}BSON\0\u{26}\0\0\0\u{2}0\0\u{8}\0\0\0awesome\0\u{1}1\0".utf8)
                + [0x33, 0x33, 0x33, 0x33, 0x33, 0x33, 0x14, 0x40, 0x10, 0x32, 0, 0xC2, 0x07, 0, 0, 0, 0]
        )
    }

    @Test func `refuses bytes that are no document, wherever they end`() throws {
        let document: BSONDocument = [
            "a": .string("text"), "b": .array([.int32(1)]), "c": .binary([1, 2]), "d": .int64(1),
        ]
        let bytes = document.bytes
        for count in 0..<bytes.count {
            #expect(throws: BSONError.self) { try bytes[..<count].withUnsafeBytes { try BSONDocument($0) } }
        }
        // No byte that is another one lets it read beyond its end.
        for index in bytes.indices {
            for value in [0, 1, 0x7F, 0x80, 0xFF] as [UInt8] {
                var damaged = bytes
                damaged[index] = value
                _ = try? damaged.withUnsafeBytes { try BSONDocument($0) }
            }
        }
    }
}
