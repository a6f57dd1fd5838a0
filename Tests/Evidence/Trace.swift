import Foundation

/// A call that changed something, as the library wrote it down.
struct Trace: Sendable {
    let call: String
    /// The error; 0 if it succeeded.
    let error: Int32
    let inode: UInt64
    let path: String
    /// The inode of the directory that the path is in.
    let parent: UInt64
    let second: String
    let secondParent: UInt64
    /// The inode that gave way; of a sync, 1 if a directory was synced.
    let other: UInt64
    let offset: Int64
    let length: Int64
    /// Who called, innermost first: `OBJECT+OFFSET`.
    let frames: [String]
    let bytes: [UInt8]

    var isSync: Bool { ["fsync", "fdatasync", "syncfs"].contains(call) }

    /// Reads a trace; nothing if there is none.
    static func read(_ path: String) throws -> [Trace] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        var records: [Trace] = []
        var rest = [UInt8](data)[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let fields = String(decoding: rest[..<end], as: UTF8.self)
                .split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
            // The end of a process may cut its last record.
            if fields.count == 12, let count = Int(fields[11]), rest.endIndex <= end + count { break }
            guard fields.count == 12, let count = Int(fields[11]) else {
                throw EvidenceError("\(path) can't be understood: \(fields)")
            }
            let bytes = rest[(end + 1)..<(end + 1 + count)]
            records.append(
                Trace(
                    call: fields[0],
                    error: Int32(fields[1]) ?? 0,
                    inode: UInt64(fields[2]) ?? 0,
                    path: fields[3],
                    parent: UInt64(fields[4]) ?? 0,
                    second: fields[5],
                    secondParent: UInt64(fields[6]) ?? 0,
                    other: UInt64(fields[7]) ?? 0,
                    offset: Int64(fields[8]) ?? 0,
                    length: Int64(fields[9]) ?? 0,
                    frames: fields[10].split(separator: " ").map { String($0) },
                    bytes: Array(bytes)
                )
            )
            rest = rest[(end + 2 + count)...]
        }
        return records
    }
}
