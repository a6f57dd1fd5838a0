import FoundationEssentials
import QueuedStorageCore
import Synchronization

/// A remote that takes files in pieces, and whose line is cut when a test wants it.
final class PiecewiseRemote: ResumableStorage, ExclusiveStorage, DurableStorage {
    /// The line was cut.
    struct Cut: Error {}

    private let base: FileSystemStorage
    private let cuts: Mutex<[Int]>
    private let appended = Mutex<[Range<Int64>]>([])
    private let notes = Mutex<[String?]>([])

    /// Makes a remote.
    ///
    /// - Parameters:
    ///   - base: What keeps the files.
    ///   - cuts: After how many bytes each append is cut, in order; those that follow aren't.
    init(_ base: FileSystemStorage, cuts: [Int]) {
        self.base = base
        self.cuts = Mutex(cuts)
    }

    /// The bytes that came over the line, append by append.
    var ranges: [Range<Int64>] { appended.withLock { $0 } }
    /// What the journal said when each attempt began.
    var journals: [String?] { notes.withLock { $0 } }

    let resumableFrom: Int64 = 1000
    var fingerprint: String { base.fingerprint }

    func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        let note = try await upload.journal.read()
        notes.withLock { $0.append(note) }
        return try await base.uploadedByteCount(upload)
    }

    func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        try await upload.journal.write("from \(offset)")
        let bytes = try await content.reader(range: nil).collect()
        let cut = cuts.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        let arrived = bytes.prefix(cut ?? bytes.count)
        let held = try await base.append(.bytes(arrived), to: upload, at: offset, options: options)
        appended.withLock { $0.append(offset..<held) }
        guard cut == nil else { throw StorageError(.failed, "the line was cut", cause: Cut()) }
        return held
    }

    func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try await base.finish(upload, options: options)
    }
    func abandon(_ upload: Upload) async throws { try await base.abandon(upload) }
    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await base.open(name, range: range)
    }
    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await base.store(content, as: name, options: options)
    }
    func delete(_ name: String) async throws { try await base.delete(name) }
    func exists(_ name: String) async throws -> Bool { try await base.exists(name) }
    func list(_ directory: String) async throws -> DirectoryListing { try await base.list(directory) }
    func size(_ name: String) async throws -> Int64 { try await base.size(name) }
    func url(_ name: String) async throws -> String { try await base.url(name) }
    func accessedAt(_ name: String) async throws -> Date { try await base.accessedAt(name) }
    func createdAt(_ name: String) async throws -> Date { try await base.createdAt(name) }
    func modifiedAt(_ name: String) async throws -> Date { try await base.modifiedAt(name) }
}
