import FoundationEssentials
import GRDB
import QueuedStorageCore

extension CatalogTransaction {
    func claim(_ request: ClaimRequest) throws -> [TransferJob] {
        let now = request.now.milliseconds
        // A clock that is a second behind an instant that it has seen was set back: nothing may wait for its return.
        try db.run(SQL.repairDelays, [now, now, now + 1000])
        var claimed: [TransferJob] = []
        // A transfer that must wait for its name is no claim, so there may be more to find. Each round either claims,
        // or makes a job wait, so this ends.
        while claimed.count < request.limit {
            let due = try dueJobs(request, now: now, limit: request.limit - claimed.count)
            if due.isEmpty { break }
            for (id, lease) in due {
                if let job = try claim(id, under: lease, now: now) { claimed.append(job) }
            }
        }
        return claimed
    }

    /// The jobs that are due, a turn for each storage, beginning with any of them.
    private func dueJobs(_ request: ClaimRequest, now: Int64, limit: Int) throws -> [(id: Int64, lease: Lease)] {
        var queues: [(jobs: ArraySlice<(id: Int64, dueAt: Int64)>, lease: Lease)] = []
        for alias in Set(request.storages) {
            guard let lease = request.leases[alias], try isClaimable(alias) else { continue }
            var jobs: [(id: Int64, dueAt: Int64)] = []
            let tasks = (request.tasks[alias] ?? []).union([
                JobKind.deleteLocal.rawValue, JobKind.deleteRemote.rawValue,
            ])
            for task in tasks {
                jobs += try db.all(SQL.dueJobs, [alias, task, now, limit]) { try ($0[0], $0[1]) }
            }
            jobs.sort { ($0.dueAt, $0.id) < ($1.dueAt, $1.id) }
            if !jobs.isEmpty { queues.append((jobs[...], lease)) }
        }
        queues.shuffle()
        var due: [(id: Int64, lease: Lease)] = []
        while due.count < limit, !queues.isEmpty {
            for index in queues.indices where due.count < limit {
                if let job = queues[index].jobs.popFirst() { due.append((job.id, queues[index].lease)) }
            }
            queues.removeAll { $0.jobs.isEmpty }
        }
        return due
    }

    /// Whether a storage is known, and not paused.
    private func isClaimable(_ alias: String) throws -> Bool {
        try db.first(SQL.isPaused, [alias]) { try !($0[0] as Bool) } ?? false
    }

    /// Claims a due job; nil if it has to wait for its remote name.
    private func claim(_ id: Int64, under lease: Lease, now: Int64) throws -> TransferJob? {
        guard let (found, fileID, generation) = try job(id) else { return nil }
        var job = found
        if job.kind == .transfer {
            guard let file = job.file, file.generation == generation else {
                // Only SQL from outside can leave a transfer without its file.
                try db.run(SQL.deleteJob, [id])
                return nil
            }
            if job.remoteName == nil {
                guard let name = try planName(for: file, job: id, now: now) else { return nil }
                job.remoteName = name
            }
        }
        try db.run(SQL.claimJob, [job.remoteName, lease.token, lease.bootID, lease.until, id])
        job.fence += 1
        if job.kind == .transfer {
            try setState(.transferring, of: fileID, generation: generation)
            job.file?.state = .transferring
        }
        return job
    }

    private func job(_ id: Int64) throws -> (job: TransferJob, file: Int64, generation: Int64)? {
        try db.first(SQL.jobWithFile, [id]) { row in
            let object = try (row[10] as Int64?).map { try StoredObject(name: row[5] ?? "", size: $0, sha256: row[11]) }
            let wasPublished: Bool = try row[12]
            let file = row.hasNull(atIndex: 13) ? nil : try StoredFile(row, at: 13)
            let job = try TransferJob(
                id: id,
                kind: JobKind(column: row[0]),
                fence: row[1],
                tries: row[2],
                dueAt: Date(milliseconds: row[3]),
                storage: row[4],
                file: file,
                generation: row[8],
                remoteName: row[5],
                task: row[6],
                plannedObject: wasPublished ? nil : object,
                publishedObject: wasPublished ? object : nil,
                upload: row[9]
            )
            return try (job, row[7], row[8])
        }
    }

    /// Claims the removal of what the remote has under a name that is no file's, so that none gets it meanwhile.
    ///
    /// The job and the name belong to a file that never was: its number is the job's, below 0.
    ///
    /// - Returns: Nil if the name is a file's, or may become one's.
    func claimForeignDeletion(of name: String, in storage: String, under lease: Lease) throws -> TransferJob? {
        guard try db.first(SQL.hasRemoteName, [storage, name], { _ in true }) == nil,
            try db.first(SQL.hasLateAttempt, [storage, name], { _ in true }) == nil
        else { return nil }
        try db.run(SQL.insertForeignDeletion, [storage, name, now, now, now])
        let id = db.lastInsertedRowID
        try db.run(SQL.numberForeignDeletion, [id])
        try db.run(SQL.planName, [storage, name, -id, 1])
        return try claim(id, under: lease, now: now)
    }

    /// Plans the name that a file shall get on the remote: its own, if no other content has it there.
    ///
    /// - Returns: Nil if the job waits from now on, because its own name is about to be free.
    private func planName(for file: StoredFile, job: Int64, now: Int64) throws -> String? {
        if try plan(file.name, for: file) { return file.name }
        let holder = try db.first(SQL.nameHolder, [file.storage, file.name]) { try ($0[0] as Int64, $0[1] as Int64) }
        if let holder {
            let deletion = try db.first(SQL.remoteDeletion, [now, holder.0, file.name]) {
                try ($0[0] as Int64, $0[1] as Bool)
            }
            switch deletion {
            case (let deletion, true)?:
                try db.run(SQL.deferTransfer, [deletion, job])
                return nil
            case nil where holder == (file.id, file.generation):
                return file.name
            default:
                break
            }
        }
        for _ in 0..<100 {
            let name = alternativeName(file.name)
            if try plan(name, for: file) { return name }
        }
        throw CatalogError(.unavailable, "\"\(file.name)\" of \"\(file.storage)\" finds no free name on the remote")
    }

    /// Plans a name, unless it is taken, or an attempt that only sleeps may still publish or delete what lies there.
    private func plan(_ name: String, for file: StoredFile) throws -> Bool {
        guard try db.first(SQL.hasLateAttempt, [file.storage, name], { _ in true }) == nil else { return false }
        return try db.run(SQL.planName, [file.storage, name, file.id, file.generation]) > 0
    }
}

/// Another name like a name, as Django makes it: `a/b.txt` becomes `a/b_Xk3hT9q.txt`.
///
/// - Parameter name: A file's name.
/// - Returns: The other name; its last component has 255 bytes at most.
func alternativeName(_ name: String) -> String {
    let (directory, base) = FileName.split(name)
    var (root, suffix) = FileName.splitExtension(base)
    let random = FileName.randomSuffix()
    // A suffix that leaves no room for the root is no suffix to keep.
    if suffix.utf8.count > 200 { (root, suffix) = (base, "") }
    while root.utf8.count + 1 + random.utf8.count + suffix.utf8.count > 255 { root.removeLast() }
    return FileName.append("\(root)_\(random)\(suffix)", to: directory)
}
