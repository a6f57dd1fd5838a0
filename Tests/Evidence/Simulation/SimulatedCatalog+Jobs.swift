import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite

// What acts on jobs: of each act under a ticket it is looked whether it may count.
extension SimulatedCatalog {
    /// Shows a ticket; one that has lost must not count.
    private func show<Answer: Sendable>(
        _ ticket: JobTicket,
        _ what: String,
        counts: (Answer) -> Bool,
        _ call: @Sendable (SQLiteCatalog, JobTicket) async throws -> Answer
    ) async throws -> Answer {
        // What has lost when it begins to ask has lost for good.
        let fence = world.ledger.fence(of: ticket.job)
        let hasLost = fence != ticket.fence
        var shown = ticket
        if world.mutant == .ignoresFences, let fence { shown.fence = fence }
        let used = shown
        let answer = try await ask("\(what) of job \(ticket.job), fence \(ticket.fence)") { try await call($0, used) }
        if hasLost, counts(answer) {
            world.broken(
                "P5",
                "\(process.name) lost job \(ticket.job) (fence \(ticket.fence)), and its \(what) counted"
            )
        }
        return answer
    }

    func plan(_ remoteName: String, for ticket: JobTicket) async throws -> Bool {
        try await show(ticket, "plan \(remoteName)", counts: { $0 }) { try await $0.plan(remoteName, for: $1) }
    }

    func keepUpload(_ record: String, for ticket: JobTicket) async throws -> Bool {
        try await show(ticket, "upload", counts: { $0 }) { try await $0.keepUpload(record, for: $1) }
    }

    func complete(_ completion: TransferCompletion) async throws -> Bool {
        if world.mutant == .deletesEarly, completion.deleteLocalAt != nil { world.deleteEarly(completion.ticket.job) }
        return try await show(completion.ticket, "completion", counts: { $0 }) {
            var shown = completion
            shown.ticket = $1
            return try await $0.complete(shown)
        }
    }

    func completeDeletion(_ ticket: JobTicket) async throws -> Bool {
        try await show(ticket, "deletion", counts: { $0 }) { try await $0.completeDeletion($1) }
    }

    func fail(_ failure: JobFailure) async throws -> Bool {
        try await show(failure.ticket, "failure (\(failure.message))", counts: { $0 }) {
            var shown = failure
            shown.ticket = $1
            if self.world.mutant == .forgetsRetries, failure.retryAt != nil {
                shown.retryAt = Date(timeIntervalSince1970: 1e10)
            }
            return try await $0.fail(shown)
        }
    }

    func queueTransfer(_ name: String, in storage: String, task: String?, dueAt: Date) async throws -> StoredFile? {
        try await ask("queueTransfer \(name)") {
            try await $0.queueTransfer(name, in: storage, task: task, dueAt: dueAt)
        }
    }

    func requeueLost(_ file: StoredFile, dueAt: Date) async throws -> Bool {
        try await ask("requeueLost \(file.name)") { try await $0.requeueLost(file, dueAt: dueAt) }
    }

    func cancelTransfer(_ name: String, in storage: String) async throws -> Bool {
        try await ask("cancelTransfer \(name)") { try await $0.cancelTransfer(name, in: storage) }
    }

    func claim(_ request: ClaimRequest) async throws -> [TransferJob] {
        let jobs = try await ask("claim") { try await $0.claim(request) }
        for job in jobs {
            let late = Int64(request.now.timeIntervalSince(job.dueAt) * 1000)
            world.note(
                "\(process.name) has job \(job.id), \(job.kind) of \(job.file?.name ?? "a file"), due \(late) ms ago"
            )
        }
        return jobs
    }

    func renew(_ byteCounts: [JobTicket: Int64], until: Int64) async throws -> Set<JobTicket> {
        try await ask("renew") { try await $0.renew(byteCounts, until: until) }
    }

    func lacksSHA256(_ file: Int64, generation: Int64) async throws -> Bool {
        try await ask("lacksSHA256") { try await $0.lacksSHA256(file, generation: generation) }
    }

    func note(sha256: String, size: Int64, of file: Int64, generation: Int64) async throws {
        try await ask("note file \(file)") {
            try await $0.note(sha256: sha256, size: size, of: file, generation: generation)
        }
    }

    func retryDeletions(in storage: String) async throws -> Int {
        try await ask("retryDeletions") { try await $0.retryDeletions(in: storage) }
    }

    func release(_ tickets: [JobTicket]) async throws {
        try await ask("release \(tickets)") { try await $0.release(tickets) }
    }

    func acknowledgeLoss(of ticket: JobTicket) async throws {
        try await ask("acknowledgeLoss \(ticket)") { try await $0.acknowledgeLoss(of: ticket) }
    }

    func rescue(deadTokens: Set<String>, storages: [String], bootID: String, now: Int64) async throws -> Int {
        try await ask("rescue") {
            try await $0.rescue(deadTokens: deadTokens, storages: storages, bootID: bootID, now: now)
        }
    }

    func leaseholders(storages: [String]) async throws -> [String: Set<String>] {
        try await ask("leaseholders") { try await $0.leaseholders(storages: storages) }
    }

    func nextDueAt(storages: [String], tasks: [String: Set<String>]) async throws -> Date? {
        try await ask("nextDueAt") { try await $0.nextDueAt(storages: storages, tasks: tasks) }
    }
}
