import QueuedStorageCore

/// What really happened, as nobody in the system knows it: what was promised to whom, and what has been committed.
final class Ledger: @unchecked Sendable /* the simulator's thread alone touches it */ {
    /// The bytes of each content that was ever committed.
    private(set) var contents: [Version: [UInt8]] = [:]
    /// Which version each client's bytes became.
    private(set) var versions: [[UInt8]: Version] = [:]
    /// The versions that a task may take the local copy of.
    private(set) var deletable: Set<Version> = []
    /// The names that a client has asked to be deleted.
    private var deletions: Set<String> = []
    /// Of each name, what it meant, and since which commit.
    private var meanings: [String: [(since: Int, version: Version?)]] = [:]
    /// The fence of each job, as long as there is one.
    private var fences: [Int64: Int64] = [:]
    private var highestJob: Int64 = 0
    private var highestFile: Int64 = 0
    /// How many commits there were.
    private(set) var commits = 0

    func askToDelete(_ name: String) { deletions.insert(name) }

    func mayDelete(_ name: String) -> Bool { deletions.contains(name) }

    func fence(of job: Int64) -> Int64? { fences[job] }

    /// What a name has meant from one commit to another.
    func meanings(of name: String, from first: Int, to last: Int) -> [Version?] {
        let all = meanings[name] ?? []
        let since = all.lastIndex { $0.since <= first }
        let before = since == nil ? [Version?.none] : []
        return before + all[(since ?? 0)...].filter { $0.since <= last }.map(\.version)
    }

    /// Takes a commit down.
    ///
    /// - Returns: What was wrong about it.
    func take(_ new: Snapshot, after old: Snapshot, _ disk: SimulatedDisk) -> [(String, String)] {
        commits += 1
        var wrong: [(String, String)] = []
        for (id, file) in new.files.sorted(by: { $0.key < $1.key }) where old.files[id] != file {
            if let former = old.files[id] {
                if file.generation < former.generation {
                    wrong.append(("P5", "\(describe(former)) went back to generation \(file.generation)"))
                }
                if let edge = forbidden(former, file) { wrong.append(edge) }
            } else if id <= highestFile {
                wrong.append(("P5", "the identifier \(id) was given again"))
            }
            highestFile = max(highestFile, id)
            // A save and a deletion right after it may be one commit.
            let isDeleted = file.state == "deleting"
            let version = Version(file: id, generation: file.generation - (isDeleted ? 1 : 0))
            guard contents[version] == nil else { continue }
            guard let place = file.place, let bytes = disk.staged[place] else {
                if !isDeleted { wrong.append(("P2", "\(describe(file)) was committed without bytes")) }
                continue
            }
            contents[version] = bytes
            if versions[bytes] != nil { wrong.append(("P7", "\(describe(file)) was saved twice")) }
            versions[bytes] = version
        }
        for (id, file) in old.files where new.files[id] == nil && file.state != "deleting" && file.hasLocal {
            wrong.append(("P1", "the row of \(describe(file)) is gone"))
        }
        noteJobs(new, old, &wrong)
        noteMeanings(new, old)
        return wrong
    }

    private func noteJobs(_ new: Snapshot, _ old: Snapshot, _ wrong: inout [(String, String)]) {
        for (id, job) in new.jobs where old.jobs[id] != job {
            if let former = old.jobs[id] {
                if job.fence < former.fence { wrong.append(("P5", "the fence of job \(id) fell")) }
                if job.state == "running", former.state == "running", job.fence == former.fence,
                    job.file != former.file
                {
                    wrong.append(("P5", "job \(id) went to another file"))
                }
            } else if id <= highestJob {
                wrong.append(("P5", "the job number \(id) was given again"))
            }
            if job.state == "running", old.jobs[id]?.state != "running", job.fence <= old.jobs[id]?.fence ?? -1 {
                wrong.append(("P5", "job \(id) was claimed without a new fence"))
            }
            if job.kind == "transfer", job.task == "TransferAndDelete" {
                deletable.insert(Version(file: job.file, generation: job.generation))
            }
        }
        highestJob = max(highestJob, new.jobs.keys.max() ?? 0)
        fences = new.jobs.mapValues(\.fence)
    }

    private func noteMeanings(_ new: Snapshot, _ old: Snapshot) {
        func names(_ snapshot: Snapshot) -> [String: Version] {
            Dictionary(
                snapshot.files.values.filter { $0.state != "deleting" }.map { ($0.name, $0.version) },
                uniquingKeysWith: { first, _ in first }
            )
        }
        let (before, after) = (names(old), names(new))
        for name in Set(before.keys).union(after.keys) where before[name] != after[name] {
            meanings[name, default: []].append((commits, after[name]))
        }
    }

    /// What a row may not become in one commit.
    private func forbidden(_ old: Snapshot.File, _ new: Snapshot.File) -> (String, String)? {
        if new.generation == old.generation {
            let allowed: [String: Set<String>] = [
                "local": ["queued", "transferring"],
                "queued": ["transferring", "local"],
                "transferring": ["queued", "remote", "failed", "local"],
                "remote": ["queued"],
                "failed": ["queued", "local", "transferring"],
                "deleting": [],
            ]
            if new.state != old.state, allowed[old.state]?.contains(new.state) != true {
                return ("P6", "\(describe(old)) went from \(old.state) to \(new.state)")
            }
            if old.hasLocal, !new.hasLocal, new.state != "deleting", !deletable.contains(new.version) {
                return ("P4", "\(describe(old)) lost its local copy, which should stay")
            }
        } else if old.state == "deleting" {
            return ("P5", "\(describe(old)) was deleted, and is \(new.state)")
        } else if new.state == "deleting", !mayDelete(old.name) {
            return ("P1", "\(describe(old)) was deleted, and nobody asked for it")
        }
        return nil
    }
}

func describe(_ file: Snapshot.File) -> String { "\"\(file.name)\" (\(file.id), generation \(file.generation))" }
