import FoundationEssentials
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageGridFS

/// What a MongoDB server can say.
@Suite(.serialized) struct HostileInputTests {
    private static func deep(_ depth: Int) -> [UInt8] {
        // Made from outside in, as the lengths say how much follows.
        var bytes: [UInt8] = []
        for level in stride(from: depth, through: 0, by: -1) {
            let count = UInt32(5 + 7 * level)
            bytes += (0..<4).map { UInt8(truncatingIfNeeded: count >> UInt32(8 * $0)) }
            if level > 0 { bytes += [3, 0] }
        }
        return bytes + [UInt8](repeating: 0, count: depth + 1)
    }

    @Test func `documents`() async throws {
        let id = try #require(ObjectID(hexadecimal: "507f1f77bcf86cd799439011"))
        let file: BSONDocument = [
            "_id": .objectID(id), "filename": .string("a.txt"), "length": .int64(5), "chunkSize": .int32(261_120),
            "uploadDate": .date(.max), "metadata": .document(["sha256": .string("x")]), "n": .double(1e300),
            "data": .binary([1, 2, 3]), "list": .array([.null, .bool(true), .other(0x11, [1, 2, 3, 4, 5, 6, 7, 8])]),
        ]
        let examples = [file.bytes, Self.deep(50), Self.deep(200_000), [5, 0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0x7F, 0]]
        try await HostileInput("bson", examples: examples).attack { bytes in
            guard let document = try? bytes.withUnsafeBytes({ try BSONDocument($0) }) else { return }
            let again = try? document.bytes.withUnsafeBytes { try BSONDocument($0) }
            try hold(again?.bytes == document.bytes, "it was written, and read otherwise")
            guard let revision = Revision(document) else { return }
            try hold(revision.chunkCount >= 0, "a file has \(revision.chunkCount) chunks")
            guard revision.chunkCount > 0 else { return }
            let last = revision.bounds(of: revision.chunkCount - 1)
            try hold(last.upperBound == revision.length, "the last chunk ends at \(last.upperBound)")
        }
    }
}
