import GRDB
import QueuedStorageCore

/// What the catalog says after a commit.
struct Snapshot {
    struct File: Hashable {
        var id: Int64
        var name: String
        var generation: Int64
        var place: String?
        var replaces: Bool
        var hasLocal: Bool
        var remoteName: String?
        var state: String
        var version: Version { Version(file: id, generation: generation) }
    }

    struct Job: Hashable {
        var id: Int64
        var kind: String
        var file: Int64
        var generation: Int64
        var task: String
        var remoteName: String?
        var state: String
        var fence: Int64
        var waitsForJob: Int64?
        var error: String?
    }

    var files: [Int64: File] = [:]
    var jobs: [Int64: Job] = [:]
    /// Which content has, or shall get, each name of the remote.
    var remoteNames: [String: Version] = [:]
    /// The jobs of attempts that lost them, and may wake up.
    var lateAttempts: Set<Int64> = []

    init() {}

    init(_ db: Database) throws {
        for row in try Row.fetchAll(db.cachedStatement(sql: Self.filesSQL)) {
            files[row[0]] = File(
                id: row[0],
                name: row[1],
                generation: row[2],
                place: row[3],
                replaces: row[4],
                hasLocal: row[5],
                remoteName: row[6],
                state: row[7]
            )
        }
        for row in try Row.fetchAll(db.cachedStatement(sql: Self.jobsSQL)) {
            jobs[row[0]] = Job(
                id: row[0],
                kind: row[1],
                file: row[2],
                generation: row[3],
                task: row[4],
                remoteName: row[5],
                state: row[6],
                fence: row[7],
                waitsForJob: row[8],
                error: row[9]
            )
        }
        for row in try Row.fetchAll(db.cachedStatement(sql: Self.namesSQL)) {
            remoteNames[row[0]] = Version(file: row[1], generation: row[2])
        }
        lateAttempts = Set(try Int64.fetchAll(db.cachedStatement(sql: "SELECT job FROM qstore_lateAttempt")))
    }

    private static let filesSQL =
        "SELECT id, name, generation, place, replaces, hasLocal, remoteName, state FROM qstore_file"
    private static let jobsSQL = """
        SELECT id, kind, file, generation, task, remoteName, state, fence, waitsForJob, error FROM qstore_job
        """
    private static let namesSQL = "SELECT name, file, generation FROM qstore_remoteName"
}

/// One content of a file.
struct Version: Hashable {
    var file: Int64
    var generation: Int64
}
