import QueuedStorageCore

// What must hold at every moment, whoever has just died.
extension World {
    /// Looks whether all promises hold now.
    func look() {
        guard !isBroken else { return }
        for file in snapshot.files.values.sorted(by: { $0.id < $1.id }) {
            if file.state != "deleting" { lookAtBytes(of: file) }
            lookAtJobs(of: file)
        }
        lookAtLocalNames()
        lookAtRemoteNames()
        for job in snapshot.jobs.values { lookAtWait(of: job) }
    }

    /// P1 to P4: the side that the row says has the bytes.
    private func lookAtBytes(of file: Snapshot.File) {
        guard let bytes = ledger.contents[file.version] else { return }
        let local = file.place.flatMap { disk.staged[$0] } ?? disk.files[file.name]
        guard file.state == "remote", let remoteName = file.remoteName else {
            guard local == bytes else { return broken("P3", "\(describe(file)), \(file.state): \(say(local)) locally") }
            return
        }
        let remote = server.objects[remoteName]
        if remote == bytes { return }
        // A remote that damages bytes without a word is found out by those who delete, and only by them.
        let isDamaged = remote != nil && server.tainted.contains(remoteName) && !ledger.deletable.contains(file.version)
        guard remote == nil || isDamaged, file.hasLocal, local == bytes else {
            return broken("P3", "\(describe(file)), remote: \(say(remote)) there, \(say(local)) locally")
        }
    }

    private func say(_ bytes: [UInt8]?) -> String {
        guard let bytes else { return "nothing" }
        if let version = ledger.versions[bytes] {
            return "the bytes of file \(version.file), generation \(version.generation)"
        }
        return "\(bytes.count) other bytes"
    }

    /// P6: each state has its job, and no other.
    private func lookAtJobs(of file: Snapshot.File) {
        let jobs = snapshot.jobs.values.filter { $0.file == file.id }
        let transfer = jobs.first { $0.kind == "transfer" }
        let isRight =
            switch file.state {
            case "queued": transfer?.state == "queued"
            case "transferring": transfer?.state == "running"
            case "failed": transfer?.state == "failed" && transfer?.error != nil
            case "deleting": transfer == nil && (!file.hasLocal || jobs.contains { $0.kind == "deleteLocal" })
            default: transfer == nil
            }
        if !isRight {
            broken(
                "P6",
                "\(describe(file)) is \(file.state), and its transfer \(transfer.map { $0.state } ?? "missing")"
            )
        }
        if let transfer, transfer.generation != file.generation {
            broken("P5", "\(describe(file)) has a transfer of generation \(transfer.generation)")
        }
        for (name, version) in snapshot.remoteNames
        where version.file == file.id && version.generation < file.generation {
            if !jobs.contains(where: { $0.kind == "deleteRemote" && $0.remoteName == name }) {
                broken("P5", "nobody removes \(name) of \(describe(file)) from the remote")
            }
        }
    }

    /// P6: whoever waits, waits for something that ends.
    private func lookAtWait(of job: Snapshot.Job) {
        guard let awaited = job.waitsForJob, job.state == "queued" else { return }
        if snapshot.jobs[awaited] == nil, !snapshot.lateAttempts.contains(awaited) {
            broken("P6", "job \(job.id) (\(job.kind)) waits for job \(awaited), which is gone")
        }
    }

    /// P2: nothing lies under a final name without a row, and nothing half.
    private func lookAtLocalNames() {
        for (name, bytes) in disk.files where foreignLocal[name] != bytes {
            let owners = snapshot.files.values.filter { $0.hasLocal && $0.name == name }
            guard let owner = owners.first else {
                broken("P2", "\(say(bytes)) lie locally under \"\(name)\", and no row has them")
                continue
            }
            guard let version = ledger.versions[bytes], version.file == owner.id else {
                broken("P2", "\(say(bytes)) lie locally under the name of \(describe(owner))")
                continue
            }
        }
    }

    /// P5: nothing lies on the remote but what somebody will remove or has.
    private func lookAtRemoteNames() {
        for (name, bytes) in server.objects where server.foreign[name] == nil && !name.hasPrefix("qstore-probe-") {
            guard let version = snapshot.remoteNames[name] else {
                if !server.tainted.contains(name) {
                    broken("P5", "\(say(bytes)) are on the remote as \"\(name)\" for nobody")
                }
                continue
            }
            if let expected = ledger.contents[version], expected != bytes, !server.tainted.contains(name) {
                broken("P5", "\(say(bytes)) are on the remote as \"\(name)\", which is for file \(version.file)")
            }
        }
    }
}
