public import FoundationEssentials
import GRDB
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteCatalog: Catalog {
    // MARK: Storages

    public func identity() async throws -> String {
        guard let id = try await read({ try $0.first(SQL.identity, []) { try $0[0] as String } }) else {
            throw CatalogError(
                .unavailable,
                "the catalog \"\(path)\" has lost its identifier; restore it from a backup"
            )
        }
        return id
    }

    public func register(_ storage: StorageRegistration, acceptingMove: Bool) async throws {
        try await writer.write { try $0.register(storage, acceptingMove: acceptingMove) }
    }

    public func storages() async throws -> [StorageRegistration] {
        try await read { try $0.all(SQL.storages) { try StorageRegistration($0) } }
    }

    public func setPaused(_ isPaused: Bool, storage: String) async throws {
        try await writer.write { try $0.setPaused(isPaused, storage: storage) }
    }

    // MARK: Drop folders

    public func register(_ folder: DropFolderRegistration) async throws {
        try await writer.write { try $0.register(folder) }
    }

    public func dropFolders() async throws -> [DropFolderRegistration] {
        try await read { try $0.all(SQL.dropFolders) { try DropFolderRegistration($0) } }
    }

    // MARK: Files

    public func record(_ file: NewFile) async throws -> StoredFile {
        try await writer.write { try $0.record(file) }
    }

    public func file(_ name: String, in storage: String) async throws -> StoredFile? {
        try await lookUp { try $0.first(SQL.fileByName, [storage, name]) { try StoredFile($0) } }
    }

    public func file(id: Int64) async throws -> StoredFile? {
        try await lookUp { try $0.first(SQL.fileByID, [id]) { try StoredFile($0) } }
    }

    public func deletedFile(_ name: String, in storage: String) async throws -> StoredFile? {
        try await lookUp { try $0.first(SQL.deletedFile, [storage, name]) { try StoredFile($0) } }
    }

    public func rename(_ file: StoredFile, to name: String) async throws -> StoredFile? {
        try await writer.write { try $0.rename(file, to: name) }
    }

    public func place(_ file: StoredFile, _ act: @escaping @Sendable () throws -> Void) async throws -> Bool {
        try await writer.write(isolated: true) { try $0.place(file, act) }
    }

    public func settle(_ files: [StoredFile]) async throws {
        try await writer.write { try $0.settle(files) }
    }

    public func unsettled(in storage: String) async throws -> [StoredFile] {
        try await read { try $0.all(SQL.unsettled, [storage]) { try StoredFile($0) } }
    }

    public func deletedNames(_ names: [String], in storage: String) async throws -> [String] {
        try await read { db in
            try names.filter { try db.first(SQL.deletedFile, [storage, $0]) { _ in true } ?? false }
        }
    }

    public func remoteNames(_ names: [String], in storage: String) async throws -> [String] {
        try await read { db in
            try names.filter { try db.first(SQL.hasRemoteName, [storage, $0]) { _ in true } ?? false }
        }
    }

    public func named(places: [String], in storage: String) async throws -> Set<String> {
        try await read { db in
            Set(try places.filter { try db.first(SQL.hasPlace, [storage, $0]) { _ in true } ?? false })
        }
    }

    public func recorded(takenEntries entries: [String]) async throws -> [CopiedEntry] {
        try await read { db in
            try entries.compactMap { entry in
                try db.first(SQL.take, [entry]) {
                    try CopiedEntry(entry: $0[0], size: $0[1], modifiedAt: $0[2], changedAt: $0[3], sha256: $0[4])
                }
            }
        }
    }

    public func forget(takenEntries entries: [String]) async throws {
        try await writer.write { try $0.forget(takenEntries: entries) }
    }

    public func delete(_ name: String, in storage: String) async throws -> StoredFile? {
        try await writer.write { try $0.delete(name, in: storage) }
    }

    public func removeLocal(
        _ file: StoredFile,
        _ act: @escaping @Sendable (StoredFile) throws -> Void
    ) async throws -> Bool {
        try await writer.write(isolated: true) { try $0.removeLocal(file, act) }
    }

    public func deleteForeign(
        _ name: String,
        in storage: String,
        lease: Lease,
        _ act: @escaping @Sendable () throws -> Void
    ) async throws -> TransferJob? {
        try await writer.write(isolated: true) { try $0.deleteForeign(name, in: storage, lease: lease, act) }
    }

    // MARK: Jobs

    public func queueTransfer(
        _ name: String,
        in storage: String,
        task: String?,
        dueAt: Date
    ) async throws -> StoredFile? {
        try await writer.write { try $0.queueTransfer(name, in: storage, task: task, dueAt: dueAt) }
    }

    public func requeueLost(_ file: StoredFile, dueAt: Date) async throws -> Bool {
        try await writer.write { try $0.requeueLost(file, dueAt: dueAt) }
    }

    public func cancelTransfer(_ name: String, in storage: String) async throws -> Bool {
        try await writer.write { try $0.cancelTransfer(name, in: storage) }
    }

    public func claim(_ request: ClaimRequest) async throws -> [TransferJob] {
        try await writer.write { try $0.claim(request) }
    }

    public func renew(_ byteCounts: [JobTicket: Int64], until: Int64) async throws -> Set<JobTicket> {
        try await writer.write { try $0.renew(byteCounts, until: until) }
    }

    public func plan(_ remoteName: String, for ticket: JobTicket) async throws -> Bool {
        try await writer.write { try $0.plan(remoteName, for: ticket) }
    }

    public func keepUpload(_ record: String, for ticket: JobTicket) async throws -> Bool {
        try await writer.write { try $0.keepUpload(record, for: ticket) }
    }

    public func complete(_ completion: TransferCompletion) async throws -> Bool {
        try await writer.write { try $0.complete(completion) }
    }

    public func lacksSHA256(_ file: Int64, generation: Int64) async throws -> Bool {
        try await lookUp { try $0.first(SQL.lacksSHA256, [file, generation]) { _ in true } ?? false }
    }

    public func note(sha256: String, size: Int64, of file: Int64, generation: Int64) async throws {
        try await writer.write { _ = try $0.db.run(SQL.noteSHA256, [sha256, file, generation, size]) }
    }

    public func completeDeletion(_ ticket: JobTicket) async throws -> Bool {
        try await writer.write { try $0.completeDeletion(ticket) }
    }

    public func retryDeletions(in storage: String) async throws -> Int {
        try await writer.write { try $0.retryDeletions(in: storage) }
    }

    public func fail(_ failure: JobFailure) async throws -> Bool {
        try await writer.write { try $0.fail(failure) }
    }

    public func release(_ tickets: [JobTicket]) async throws {
        try await writer.write { try $0.release(tickets) }
    }

    public func acknowledgeLoss(of ticket: JobTicket) async throws {
        try await writer.write { try $0.acknowledgeLoss(of: ticket) }
    }

    public func rescue(
        deadTokens: Set<String>,
        storages: [String],
        bootID: String,
        now: Int64
    ) async throws -> Int {
        try await writer.write {
            try $0.rescue(deadTokens: deadTokens, storages: storages, bootID: bootID, now: now)
        }
    }

    public func leaseholders(storages: [String]) async throws -> [String: Set<String>] {
        try await read { db in
            var holders: [String: Set<String>] = [:]
            for storage in storages {
                let tokens = try db.all(SQL.leaseholders, [storage, storage]) { try $0[0] as String }
                if !tokens.isEmpty { holders[storage] = Set(tokens) }
            }
            return holders
        }
    }

    public func nextDueAt(storages: [String], tasks: [String: Set<String>]) async throws -> Date? {
        try await read { db in
            var next: Int64?
            for storage in storages {
                guard try db.first(SQL.isPaused, [storage], { try $0[0] as Bool }) == false else { continue }
                for task in (tasks[storage] ?? []).union(Self.deletionTasks) {
                    let dueAt = try db.first(SQL.nextDueAt, [storage, task]) { try $0[0] as Int64? } ?? nil
                    if let dueAt { next = min(next ?? dueAt, dueAt) }
                }
            }
            return next.map(Date.init(milliseconds:))
        }
    }

    // MARK: Views

    public func lastFileID() async throws -> Int64 {
        try await lookUp { try $0.first(SQL.lastFileID, []) { try $0[0] as Int64 } ?? 0 }
    }

    public func counts() async throws -> [StorageCounts] {
        try await read { db in
            var counts: [String: StorageCounts] = [:]
            for alias in try db.all(SQL.storages, [], { try $0[0] as String }) {
                counts[alias] = StorageCounts(alias: alias, counts: [:], bytes: [:])
            }
            let rows = try db.all(SQL.counts) { row in
                try (row[0] as String, FileState(column: row[1]), row[2] as Int, row[3] as Int64)
            }
            for (alias, state, files, bytes) in rows {
                counts[alias]?.counts[state] = files
                counts[alias]?.bytes[state] = bytes
            }
            return counts.values.sorted { $0.alias < $1.alias }
        }
    }

    public func files(_ query: FileQuery) async throws -> [StoredFile] {
        try await read { db in
            guard let state = query.state else {
                guard let storage = query.storage else {
                    return try db.all(SQL.files, [query.after, query.limit]) { try StoredFile($0) }
                }
                return try db.all(SQL.filesInStorage, [storage, query.after, query.limit]) { try StoredFile($0) }
            }
            // The storages are few, and each has its files of a state in the order of their identifiers.
            let storages = try query.storage.map { [$0] } ?? db.all(SQL.storages) { try $0[0] }
            let files = try storages.flatMap { storage in
                try db.all(SQL.filesInState, [storage, state.rawValue, query.after, query.limit]) { try StoredFile($0) }
            }
            return Array(files.sorted { $0.id < $1.id }.prefix(query.limit))
        }
    }

    public func names(
        in storage: String,
        below directory: String,
        after: String?,
        limit: Int
    ) async throws -> [String] {
        try await read { db in
            guard !directory.isEmpty else {
                return try db.all(SQL.names, [storage, after ?? "", limit]) { try $0[0] }
            }
            // "0" is the byte after "/", so between "a/" and "a0" is all that lies below "a". Strings compare by Unicode in
            // Swift, and by bytes in the database.
            let first = "\(directory)/"
            let from = after.map { $0.utf8.lexicographicallyPrecedes(first.utf8) ? first : $0 } ?? first
            return try db.all(SQL.namesBelow, [storage, from, "\(directory)0", limit]) { try $0[0] }
        }
    }

    public func unclaimable(tasks: [String: Set<String>]) async throws -> [UnclaimableJobs] {
        try await read { db in
            var unclaimable: [UnclaimableJobs] = []
            for storage in try db.all(SQL.storages, [], { try $0[0] as String }) {
                let known = tasks[storage]?.union(Self.deletionTasks) ?? []
                var task = ""
                while let next = try db.first(SQL.nextQueuedTask, [storage, task], { try $0[0] as String }) {
                    task = next
                    guard !known.contains(task) else { continue }
                    let count = try db.first(SQL.queuedJobCount, [storage, task]) { try $0[0] as Int }
                    unclaimable.append(UnclaimableJobs(storage: storage, task: task, count: count ?? 0))
                }
            }
            return unclaimable
        }
    }

    public func events(after id: Int64, limit: Int) async throws -> [StorageEvent] {
        try await read { try $0.all(SQL.events, [id, limit]) { try StorageEvent($0) } }
    }

    public func lastEventID() async throws -> Int64 {
        try await read { try $0.first(SQL.lastEventID, []) { try $0[0] as Int64 } ?? 0 }
    }

    public func trimEvents(before: Date) async throws {
        try await writer.write { try $0.trimEvents(before: before.milliseconds) }
    }

    public var occupiedPaths: [String] { ["", "-wal", "-shm", "-journal"].map { "\(path)\($0)" } }

    public var changes: AsyncStream<Void> { announcer.stream() }

    /// What stands in the task's column of jobs that remove copies; every worker knows how.
    private static let deletionTasks: Set<String> = [JobKind.deleteLocal.rawValue, JobKind.deleteRemote.rawValue]
}
