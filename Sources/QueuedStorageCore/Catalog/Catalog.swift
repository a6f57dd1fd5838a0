public import FoundationEssentials

/// The transactional record of every stored file and of every job that must still run.
///
/// Where a file is and what must still move are one thing here, and change in one commit. Each method is one whole
/// operation: atomic, durable when it returns, and free to share its commit with others that wait at the same time.
/// None is given up half-way when its task is cancelled.
///
/// Acts on a claimed job carry its ``JobTicket``; under a fence that has risen since, they change nothing and say so.
/// Methods that take a closure call it inside the transaction that holds the catalog's write lock, after reading the
/// row again there; it may run more than once, and an error that it throws rolls the operation back.
///
/// To write a catalog, hold it against `CatalogRequirement.all` of the module `QueuedStorageTesting`.
public protocol Catalog: Sendable {
    // MARK: Storages

    /// What tells this catalog from others: a random text, made with the catalog; a copy of it has the same.
    ///
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func identity() async throws -> String

    /// Makes a storage known under its alias, or holds it against what is known.
    ///
    /// - Parameters:
    ///   - storage: The storage's alias, and what tells its two places from others.
    ///   - acceptingMove: Whether another location or remote than the one known is right, as they moved.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/wrongLocation``, also if another storage of the catalog has the
    ///   location, or ``CatalogError/Code/wrongRemote``.
    func register(_ storage: StorageRegistration, acceptingMove: Bool) async throws

    /// All storages that were ever registered, by alias.
    func storages() async throws -> [StorageRegistration]

    /// Stops the claiming of a storage's jobs, or lets it go on.
    ///
    /// - Parameters:
    ///   - isPaused: Whether to stop.
    ///   - storage: The storage's alias.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/unknownStorage``.
    func setPaused(_ isPaused: Bool, storage: String) async throws

    // MARK: Drop folders

    /// Notes where a drop folder is, for `status` and quarantine; its identifier tells it from another at the same path.
    ///
    /// - Parameter folder: The drop folder.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func register(_ folder: DropFolderRegistration) async throws

    /// All drop folders that were ever registered, by path.
    func dropFolders() async throws -> [DropFolderRegistration]

    // MARK: Files

    /// Records a file and its job. From here the save has happened.
    ///
    /// With ``NewFile/replaces``, a file of that name gets a new generation: its transfer job and its remote names are
    /// replaced by a new job and durable deletions.
    ///
    /// - Parameter file: The file; its bytes are staged and synced.
    /// - Returns: The row: with its identifier, its generation (1 for a new file), and its job queued unless it waits
    ///   to be asked for.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/nameTaken`` if the name is taken, also by a deleted file that
    ///   still has local bytes; with ``CatalogError/Code/unsettled`` if the file to be replaced still has a place: place
    ///   its bytes, settle it, and try again.
    func record(_ file: NewFile) async throws -> StoredFile

    /// The file that has a name, if any, not counting deleted ones.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    /// - Returns: The row; nil if no file has the name, or only a deleted one.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func file(_ name: String, in storage: String) async throws -> StoredFile?

    /// The file with an identifier, if it still has a row; also a deleted one.
    ///
    /// - Parameter id: The row's identifier.
    /// - Returns: The row, in any state; nil if it went with the last copy of a deleted file.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func file(id: Int64) async throws -> StoredFile?

    /// The deleted file whose local bytes still lie under a name, if any.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    /// - Returns: The tombstone; nil if no deleted file has local bytes under the name.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func deletedFile(_ name: String, in storage: String) async throws -> StoredFile?

    /// Gives a recorded file that isn't placed yet another name, because something foreign lies under its own.
    ///
    /// - Parameters:
    ///   - file: The file, as recorded.
    ///   - name: The new name.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/nameTaken``.
    /// - Returns: The row, or nil if its generation is gone or it was placed meanwhile.
    func rename(_ file: StoredFile, to name: String) async throws -> StoredFile?

    /// Replaces the bytes under a name with those of the file's present generation.
    ///
    /// - Parameters:
    ///   - file: The file, as recorded with ``StoredFile/replaces``.
    ///   - act: Renames the staged bytes over the old ones.
    /// - Returns: Whether the generation was still the same, and still had its place.
    /// - Throws: What `act` throws, and then nothing is changed; else ``CatalogError``.
    func place(_ file: StoredFile, _ act: @escaping @Sendable () throws -> Void) async throws -> Bool

    /// Notes that files lie under their names, durably: their place is forgotten.
    ///
    /// - Parameter files: The files; one whose generation, place or name has changed since is left alone.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func settle(_ files: [StoredFile]) async throws

    /// The files that have a place still.
    ///
    /// - Parameter storage: The storage's alias.
    /// - Returns: Their rows, deleted files included, as they were in one moment.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func unsettled(in storage: String) async throws -> [StoredFile]

    /// The subset of names under which only the local bytes of deleted files lie.
    ///
    /// - Parameters:
    ///   - names: Names of files.
    ///   - storage: The storage's alias.
    /// - Returns: Those of `names` that are so, in no order.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func deletedNames(_ names: [String], in storage: String) async throws -> [String]

    /// The subset of names on the remote that a file has, is planned to get, or had until its deletion is done.
    ///
    /// - Parameters:
    ///   - names: Names on the remote.
    ///   - storage: The storage's alias.
    /// - Returns: Those of `names` that are ours, in no order; whatever else is on the remote is foreign.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func remoteNames(_ names: [String], in storage: String) async throws -> [String]

    /// The subset of places that a row still names.
    ///
    /// - Parameters:
    ///   - places: Places of the storage's local side.
    ///   - storage: The storage's alias.
    /// - Returns: Those of `places` that must stay; the others are litter.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func named(places: [String], in storage: String) async throws -> Set<String>

    /// The subset of drop-folder entries whose bytes a commit has recorded already.
    ///
    /// - Parameter entries: Entries (`INBOXID/TOKEN/ID`).
    /// - Returns: Those of `entries` that were copied, as they were recorded: they must not be saved again.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func recorded(takenEntries entries: [String]) async throws -> [CopiedEntry]

    /// Forgets drop-folder entries: they are gone, durably.
    ///
    /// - Parameter entries: Entries (`INBOXID/TOKEN/ID`).
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func forget(takenEntries entries: [String]) async throws

    /// Deletes a file: a tombstone that cancels its transfer, and jobs that remove its copies.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    /// - Returns: The tombstone; nil if there was no such file.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func delete(_ name: String, in storage: String) async throws -> StoredFile?

    /// Removes the local bytes of a file that is deleted, or that is on the remote.
    ///
    /// - Parameters:
    ///   - file: The file; if its generation has changed, nothing happens.
    ///   - act: Is handed the row as it is now, and removes the bytes, synced.
    /// - Returns: Whether the local copy is gone. The row of a deleted file goes with its last copy.
    /// - Throws: What `act` throws, and then nothing is changed; else ``CatalogError``.
    func removeLocal(_ file: StoredFile, _ act: @escaping @Sendable (StoredFile) throws -> Void) async throws -> Bool

    /// Removes the local bytes under a name that no file has, and claims the removal of what the remote has under it.
    ///
    /// No file is recorded under the name until `act` has ended, and none gets the name on the remote until the removal has.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - storage: The storage's alias.
    ///   - lease: The lease to put on the removal; when it lapses, a worker does it.
    ///   - act: Removes the bytes, synced.
    /// - Returns: The claimed `deleteRemote` job. Nil if there is nothing to do: a file has the name, or what is left of a
    ///   deleted one; or on the remote a file has it, is planned to get it, or had it until its deletion is done.
    /// - Throws: What `act` throws, and then nothing is changed; else ``CatalogError``.
    func deleteForeign(
        _ name: String,
        in storage: String,
        lease: Lease,
        _ act: @escaping @Sendable () throws -> Void
    ) async throws -> TransferJob?

    // MARK: Jobs

    /// Queues a file's transfer: for a delayed, cancelled or failed one, now or later.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    ///   - task: The name of the task for this transfer; the file's own if nil.
    ///   - dueAt: When it is due.
    /// - Returns: The file, with or without a new job (it may be on its way already, or there); nil if there is none.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func queueTransfer(_ name: String, in storage: String, task: String?, dueAt: Date) async throws -> StoredFile?

    /// Queues another transfer of a file whose remote copy turned out to be gone, if it has a local one.
    ///
    /// - Parameters:
    ///   - file: The file, as read; if its generation or state has changed, nothing happens.
    ///   - dueAt: When the transfer is due.
    /// - Returns: Whether a transfer was queued.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func requeueLost(_ file: StoredFile, dueAt: Date) async throws -> Bool

    /// Cancels a file's transfer, also a failed one; it stays `local`. What it may have put on the remote is deleted there.
    ///
    /// - Parameters:
    ///   - name: The file's name.
    ///   - storage: The storage's alias.
    /// - Returns: Whether there was a transfer to cancel.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func cancelTransfer(_ name: String, in storage: String) async throws -> Bool

    /// Claims due jobs, raising the fence of each, and plans the remote names of transfers.
    ///
    /// - Parameter request: Which jobs, and under which lease.
    /// - Returns: The claimed jobs; files that are transferred are `transferring` from here.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` the jobs may be claimed, and come back
    ///   when their leases lapse.
    func claim(_ request: ClaimRequest) async throws -> [TransferJob]

    /// Prolongs leases, and notes how far the transfers are.
    ///
    /// - Parameters:
    ///   - byteCounts: The bytes handed over so far, by the tickets of the jobs.
    ///   - until: When the leases lapse, in milliseconds of `CLOCK_BOOTTIME`.
    /// - Returns: The tickets that no longer count.
    /// - Throws: ``CatalogError``; the leases last until the instant that was committed last.
    func renew(_ byteCounts: [JobTicket: Int64], until: Int64) async throws -> Set<JobTicket>

    /// Plans another remote name for a transfer, as something foreign lies under the one before.
    ///
    /// - Parameters:
    ///   - remoteName: The wanted name.
    ///   - ticket: The job.
    /// - Returns: False if the ticket no longer counts.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/nameTaken`` if another file's name on the remote is the same.
    func plan(_ remoteName: String, for ticket: JobTicket) async throws -> Bool

    /// Keeps what the next attempt must know of an upload in pieces; it is handed out with ``TransferJob/upload``, also to
    /// who removes the remote name.
    ///
    /// - Parameters:
    ///   - record: The text to keep with the name that is planned for the job.
    ///   - ticket: The job.
    /// - Returns: False if the ticket no longer counts.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` keeping it again is harmless.
    func keepUpload(_ record: String, for ticket: JobTicket) async throws -> Bool

    /// Notes that a transfer is done: the file is `remote`, if its generation and the fence still count.
    ///
    /// - Parameter completion: How it ended.
    /// - Returns: Whether it counted.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` telling it again is harmless.
    func complete(_ completion: TransferCompletion) async throws -> Bool

    /// Tells whether remote names are to be removed that a content was planned to get, but whose SHA-256 isn't known: what
    /// lies there can't be told from somebody else's file yet.
    ///
    /// - Parameters:
    ///   - file: The identifier of the file's row.
    ///   - generation: The generation of the content.
    /// - Returns: Whether ``note(sha256:size:of:generation:)`` would help.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func lacksSHA256(_ file: Int64, generation: Int64) async throws -> Bool

    /// Notes the SHA-256 of a content whose planned remote names are to be removed; ``TransferJob/plannedObject`` has it
    /// from then on.
    ///
    /// - Parameters:
    ///   - sha256: The SHA-256 in lower-case hexadecimal digits.
    ///   - size: The number of bytes that were read for it; with another size than the planned one nothing is noted.
    ///   - file: The identifier of the file's row.
    ///   - generation: The generation of the content.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` noting it again is harmless.
    func note(sha256: String, size: Int64, of file: Int64, generation: Int64) async throws

    /// Notes that a remote name is gone.
    ///
    /// - Parameter ticket: The `deleteRemote` job.
    /// - Returns: Whether it counted.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` telling it again is harmless.
    func completeDeletion(_ ticket: JobTicket) async throws -> Bool

    /// Queues again, for now, the deletions that were given up.
    ///
    /// - Parameter storage: The storage's alias.
    /// - Returns: How many jobs were queued.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func retryDeletions(in storage: String) async throws -> Int

    /// Notes that an attempt failed: the job is queued again for a later time, or `failed`.
    ///
    /// - Parameter failure: How it ended.
    /// - Returns: Whether it counted.
    /// - Throws: ``CatalogError``; telling it again is harmless: the ticket counts once.
    func fail(_ failure: JobFailure) async throws -> Bool

    /// Gives jobs back unharmed: a worker that drains, or lost interest. No try is spent.
    ///
    /// - Parameter tickets: The jobs.
    /// - Throws: ``CatalogError``; jobs that can't be given back are rescued when their leases lapse.
    func release(_ tickets: [JobTicket]) async throws

    /// Notes that an attempt that lost its job has ended: what waited for it to end is due now.
    ///
    /// - Parameter ticket: The job as it was claimed.
    /// - Throws: ``CatalogError``; telling it again is harmless.
    func acknowledgeLoss(of ticket: JobTicket) async throws

    /// Takes back jobs from workers that are dead or whose leases have lapsed. No try is spent.
    ///
    /// - Parameters:
    ///   - deadTokens: Tokens whose processes are known to be dead.
    ///   - storages: The aliases whose jobs to look at.
    ///   - bootID: The machine's boot; leases of others have lapsed.
    ///   - now: Now, in milliseconds of `CLOCK_BOOTTIME`.
    /// - Returns: How many jobs were taken back.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func rescue(deadTokens: Set<String>, storages: [String], bootID: String, now: Int64) async throws -> Int

    /// The tokens that hold leases now, of the given storages, or that a remote deletion waits for.
    ///
    /// - Parameter storages: The aliases whose jobs to look at.
    /// - Returns: Sets of tokens by alias; an alias that nobody holds a lease for may be missing.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func leaseholders(storages: [String]) async throws -> [String: Set<String>]

    /// When the next job of the storages is due; nil if none waits.
    ///
    /// - Parameters:
    ///   - storages: The aliases.
    ///   - tasks: The names of the transfer tasks that count, per alias.
    /// - Returns: An instant, in the past if a job could be claimed now.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func nextDueAt(storages: [String], tasks: [String: Set<String>]) async throws -> Date?

    // MARK: Views

    /// The identifier of the file that was recorded last; 0 if there never was one.
    func lastFileID() async throws -> Int64

    /// How many files, and how many bytes, each storage has in each state.
    func counts() async throws -> [StorageCounts]

    /// A page of files, in the order of their identifiers.
    ///
    /// - Parameter query: Which files.
    /// - Returns: Rows, at most `limit` of them, deleted files included; an empty page is behind the last.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func files(_ query: FileQuery) async throws -> [StoredFile]

    /// A page of the names directly or indirectly below a directory, deleted files left out, sorted by bytes.
    ///
    /// - Parameters:
    ///   - storage: The storage's alias.
    ///   - directory: The directory; empty for all.
    ///   - after: The last name of the page before.
    ///   - limit: The most names.
    /// - Returns: Whole names, at most `limit` of them; an empty page is behind the last.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func names(in storage: String, below directory: String, after: String?, limit: Int) async throws -> [String]

    /// The jobs that no worker takes as it knows neither their task nor their storage, counted by alias and task.
    ///
    /// - Parameter tasks: The names of the transfer tasks that are known, per alias.
    /// - Returns: A count for each pair of alias and task that has any.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func unclaimable(tasks: [String: Set<String>]) async throws -> [UnclaimableJobs]

    /// Recorded events after a number, oldest first.
    ///
    /// - Parameters:
    ///   - id: The number of the last event seen.
    ///   - limit: The most events.
    /// - Returns: Events in the order of their numbers, which have gaps; empty if there is none yet.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    func events(after id: Int64, limit: Int) async throws -> [StorageEvent]

    /// The number of the newest event.
    func lastEventID() async throws -> Int64

    /// Removes events that are older than the retention.
    ///
    /// - Parameter before: Events before this instant go.
    /// - Throws: ``CatalogError``; after ``CatalogError/Code/outcomeUnknown`` nobody can say whether it was committed.
    func trimEvents(before: Date) async throws

    /// The files and directories of this machine that the catalog itself lies in, as absolute paths; none for a server.
    var occupiedPaths: [String] { get }

    /// Yields after commits that may matter to others: of this process at once, of other processes within 50 ms. Several
    /// commits may be one element.
    var changes: AsyncStream<Void> { get }
}
