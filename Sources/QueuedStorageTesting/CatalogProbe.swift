import FoundationEssentials
import QueuedStorageCore

/// A catalog under test, and short ways to bring it into a state.
struct CatalogProbe: Sendable {
    /// The storages that are registered.
    static let aliases = ["photos", "videos"]

    /// The catalog.
    let catalog: any Catalog
    /// Another handle on the same catalog.
    let other: any Catalog
    /// When the check began.
    let now = Date()

    /// Records a file and settles it, so that it can be replaced.
    @discardableResult
    func record(
        _ name: String = "a.txt",
        in storage: String = "photos",
        size: Int64 = 3,
        replaces: Bool = false,
        task: String = "Transfer",
        dueAt: Date? = .distantPast,
        owner: FileOwner? = nil
    ) async throws -> StoredFile {
        let file = try await catalog.record(
            new(name, in: storage, size: size, replaces: replaces, task: task, dueAt: dueAt, owner: owner)
        )
        try await catalog.settle([file])
        return try await row(file.id)
    }

    /// Describes a file that is to be recorded.
    func new(
        _ name: String = "a.txt",
        in storage: String = "photos",
        size: Int64 = 3,
        replaces: Bool = false,
        task: String = "Transfer",
        dueAt: Date? = .distantPast,
        owner: FileOwner? = nil,
        copiedEntry: CopiedEntry? = nil
    ) -> NewFile {
        NewFile(
            storage: storage,
            name: name,
            staged: StagedFile(place: "staging/T/\(name)-\(size)", size: size, contentType: "text/plain"),
            replaces: replaces,
            task: task,
            dueAt: dueAt,
            owner: owner,
            copiedEntry: copiedEntry
        )
    }

    /// The file with an identifier, which must be there.
    func row(_ id: Int64) async throws -> StoredFile {
        guard let file = try await catalog.file(id: id) else { throw RequirementFailure("file \(id) has no row") }
        return file
    }

    /// A request for the jobs of all storages.
    func request(
        limit: Int = 100,
        token: String = "T1",
        boot: String = "boot",
        until: Int64 = 10_000,
        tasks: Set<String> = ["Transfer"],
        now: Date? = nil
    ) -> ClaimRequest {
        let lease = Lease(token: token, bootID: boot, until: until)
        return ClaimRequest(
            storages: Self.aliases,
            tasks: Dictionary(uniqueKeysWithValues: Self.aliases.map { ($0, tasks) }),
            limit: limit,
            leases: Dictionary(uniqueKeysWithValues: Self.aliases.map { ($0, lease) }),
            now: now ?? Date().addingTimeInterval(0.01)
        )
    }

    /// Claims all that is due.
    func claim() async throws -> [TransferJob] { try await catalog.claim(request()) }

    /// Claims what is due, which must be one job of a kind.
    func claimOne(_ kind: JobKind = .transfer, _ request: ClaimRequest? = nil) async throws -> TransferJob {
        let jobs = try await catalog.claim(request ?? self.request())
        guard jobs.count == 1, let job = jobs.first, job.kind == kind else {
            throw RequirementFailure("claimed \(jobs.map { ($0.kind, $0.remoteName) }) instead of one \(kind)")
        }
        return job
    }

    /// Completes a transfer.
    @discardableResult
    func complete(
        _ job: TransferJob,
        as remoteName: String? = nil,
        sha256: String? = nil,
        deleteLocalAt: Date? = nil
    ) async throws -> Bool {
        try await catalog.complete(
            TransferCompletion(
                ticket: job.ticket,
                remoteName: remoteName ?? job.remoteName ?? "",
                sha256: sha256,
                deleteLocalAt: deleteLocalAt
            )
        )
    }

    /// Fails a job.
    @discardableResult
    func fail(
        _ job: TransferJob,
        _ failureClass: FailureClass = .transient,
        retryAt: Date? = nil
    ) async throws -> Bool {
        try await catalog.fail(
            JobFailure(ticket: job.ticket, failureClass: failureClass, message: "no \(job.id)", retryAt: retryAt)
        )
    }

    /// A file in a state, and the ticket of its transfer if one was claimed.
    func file(_ state: FileState, _ name: String = "a.txt") async throws -> (file: StoredFile, job: TransferJob?) {
        let file = try await record(name, dueAt: state == .local ? nil : .distantPast)
        var job: TransferJob?
        switch state {
        case .local, .queued: break
        case .transferring: job = try await claimOne()
        case .remote:
            job = try await claimOne()
            if let job { try await complete(job) }
        case .failed:
            job = try await claimOne()
            if let job { try await fail(job, .permanent) }
        case .deleting: _ = try await catalog.delete(name, in: "photos")
        }
        let row = try await row(file.id)
        try require(row.state == state, "the file is \(row.state), and should be \(state)")
        return (row, job)
    }

    /// The types of all events.
    func eventTypes() async throws -> [StorageEvent.Kind] {
        try await catalog.events(after: 0, limit: 1000).map(\.type)
    }
}

/// Fails a requirement unless a condition holds.
func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw RequirementFailure(message()) }
}

/// Fails a requirement unless two values are equal.
func require<Value: Equatable>(_ value: Value, is expected: Value, _ what: String) throws {
    if value != expected { throw RequirementFailure("\(what): \(value) instead of \(expected)") }
}

/// Fails a requirement unless there is a value.
func unwrap<Value>(_ value: Value?, _ what: String) throws -> Value {
    guard let value else { throw RequirementFailure("\(what): nothing") }
    return value
}

/// Fails a requirement unless a catalog's error of a code is thrown.
func require<Value>(_ code: CatalogError.Code, _ what: String, _ body: () async throws -> Value) async throws {
    do {
        _ = try await body()
    } catch let error as CatalogError where error.code == code {
        return
    } catch {
        throw RequirementFailure("\(what): \(error) instead of \(code)")
    }
    throw RequirementFailure("\(what): no error instead of \(code)")
}
