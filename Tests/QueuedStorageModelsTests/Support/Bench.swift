import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageModels
import QueuedStorageSQLite
import Synchronization
import TestSupport

/// Everything that a test of models needs, in a folder of its own; the models' storages are those of the present bench.
final class Bench: Sendable {
    @TaskLocal static var current: Bench?

    let directory: String
    let pool: DatabasePool
    let catalog: SQLiteCatalog
    let photos: QueuedStorage
    let remote = InMemoryStorage()

    init(_ directory: String, delayed: Bool, seams: CommitSeams) throws {
        self.directory = directory
        var configuration = Configuration()
        configuration.busyMode = .timeout(10)
        pool = try DatabasePool(path: "\(directory)/app.sqlite", configuration: configuration)
        catalog = try SQLiteCatalog(pool, seams: seams)
        let suffixes = Suffixes()
        let local = FileSystemStorage(
            FileSystemStorage.Configuration(location: "\(directory)/media", baseURL: "/media/"),
            makeSuffix: suffixes.next
        )
        photos = try QueuedStorage(
            "photos",
            local: local,
            remote: remote,
            catalog: catalog,
            delayed: delayed,
            time: FrozenTime()
        )
    }

    /// The files that lie under their names, with their text.
    var media: [String: String] { get throws { try tree("\(directory)/media") } }

    /// What lies in the staging area.
    var staged: [String] {
        everything("\(directory)/media/.qstore/staging").filter { $0.contains("/") }
    }

    func migrate() throws {
        try pool.write { db in
            try db.create(table: "photo") { t in
                t.autoIncrementedPrimaryKey("id")
                t.column("title", .text).notNull().unique()
                t.queuedFile("image")
                t.queuedFile("thumbnail", maxLength: 20)
            }
            try db.create(table: "document") { t in
                t.primaryKey("id", .text)
                t.queuedFile("scan")
            }
            try db.create(table: "asset") { t in
                t.primaryKey("id", .blob)
                t.queuedFile("file")
            }
            try db.createQueuedFileTriggers(for: Photo.self)
            try db.createQueuedFileTriggers(for: Document.self)
            try db.createQueuedFileTriggers(for: Asset.self)
        }
    }

    /// The catalog's rows of files that aren't deleted: name and owner.
    func owners() async throws -> [String: String] {
        let files = try await catalog.files(FileQuery()).filter { $0.state != .deleting }
        return Dictionary(
            uniqueKeysWithValues: files.map { file in
                (file.name, file.owner.map { "\($0.model) \($0.row) \($0.field)" } ?? "nobody")
            }
        )
    }

    /// The names of deleted files that still have copies.
    func tombstones() async throws -> [String] {
        try await catalog.files(FileQuery(state: .deleting)).map(\.name)
    }

    func jobs() async throws -> [String] {
        try await pool.read { db in
            try String.fetchAll(
                db,
                sql: """
                    SELECT kind || ' ' || (SELECT name FROM qstore_file WHERE id = file) FROM qstore_job ORDER BY id
                    """
            )
        }
    }

    func count(_ table: String) async throws -> Int {
        try await pool.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table)") ?? -1 }
    }
}

/// Makes a bench, hands it over, and removes it.
func withBench<Value>(
    delayed: Bool = false,
    seams: CommitSeams = CommitSeams(),
    _ body: (Bench) async throws -> Value
) async throws -> Value {
    try await withTemporaryDirectory { directory in
        let bench = try Bench(directory, delayed: delayed, seams: seams)
        return try await Bench.$current.withValue(bench) {
            try await bench.photos.start()
            try bench.migrate()
            return try await body(bench)
        }
    }
}

/// 29 February 2024, 13:05:09 UTC, for ever; waiting takes no time.
struct FrozenTime: TimeSource {
    var now: Date { Date(timeIntervalSince1970: 1_709_211_909) }
    var bootMilliseconds: Int64 { 1000 }
    func sleep(for duration: Duration) async throws { await Task.yield() }
}

/// `AAAAAAA`, `BBBBBBB` and so on, as in the vectors.
private final class Suffixes: Sendable {
    private let count = Mutex(0)

    @Sendable func next() -> String {
        let index = count.withLock { count in
            defer { count += 1 }
            return count
        }
        return String(repeating: String(UnicodeScalar(UInt8(65 + index % 26))), count: 7)
    }
}
