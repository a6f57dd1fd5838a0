import FoundationEssentials
import QueuedStorageCore

/// What is known of an upload: under which name the server has it noted, and its segments from the beginning.
///
/// `{"name": "2026/film.mkv", "segments": [{"size": 16777216, "md5": "…"}]}`, kept in the upload's journal.
struct UploadRecord: Codable, Hashable, Sendable {
    /// A segment that the server holds.
    struct Segment: Codable, Hashable, Sendable {
        var size: Int64
        /// The MD5 of the bytes as they were read, which the server confirmed.
        var md5: String
    }

    var name: String?
    var segments: [Segment] = []

    private var isSound: Bool {
        // No segment is larger than 1 TiB, nor are there more than 2²⁰ of them.
        segments.count <= 1 << 20 && segments.allSatisfy { (0...(1 << 40)).contains($0.size) }
    }

    var byteCount: Int64 { segments.reduce(0) { $0 + $1.size } }

    /// The checksum that a server makes of the checksums of all segments.
    var tag: String {
        var digests = Digests(.md5)
        for segment in segments { digests.update(segment.md5.utf8) }
        return digests.checksum(.md5).value
    }

    init(name: String? = nil) { self.name = name }

    /// Reads a journal; what isn't ours is as good as nothing.
    init(_ journal: any UploadJournal) async throws {
        let text = try await journal.read() ?? ""
        let record = (try? JSONDecoder().decode(UploadRecord.self, from: Data(text.utf8))) ?? UploadRecord()
        // It comes back from a database, which somebody may have tampered with: one that nobody can have written is none.
        self = record.isSound ? record : UploadRecord()
    }

    func write(to journal: any UploadJournal) async throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        try await journal.write(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

/// How large segments are.
///
/// A file may have only so many of them: those of a large one are larger, and those of one whose size nobody knows grow.
struct SegmentPlan: Sendable {
    var segmentSize: Int64
    var maxSegments: Int
    var byteCount: Int64?

    /// The size of a segment by its index.
    func size(of index: Int) -> Int64 {
        guard let byteCount else {
            // 1000 of 16 MiB: 8 GiB in the first half, 125 GiB more, and 1.6 TiB in the rest.
            let part = index * 10 / max(1, maxSegments)
            return part < 5 ? segmentSize : part < 9 ? segmentSize * 16 : segmentSize * 256
        }
        // Earlier attempts may have made smaller ones, so that a few are kept in reserve.
        let needed = byteCount / Int64(max(1, maxSegments * 9 / 10)) + 1
        return max(segmentSize, ((needed + (1 << 20) - 1) >> 20) << 20)
    }
}
