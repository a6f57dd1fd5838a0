/// Every statement that the catalog runs often, in one place: a test asks SQLite how it would run each.
enum SQL {
    /// The columns of a `StoredFile`, with the job that speaks for it as `j`; ``StoredFile/init(_:at:)`` reads them.
    private static let fileColumns = """
        f.id, f.storage, f.name, f.generation, f.place, f.replaces, f.hasLocal, f.remoteName, f.size, f.sha256, \
        f.contentType, f.state, f.task, f.ownerModel, f.ownerRow, f.ownerField, f.createdAt, f.modifiedAt, \
        f.transferredAt, j.tries, j.error, j.dueAt
        """

    /// A file's present job: its transfer, else its local deletion, else (of a tombstone) a remote deletion.
    private static let filesWithJobs = """
        SELECT \(fileColumns) FROM qstore_file f LEFT JOIN qstore_job j ON j.id = coalesce(
            (SELECT p.id FROM qstore_job p
                WHERE p.file = f.id AND p.kind IN ('transfer', 'deleteLocal') ORDER BY p.kind DESC LIMIT 1),
            iif(f.state = 'deleting',
                (SELECT min(r.id) FROM qstore_job r WHERE r.file = f.id AND r.kind = 'deleteRemote'), NULL))
        """

    // MARK: Storages and drop folders

    static let identity = "SELECT id FROM qstore_catalog"
    static let storages = "SELECT alias, localID, remoteFingerprint, isPaused FROM qstore_storage ORDER BY alias"
    static let storage = "SELECT alias, localID, remoteFingerprint, isPaused FROM qstore_storage WHERE alias = ?"
    static let insertStorage = """
        INSERT INTO qstore_storage (alias, localID, remoteFingerprint, isPaused, createdAt) VALUES (?, ?, ?, ?, ?)
        """
    static let moveStorage = "UPDATE qstore_storage SET localID = ?, remoteFingerprint = ? WHERE alias = ?"
    static let pauseStorage = "UPDATE qstore_storage SET isPaused = ? WHERE alias = ?"
    static let isPaused = "SELECT isPaused FROM qstore_storage WHERE alias = ?"
    static let dropFolders = "SELECT id, path, storage FROM qstore_dropFolder ORDER BY path"
    static let dropFolder = "SELECT id, path, storage FROM qstore_dropFolder WHERE id = ?"
    static let displaceDropFolder = "DELETE FROM qstore_dropFolder WHERE path = ? AND id <> ?"
    static let putDropFolder = """
        INSERT INTO qstore_dropFolder (id, path, storage) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET path = excluded.path, storage = excluded.storage
        """

    // MARK: Files

    static let fileByID = "\(filesWithJobs) WHERE f.id = ?"
    static let fileByName = "\(filesWithJobs) WHERE f.storage = ? AND f.name = ? AND f.state <> 'deleting'"
    static let deletedFile = """
        \(filesWithJobs) WHERE f.storage = ? AND f.name = ? AND f.state = 'deleting' AND f.hasLocal = 1
        """
    static let unsettled = "\(filesWithJobs) WHERE f.storage = ? AND f.place IS NOT NULL"
    static let hasPlace = "SELECT 1 FROM qstore_file WHERE storage = ? AND place = ?"
    static let insertFile = """
        INSERT INTO qstore_file (storage, name, place, size, sha256, contentType, state, task, ownerModel, ownerRow, \
        ownerField, createdAt, modifiedAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    static let replaceFile = """
        UPDATE qstore_file SET generation = generation + 1, place = ?, replaces = 1, hasLocal = 1, remoteName = NULL, \
        size = ?, sha256 = ?, contentType = ?, state = ?, task = ?, ownerModel = ?, ownerRow = ?, ownerField = ?, \
        modifiedAt = ?, transferredAt = NULL WHERE id = ?
        """
    static let insertTake = """
        INSERT OR REPLACE INTO qstore_take (entry, size, modifiedAt, changedAt, sha256) VALUES (?, ?, ?, ?, ?)
        """
    static let take = "SELECT entry, size, modifiedAt, changedAt, sha256 FROM qstore_take WHERE entry = ?"
    static let deleteTake = "DELETE FROM qstore_take WHERE entry = ?"
    static let renameFile = "UPDATE qstore_file SET name = ? WHERE id = ?"
    static let settleFile = """
        UPDATE qstore_file SET place = NULL, replaces = 0 WHERE id = ? AND generation = ? AND place = ? AND name = ?
        """
    static let deleteFile = "UPDATE qstore_file SET state = 'deleting', generation = generation + 1 WHERE id = ?"
    static let localIsGone = "UPDATE qstore_file SET hasLocal = 0, place = NULL, replaces = 0 WHERE id = ?"
    static let remoteIsLost = """
        UPDATE qstore_file SET state = 'queued', remoteName = NULL, transferredAt = NULL WHERE id = ?
        """
    static let setFileState = "UPDATE qstore_file SET state = ? WHERE id = ? AND generation = ?"

    // MARK: Jobs

    static let insertTransfer = """
        INSERT INTO qstore_job (kind, storage, file, generation, task, dueAt, delaySetAt, createdAt) \
        VALUES ('transfer', ?, ?, ?, ?, ?, ?, ?)
        """
    static let insertLocalDeletion = """
        INSERT INTO qstore_job (kind, storage, file, generation, task, dueAt, delaySetAt, createdAt) \
        VALUES ('deleteLocal', ?, ?, ?, 'deleteLocal', ?, ?, ?)
        """
    static let insertRepeatedTransfer = """
        INSERT INTO qstore_job (kind, storage, file, generation, task, remoteName, dueAt, delaySetAt, createdAt) \
        VALUES ('transfer', ?, ?, ?, ?, ?, ?, ?, ?)
        """
    static let insertForeignDeletion = """
        INSERT INTO qstore_job (kind, storage, file, generation, task, remoteName, dueAt, delaySetAt, createdAt) \
        VALUES ('deleteRemote', ?, 0, 1, 'deleteRemote', ?, ?, ?, ?)
        """
    static let numberForeignDeletion = "UPDATE qstore_job SET file = -id WHERE id = ?"
    static let deleteLocalDeletion = "DELETE FROM qstore_job WHERE file = ? AND kind = 'deleteLocal'"
    static let transferOfFile = "SELECT id, dueAt FROM qstore_job WHERE file = ? AND kind = 'transfer'"
    static let retryTransfer = """
        UPDATE qstore_job SET state = 'queued', fence = fence + 1, tries = 0, task = ?, dueAt = ?, delaySetAt = ?, \
        errorClass = NULL, error = NULL WHERE id = ?
        """
    static let hastenTransfer = "UPDATE qstore_job SET dueAt = ?, delaySetAt = ? WHERE id = ?"
    static let retaskTransfer = "UPDATE qstore_job SET task = ? WHERE id = ?"
    static let retryDeletions = """
        UPDATE qstore_job SET state = 'queued', fence = fence + 1, tries = 0, dueAt = ?, delaySetAt = ? \
        WHERE state = 'failed' AND storage = ? AND kind IN ('deleteLocal', 'deleteRemote')
        """

    static let repairDelays = """
        UPDATE qstore_job SET dueAt = ?, delaySetAt = ? WHERE state = 'queued' AND delaySetAt > ?
        """
    static let dueJobs = """
        SELECT id, dueAt FROM qstore_job WHERE storage = ? AND task = ? AND state = 'queued' \
        AND waitsForJob IS NULL AND dueAt <= ? ORDER BY dueAt, id LIMIT ?
        """
    static let jobWithFile = """
        SELECT j.kind, j.fence, j.tries, j.dueAt, j.storage, j.remoteName, j.task, j.file, j.generation, n.upload, \
        j.expectedSize, j.expectedSHA256, j.wasPublished, \(fileColumns) FROM qstore_job j LEFT JOIN qstore_file f ON f.id = j.file \
        LEFT JOIN qstore_remoteName n ON n.storage = j.storage AND n.name = j.remoteName AND n.file = j.file WHERE j.id = ?
        """
    static let claimJob = """
        UPDATE qstore_job SET state = 'running', fence = fence + 1, remoteName = ?, leaseToken = ?, leaseBoot = ?, \
        leaseUntil = ?, sentByteCount = 0 WHERE id = ?
        """
    static let deferTransfer = "UPDATE qstore_job SET waitsForJob = ? WHERE id = ?"
    static let planName = """
        INSERT INTO qstore_remoteName (storage, name, file, generation) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING
        """
    static let hasLateAttempt = "SELECT 1 FROM qstore_lateAttempt WHERE storage = ? AND remoteName = ?"
    static let hasRemoteName = "SELECT 1 FROM qstore_remoteName WHERE storage = ? AND name = ?"
    static let nameHolder = "SELECT file, generation FROM qstore_remoteName WHERE storage = ? AND name = ?"
    static let unplanName = "DELETE FROM qstore_remoteName WHERE storage = ? AND name = ? AND file = ?"
    static let remoteDeletion = """
        SELECT id, state = 'running' OR (state = 'queued' AND waitsForJob IS NULL AND tries = 0 AND dueAt <= ?) \
        FROM qstore_job WHERE file = ? AND kind = 'deleteRemote' AND remoteName = ?
        """
    static let lacksSHA256 = """
        SELECT 1 FROM qstore_job WHERE file = ? AND kind = 'deleteRemote' AND generation = ? \
        AND wasPublished = 0 AND expectedSize IS NOT NULL AND expectedSHA256 IS NULL
        """
    static let noteSHA256 = """
        UPDATE qstore_job SET expectedSHA256 = ? WHERE file = ? AND kind = 'deleteRemote' AND generation = ? \
        AND wasPublished = 0 AND expectedSize = ? AND expectedSHA256 IS NULL
        """
    static let runningJob = """
        SELECT kind, storage, file, generation, remoteName, tries FROM qstore_job \
        WHERE id = ? AND fence = ? AND state = 'running'
        """
    static let keepUpload = "UPDATE qstore_remoteName SET upload = ? WHERE storage = ? AND name = ? AND file = ?"
    static let replanJob = "UPDATE qstore_job SET remoteName = ? WHERE id = ?"
    static let renewJob = """
        UPDATE qstore_job SET leaseUntil = ?, sentByteCount = ? WHERE id = ? AND fence = ? AND state = 'running'
        """
    static let completeFile = """
        UPDATE qstore_file SET state = 'remote', remoteName = ?, sha256 = coalesce(sha256, ?), transferredAt = ? \
        WHERE id = ? AND generation = ? AND state = 'transferring'
        """
    static let deleteJob = "DELETE FROM qstore_job WHERE id = ?"
    static let failJob = """
        UPDATE qstore_job SET state = ?, tries = ?, dueAt = ?, delaySetAt = ?, errorClass = ?, error = ?, \
        errorFence = fence, leaseToken = NULL, leaseBoot = NULL, leaseUntil = NULL WHERE id = ?
        """
    static let giveUpWaiting = "UPDATE qstore_job SET waitsForJob = NULL WHERE waitsForJob = ?"
    static let releaseJob = """
        UPDATE qstore_job SET state = 'queued', leaseToken = NULL, leaseBoot = NULL, leaseUntil = NULL WHERE id = ?
        """
    static let endLateAttempt = "DELETE FROM qstore_lateAttempt WHERE job = ? AND fence = ?"
    static let leasedJobs = """
        SELECT id, kind, file, generation, leaseToken, leaseBoot, leaseUntil FROM qstore_job \
        WHERE storage = ? AND state = 'running'
        """
    /// Takes a job back from an attempt that is over.
    static let rescueJob = """
        UPDATE qstore_job SET state = 'queued', fence = fence + 1, leaseToken = NULL, leaseBoot = NULL, \
        leaseUntil = NULL WHERE id = ?
        """
    /// Notes an attempt that may still wake up, before its job is taken back.
    static let noteLateAttempt = """
        INSERT OR IGNORE INTO qstore_lateAttempt (job, fence, storage, remoteName, token, boot, until) \
        SELECT id, fence, storage, remoteName, leaseToken, leaseBoot, leaseUntil FROM qstore_job \
        WHERE id = ? AND remoteName IS NOT NULL
        """
    static let lateAttempts = "SELECT job, fence, token, boot, until FROM qstore_lateAttempt WHERE storage = ?"
    static let leaseholders = """
        SELECT leaseToken FROM qstore_job WHERE storage = ? AND state = 'running' \
        UNION ALL SELECT token FROM qstore_lateAttempt WHERE storage = ?
        """
    static let nextDueAt = """
        SELECT min(dueAt) FROM qstore_job WHERE storage = ? AND task = ? AND state = 'queued' AND waitsForJob IS NULL
        """

    // MARK: Views

    static let files = "\(filesWithJobs) WHERE f.id > ? ORDER BY f.id LIMIT ?"
    static let filesInStorage = "\(filesWithJobs) WHERE f.storage = ? AND f.id > ? ORDER BY f.id LIMIT ?"
    static let filesInState = """
        \(filesWithJobs) WHERE f.storage = ? AND f.state = ? AND f.id > ? ORDER BY f.id LIMIT ?
        """
    static let names = """
        SELECT name FROM qstore_file WHERE storage = ? AND name > ? AND state <> 'deleting' ORDER BY name LIMIT ?
        """
    static let namesBelow = """
        SELECT name FROM qstore_file WHERE storage = ? AND name > ? AND name < ? AND state <> 'deleting' \
        ORDER BY name LIMIT ?
        """
    static let lastFileID = "SELECT seq FROM sqlite_sequence WHERE name = 'qstore_file'"
    static let counts = "SELECT storage, state, files, bytes FROM qstore_count WHERE files <> 0"
    /// The tasks of a storage's queued jobs, one after the other: the jobs may be many, their tasks are few.
    static let nextQueuedTask = """
        SELECT task FROM qstore_job WHERE storage = ? AND task > ? AND state = 'queued' AND waitsForJob IS NULL \
        ORDER BY task LIMIT 1
        """
    /// Takes time with each job that it counts, so it is asked only for tasks that no worker takes.
    static let queuedJobCount = """
        SELECT count(*) FROM qstore_job WHERE storage = ? AND task = ? AND state = 'queued' AND waitsForJob IS NULL
        """
    static let events = """
        SELECT id, at, type, storage, name, generation, remoteName, size, attempts, error, ownerModel, ownerRow, \
        ownerField FROM qstore_event WHERE id > ? ORDER BY id LIMIT ?
        """
    static let lastEventID = "SELECT seq FROM sqlite_sequence WHERE name = 'qstore_event'"
    static let oldestEvents = "SELECT id, at FROM qstore_event ORDER BY id LIMIT ?"
    static let trimEvents = "DELETE FROM qstore_event WHERE id <= ?"

    // MARK: The writer

    static let writeSequence = """
        INSERT INTO qstore_writer (token, sequence, at) VALUES (?, ?, ?)
        ON CONFLICT (token) DO UPDATE SET sequence = excluded.sequence, at = excluded.at
        """
    static let readSequence = "SELECT sequence FROM qstore_writer WHERE token = ?"
    static let hasOldSequences = "SELECT EXISTS (SELECT 1 FROM qstore_writer WHERE at < ?)"
    static let pruneSequences = "DELETE FROM qstore_writer WHERE at < ?"

    /// The statements whose cost must not grow with the number of files, jobs or events.
    static let hot: [String] = [
        storage, pauseStorage, isPaused, dropFolder,
        fileByID, fileByName, deletedFile, unsettled, hasPlace, insertFile, replaceFile, insertTake, take,
        deleteTake,
        renameFile, settleFile, deleteFile, localIsGone, remoteIsLost,
        setFileState, insertTransfer, insertRepeatedTransfer, insertLocalDeletion, insertForeignDeletion,
        numberForeignDeletion, deleteLocalDeletion, transferOfFile,
        retryTransfer, hastenTransfer, retaskTransfer,
        retryDeletions, repairDelays, dueJobs, jobWithFile, claimJob, deferTransfer, planName,
        hasRemoteName, nameHolder, unplanName, keepUpload,
        remoteDeletion, lacksSHA256, noteSHA256, runningJob, replanJob, renewJob, completeFile, deleteJob, failJob,
        giveUpWaiting, releaseJob,
        hasLateAttempt, noteLateAttempt, lateAttempts, endLateAttempt, leasedJobs, rescueJob, leaseholders, nextDueAt,
        filesInStorage, filesInState, names, namesBelow, nextQueuedTask, events, trimEvents,
        writeSequence, readSequence,
    ]
}
