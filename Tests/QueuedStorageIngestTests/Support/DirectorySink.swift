import FoundationEssentials
import Glibc
import QueuedStorageCore
import Synchronization

/// A sink that keeps what it takes in a directory, so that another process sees it: one file a save, made by one rename.
final class DirectorySink: DropSink {
    struct Saved: Hashable {
        var name: String
        var bytes: [UInt8]
    }

    struct Drop: Sendable {
        var name: String
        var isOurs: Bool
        var metadata: String?
        var schedule: DroppedFile.Schedule
        var originalPath: String
        var onCollision: DroppedFile.Collision
    }

    let alias = "test"
    let occupiedPaths: [String]
    private let directory: String
    private let before: @Sendable (DroppedFile) async throws -> Void
    private let after: @Sendable (DroppedFile) async throws -> Void
    private let drops = Mutex<[Drop]>([])
    /// The names that are taken, for the rule `skip`.
    let skips: Set<String>
    /// Whether the entries stay, as the bytes of a file that isn't placed yet.
    let leaves: Bool

    init(
        _ directory: String,
        occupiedPaths: [String] = [],
        skips: Set<String> = [],
        leaves: Bool = false,
        before: @escaping @Sendable (DroppedFile) async throws -> Void = { _ in },
        after: @escaping @Sendable (DroppedFile) async throws -> Void = { _ in }
    ) {
        self.directory = directory
        self.occupiedPaths = occupiedPaths
        self.skips = skips
        self.leaves = leaves
        self.before = before
        self.after = after
        mkdir(directory, 0o777)
        mkdir("\(directory)/saved", 0o777)
        mkdir("\(directory)/entries", 0o777)
    }

    func begin(_ folder: DropFolderRegistration) async throws {}

    func take(_ drop: DroppedFile) async throws -> DropOutcome {
        try await before(drop)
        if skips.contains(drop.name) { return .skipped }
        let entry = "\(drop.taken.inboxID)/\(drop.taken.entry)"
        let bytes = try read(drop.taken)
        let file = Self.file(entry)
        let draft = "\(directory)/\(file).draft"
        try Data(Array(drop.name.utf8) + [0] + bytes).write(to: URL(filePath: draft))
        let copied = CopiedEntry(drop.taken, sha256: nil)
        let note = leaves ? "placed" : "\(copied.size) \(copied.modifiedAt) \(copied.changedAt)"
        try Data(Array(note.utf8)).write(to: URL(filePath: "\(directory)/entries/\(file)"))
        guard rename(draft, "\(directory)/saved/\(file)") == 0 else { throw SystemError(errno, "rename") }
        drops.withLock {
            $0.append(
                Drop(
                    name: drop.name,
                    isOurs: drop.taken.isOurs,
                    metadata: drop.metadata,
                    schedule: drop.schedule,
                    originalPath: drop.originalPath,
                    onCollision: drop.onCollision
                )
            )
        }
        try await after(drop)
        return .saved(.stored(drop.name, size: Int64(bytes.count)), leaves ? .placed : .copied(copied))
    }

    func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState] {
        var states: [String: TakenEntryState] = [:]
        for entry in entries where access("\(directory)/saved/\(Self.file(entry))", F_OK) == 0 {
            guard let note = try? Data(contentsOf: URL(filePath: "\(directory)/entries/\(Self.file(entry))")) else {
                continue
            }
            let numbers = String(decoding: note, as: UTF8.self).split(separator: " ").compactMap { Int64($0) }
            states[entry] =
                numbers.count == 3
                ? .copied(CopiedEntry(entry: entry, size: numbers[0], modifiedAt: numbers[1], changedAt: numbers[2]))
                : .placed
        }
        return states
    }

    func forget(takenEntries entries: [String]) async throws {
        for entry in entries { unlink("\(directory)/entries/\(Self.file(entry))") }
    }

    /// What was handed over, in order.
    var taken: [Drop] { drops.withLock { $0 } }

    /// What was saved, by any process.
    var saved: [Saved] {
        list("saved").map { file in
            let bytes = Array((try? Data(contentsOf: URL(filePath: "\(directory)/saved/\(file)"))) ?? Data([0]))
            let end = bytes.firstIndex(of: 0) ?? bytes.endIndex
            return Saved(name: String(decoding: bytes[..<end], as: UTF8.self), bytes: Array(bytes[(end + 1)...]))
        }.sorted { $0.name < $1.name }
    }

    var savedNames: [String] { saved.map(\.name) }

    /// The entries that were copied and not forgotten.
    var remembered: [String] { list("entries") }

    private func list(_ name: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/\(name)")) ?? []
    }

    private static func file(_ entry: String) -> String { entry.split(separator: "/").joined(separator: "_") }

    private func read(_ taken: TakenFile) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = buffer.withUnsafeMutableBytes {
                pread(taken.file.descriptor, $0.baseAddress, $0.count, off_t(bytes.count))
            }
            guard count >= 0 else { throw SystemError(errno, "pread") }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }
}

extension StoredFile {
    static func stored(_ name: String, size: Int64) -> Self {
        Self(
            id: 1,
            storage: "test",
            name: name,
            generation: 1,
            place: nil,
            replaces: false,
            hasLocal: true,
            remoteName: nil,
            size: size,
            sha256: nil,
            contentType: nil,
            state: .queued,
            task: "Transfer",
            owner: nil,
            createdAt: Date(),
            modifiedAt: Date(),
            transferredAt: nil,
            attempts: 0,
            error: nil,
            dueAt: nil
        )
    }
}
