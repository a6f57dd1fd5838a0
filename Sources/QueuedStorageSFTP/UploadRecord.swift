internal import CLinux
internal import QueuedStorageCore

/// What the next attempt must know of an upload: how far it was synced, and the checksums of the blocks sent after that.
///
/// ```
/// 1 33554432 8a9136aa,113fdb5c
/// ```
/// The format's version, the synced bytes, and the CRC-32C of each block of 8 MiB behind them.
struct UploadRecord: Hashable, Sendable {
    static let blockByteCount: Int64 = 8 << 20
    /// How many blocks are sent before they are synced.
    static let maxBlockCount = 64
    /// No file is longer, so that offsets beyond it can be counted: 4 EiB.
    static let maxByteCount: Int64 = 1 << 62

    var durableByteCount: Int64
    var sums: [UInt32] = []

    init(durableByteCount: Int64) { self.durableByteCount = durableByteCount }

    init?(_ text: String) {
        let fields = text.split(separator: " ", omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0] == "1", let count = Int64(fields[1]),
            (0...Self.maxByteCount).contains(count)
        else { return nil }
        durableByteCount = count
        for field in fields[2].split(separator: ",") {
            guard let sum = UInt32(field, radix: 16) else { return nil }
            sums.append(sum)
        }
    }

    var text: String {
        "1 \(durableByteCount) \(sums.map { String($0, radix: 16) }.joined(separator: ","))"
    }
}

/// Keeps the record of an upload while it is sent; writing it holds nothing up.
///
/// For one task.
final class UploadKeeper {
    private let journal: any UploadJournal
    private var record: UploadRecord
    private var sum: UInt32 = 0
    private var byteCount: Int64 = 0
    private var writing: Task<Void, any Error>?

    init(_ journal: any UploadJournal, from offset: Int64) {
        self.journal = journal
        record = UploadRecord(durableByteCount: offset)
    }

    /// Writes down that an upload begins or goes on.
    func begin() async throws { try await journal.write(record.text) }

    /// Takes the next bytes.
    ///
    /// - Returns: Whether it is time to sync.
    func note(_ bytes: [UInt8]) -> Bool {
        var start = 0
        bytes.withUnsafeBytes { bytes in
            while start < bytes.count {
                let room = Int(UploadRecord.blockByteCount - byteCount)
                let count = min(room, bytes.count - start)
                sum = clinux_crc32c(sum, bytes.baseAddress.map { $0 + start }, count)
                start += count
                byteCount += Int64(count)
                if byteCount == UploadRecord.blockByteCount { endBlock() }
            }
        }
        return record.sums.count >= UploadRecord.maxBlockCount
    }

    private func endBlock() {
        record.sums.append(sum)
        sum = 0
        byteCount = 0
        let (earlier, journal, text) = (writing, journal, record.text)
        writing = Task {
            try await earlier?.value
            try await journal.write(text)
        }
    }

    /// Writes down that everything so far is synced.
    func synced(upTo end: Int64) async throws {
        try await writing?.value
        writing = nil
        record = UploadRecord(durableByteCount: end)
        sum = 0
        byteCount = 0
        try await journal.write(record.text)
    }

    /// Waits for what is being written.
    func end() async {
        _ = await writing?.result
    }
}
