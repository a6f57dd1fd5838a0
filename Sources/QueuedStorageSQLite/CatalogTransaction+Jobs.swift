import FoundationEssentials
import GRDB
import QueuedStorageCore

/// A job that runs under the fence of a ticket.
private struct RunningJob {
    var kind: JobKind
    var storage: String
    var file: Int64
    var generation: Int64
    var remoteName: String?
    var tries: Int
}

extension CatalogTransaction {
    /// The job of a ticket that still counts.
    private func running(_ ticket: JobTicket) throws -> RunningJob? {
        try db.first(SQL.runningJob, [ticket.job, ticket.fence]) {
            try RunningJob(
                kind: JobKind(column: $0[0]),
                storage: $0[1],
                file: $0[2],
                generation: $0[3],
                remoteName: $0[4],
                tries: $0[5]
            )
        }
    }

    func renew(_ byteCounts: [JobTicket: Int64], until: Int64) throws -> Set<JobTicket> {
        var lost: Set<JobTicket> = []
        for (ticket, byteCount) in byteCounts {
            if try db.run(SQL.renewJob, [until, byteCount, ticket.job, ticket.fence]) == 0 { lost.insert(ticket) }
        }
        return lost
    }

    func plan(_ remoteName: String, for ticket: JobTicket) throws -> Bool {
        guard let job = try running(ticket), job.kind == .transfer else { return false }
        if job.remoteName == remoteName { return true }
        guard try db.run(SQL.planName, [job.storage, remoteName, job.file, job.generation]) > 0 else {
            throw remoteNameTaken(remoteName, in: job.storage)
        }
        if let former = job.remoteName { try db.run(SQL.unplanName, [job.storage, former, job.file]) }
        try db.run(SQL.replanJob, [remoteName, ticket.job])
        return true
    }

    func keepUpload(_ record: String, for ticket: JobTicket) throws -> Bool {
        guard let job = try running(ticket), job.kind == .transfer, let name = job.remoteName else { return false }
        return try db.run(SQL.keepUpload, [record, job.storage, name, job.file]) > 0
    }

    func complete(_ completion: TransferCompletion) throws -> Bool {
        let ticket = completion.ticket
        guard let job = try running(ticket), job.kind == .transfer else { return false }
        if job.remoteName != completion.remoteName {
            guard try db.run(SQL.planName, [job.storage, completion.remoteName, job.file, job.generation]) > 0 else {
                throw remoteNameTaken(completion.remoteName, in: job.storage)
            }
        }
        guard
            try db.run(
                SQL.completeFile,
                [completion.remoteName, completion.sha256, now, job.file, job.generation]
            ) > 0
        else {
            // Only SQL from outside can leave a running transfer without its file.
            try db.run(SQL.deleteJob, [ticket.job])
            return false
        }
        if let planned = job.remoteName, planned != completion.remoteName {
            try db.run(SQL.unplanName, [job.storage, planned, job.file])
        }
        try db.run(SQL.deleteJob, [ticket.job])
        if let deleteLocalAt = completion.deleteLocalAt {
            let dueAt = deleteLocalAt.milliseconds
            try db.run(SQL.insertLocalDeletion, [job.storage, job.file, job.generation, dueAt, now, now])
        }
        return true
    }

    func completeDeletion(_ ticket: JobTicket) throws -> Bool {
        guard let job = try running(ticket), job.kind == .deleteRemote, let name = job.remoteName else { return false }
        try db.run(SQL.deleteJob, [ticket.job])
        try db.run(SQL.unplanName, [job.storage, name, job.file])
        return true
    }

    func fail(_ failure: JobFailure) throws -> Bool {
        guard let job = try running(failure.ticket) else { return false }
        let tries = failure.failureClass == .offline ? job.tries : min(job.tries, .max - 1) + 1
        let state: FileState = failure.retryAt == nil ? .failed : .queued
        let dueAt = failure.retryAt?.milliseconds ?? now
        try db.run(
            SQL.failJob,
            [
                state.rawValue, tries, dueAt, now, failure.failureClass.rawValue, failure.message, failure.ticket.job,
            ]
        )
        switch job.kind {
        case .transfer: try setState(state, of: job.file, generation: job.generation)
        // A transfer that hoped for the name takes another.
        case .deleteRemote: try db.run(SQL.giveUpWaiting, [failure.ticket.job])
        case .deleteLocal: break
        }
        return true
    }

    func release(_ tickets: [JobTicket]) throws {
        for ticket in tickets {
            guard let job = try running(ticket) else { continue }
            try db.run(SQL.releaseJob, [ticket.job])
            if job.kind == .transfer { try setState(.queued, of: job.file, generation: job.generation) }
        }
    }

    func acknowledgeLoss(of ticket: JobTicket) throws {
        try db.run(SQL.endLateAttempt, [ticket.job, ticket.fence])
    }

    func rescue(deadTokens: Set<String>, storages: [String], bootID: String, now: Int64) throws -> Int {
        var count = 0
        for storage in Set(storages) {
            let leased = try db.all(SQL.leasedJobs, [storage]) { row in
                try (
                    id: row[0] as Int64, kind: JobKind(column: row[1]), file: row[2] as Int64,
                    generation: row[3] as Int64, lease: Lease(token: row[4], bootID: row[5], until: row[6])
                )
            }
            for job in leased {
                let isDead = deadTokens.contains(job.lease.token) || job.lease.bootID != bootID
                guard isDead || job.lease.until < now else { continue }
                // One that only slept may still publish, so whoever deletes the name has to know of it; or delete, so
                // that nobody may get the name.
                if !isDead { try db.run(SQL.noteLateAttempt, [job.id]) }
                try db.run(SQL.rescueJob, [job.id])
                if job.kind == .transfer { try setState(.queued, of: job.file, generation: job.generation) }
                count += 1
            }
            try endWaits(storage: storage, deadTokens: deadTokens, bootID: bootID, now: now)
        }
        return count
    }

    /// Ends the waiting for attempts that can't act any more: their processes are dead, or had an hour to wake up.
    private func endWaits(storage: String, deadTokens: Set<String>, bootID: String, now: Int64) throws {
        let attempts = try db.all(SQL.lateAttempts, [storage]) { row in
            try (
                job: row[0] as Int64, fence: row[1] as Int64, lease: Lease(token: row[2], bootID: row[3], until: row[4])
            )
        }
        for attempt in attempts {
            guard
                deadTokens.contains(attempt.lease.token) || attempt.lease.bootID != bootID
                    || attempt.lease.until < now - 3_600_000
            else { continue }
            try db.run(SQL.endLateAttempt, [attempt.job, attempt.fence])
        }
    }

    private func remoteNameTaken(_ name: String, in storage: String) -> CatalogError {
        CatalogError(.nameTaken, "\"\(name)\" on the remote of \"\(storage)\" is planned for other content, or has it")
    }
}
