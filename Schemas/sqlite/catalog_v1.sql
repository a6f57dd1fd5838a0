-- The catalog, version 1. It lives in a database of its own or in the application's: every name begins with qstore_.
-- Instants (…At) are milliseconds since 1970 UTC. Leases are milliseconds of CLOCK_BOOTTIME. Sizes are bytes.

-- One row: what tells this catalog from others. A copy of the database is the same catalog.
CREATE TABLE qstore_catalog (
    id TEXT NOT NULL PRIMARY KEY CHECK (id <> '')
) STRICT, WITHOUT ROWID;

INSERT INTO qstore_catalog (id) VALUES (lower(hex(randomblob(16))));

CREATE TABLE qstore_storage (
    alias TEXT NOT NULL PRIMARY KEY CHECK (alias <> ''),
    -- Two storages in one location would take each other's staged bytes for litter.
    localID TEXT NOT NULL UNIQUE,
    remoteFingerprint TEXT NOT NULL,
    isPaused INTEGER NOT NULL DEFAULT 0 CHECK (isPaused IN (0, 1)),
    createdAt INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE qstore_dropFolder (
    id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL UNIQUE CHECK (path <> ''),
    storage TEXT NOT NULL REFERENCES qstore_storage (alias)
) STRICT, WITHOUT ROWID;

-- One row a file. A deleted one (a tombstone) keeps its row until its last copy is gone.
CREATE TABLE qstore_file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    name TEXT NOT NULL CHECK (name <> ''),
    generation INTEGER NOT NULL DEFAULT 1 CHECK (generation >= 1),
    place TEXT CHECK (place <> ''),
    replaces INTEGER NOT NULL DEFAULT 0 CHECK (replaces IN (0, 1)),
    hasLocal INTEGER NOT NULL DEFAULT 1 CHECK (hasLocal IN (0, 1)),
    remoteName TEXT CHECK (remoteName <> ''),
    size INTEGER NOT NULL CHECK (size >= 0),
    sha256 TEXT CHECK (length(sha256) = 64),
    contentType TEXT,
    state TEXT NOT NULL CHECK (state IN ('local', 'queued', 'transferring', 'remote', 'failed', 'deleting')),
    task TEXT NOT NULL CHECK (task <> ''),
    ownerModel TEXT,
    ownerRow TEXT,
    ownerField TEXT,
    createdAt INTEGER NOT NULL,
    modifiedAt INTEGER NOT NULL,
    transferredAt INTEGER,
    CHECK ((state = 'remote') <= (remoteName IS NOT NULL)),
    CHECK (hasLocal = 1 OR state IN ('remote', 'deleting')),
    CHECK (place IS NULL OR hasLocal = 1),
    CHECK ((ownerModel IS NULL) = (ownerField IS NULL) AND (ownerRow IS NULL OR ownerModel IS NOT NULL))
) STRICT;

-- A name is free again once a deleted file's local bytes are gone, though its remote copy may still wait for removal.
CREATE UNIQUE INDEX qstore_file_name ON qstore_file (storage, name) WHERE state <> 'deleting' OR hasLocal = 1;
CREATE INDEX qstore_file_state ON qstore_file (storage, state);
CREATE INDEX qstore_file_storage ON qstore_file (storage);
CREATE INDEX qstore_file_place ON qstore_file (storage, place) WHERE place IS NOT NULL;
CREATE INDEX qstore_file_owner ON qstore_file (ownerModel, ownerRow, ownerField) WHERE ownerModel IS NOT NULL;

-- Every name of a remote that a file has, is planned to get, or once got and that isn't removed yet.
CREATE TABLE qstore_remoteName (
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    name TEXT NOT NULL CHECK (name <> ''),
    file INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    -- The upload under way for it, in pieces: its identifier, a blank, and what the storage must know again.
    upload TEXT,
    PRIMARY KEY (storage, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX qstore_remoteName_file ON qstore_remoteName (file, generation);

-- One row for each thing that must still be done. A row that is done is deleted.
CREATE TABLE qstore_job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('transfer', 'deleteLocal', 'deleteRemote')),
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    file INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    -- The transfer task's name; of the other kinds, the kind itself.
    task TEXT NOT NULL CHECK (task <> ''),
    remoteName TEXT CHECK (remoteName <> ''),
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'failed')),
    fence INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
    dueAt INTEGER NOT NULL,
    -- When dueAt was set: a clock that now says less was set back, and the job is due.
    delaySetAt INTEGER NOT NULL,
    -- What must have ended before this job may be claimed. Of a deleteRemote: a transfer that may still publish under its
    -- name (qstore_lateAttempt). Of a transfer: the deleteRemote that is about to free the name that it shall get.
    waitsForJob INTEGER,
    -- Of a deleteRemote: what lies under its name, or would if it was published. Anything else there is foreign, and stays:
    -- always where nobody knows that it was published, and otherwise from the second claim on, as the first may have removed it.
    expectedSize INTEGER,
    expectedSHA256 TEXT,
    wasPublished INTEGER NOT NULL DEFAULT 0 CHECK (wasPublished IN (0, 1)),
    leaseToken TEXT,
    leaseBoot TEXT,
    leaseUntil INTEGER,
    sentByteCount INTEGER NOT NULL DEFAULT 0,
    errorClass TEXT CHECK (errorClass IN ('permanent', 'transient', 'offline')),
    error TEXT,
    -- The fence of the attempt that the error is of.
    errorFence INTEGER,
    createdAt INTEGER NOT NULL,
    CHECK ((state = 'running') = (leaseToken IS NOT NULL)),
    CHECK ((leaseToken IS NULL) = (leaseUntil IS NULL) AND (leaseToken IS NULL) = (leaseBoot IS NULL)),
    CHECK ((kind = 'deleteRemote') <= (remoteName IS NOT NULL))
) STRICT;

-- A file has one transfer, one local deletion, and one remote deletion of each name.
CREATE UNIQUE INDEX qstore_job_file ON qstore_job (file, kind, iif(kind = 'deleteRemote', remoteName, ''));
CREATE INDEX qstore_job_due ON qstore_job (storage, task, dueAt, id) WHERE state = 'queued' AND waitsForJob IS NULL;
CREATE INDEX qstore_job_delay ON qstore_job (delaySetAt) WHERE state = 'queued';
CREATE INDEX qstore_job_lease ON qstore_job (storage, leaseToken) WHERE state = 'running';
CREATE INDEX qstore_job_failed ON qstore_job (storage, kind) WHERE state = 'failed';
CREATE INDEX qstore_job_waitsForJob ON qstore_job (waitsForJob) WHERE waitsForJob IS NOT NULL;

-- Attempts whose jobs were taken from them while their processes lived, and which may wake up: one that transferred may
-- still publish under its remote name, one that deleted may still remove what lies there. Each has a row, with the lease
-- that it held, until it says that it has ended, its process is dead, or an hour has passed.
CREATE TABLE qstore_lateAttempt (
    job INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    remoteName TEXT NOT NULL CHECK (remoteName <> ''),
    token TEXT NOT NULL,
    boot TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (job, fence)
) STRICT, WITHOUT ROWID;

CREATE INDEX qstore_lateAttempt_remoteName ON qstore_lateAttempt (storage, remoteName);

-- Drop-folder entries whose bytes were copied and committed, until the entries are removed; and what each was when the
-- copy began, so that what is written to it later is noticed.
CREATE TABLE qstore_take (
    entry TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL CHECK (size >= 0),
    -- In nanoseconds since 1970.
    modifiedAt INTEGER NOT NULL,
    changedAt INTEGER NOT NULL,
    -- Of the copied bytes.
    sha256 TEXT
) STRICT, WITHOUT ROWID;

-- Each group commit leaves its number under its process's random name: after a COMMIT that failed, the number tells
-- whether it happened.
CREATE TABLE qstore_writer (
    token TEXT NOT NULL PRIMARY KEY,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE qstore_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    storage TEXT NOT NULL,
    name TEXT NOT NULL,
    generation INTEGER NOT NULL,
    remoteName TEXT,
    size INTEGER NOT NULL,
    attempts INTEGER,
    error TEXT,
    ownerModel TEXT,
    ownerRow TEXT,
    ownerField TEXT
) STRICT;

-- How many files and bytes each storage has in each state, kept by the triggers below.
CREATE TABLE qstore_count (
    storage TEXT NOT NULL,
    state TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (storage, state)
) STRICT, WITHOUT ROWID;

-- What follows from a change of a file's row follows by triggers, so that it does so too when an application changes the
-- row by SQL of its own, in its own transaction. No trigger relies on the order in which SQLite fires them.

CREATE TRIGGER qstore_count_insert AFTER INSERT ON qstore_file BEGIN
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (NEW.storage, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER qstore_count_update AFTER UPDATE OF storage, state, size ON qstore_file
WHEN OLD.storage IS NOT NEW.storage OR OLD.state IS NOT NEW.state OR OLD.size IS NOT NEW.size BEGIN
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (OLD.storage, OLD.state, -1, -OLD.size)
        ON CONFLICT DO UPDATE SET files = files - 1, bytes = bytes + excluded.bytes;
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (NEW.storage, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER qstore_count_delete AFTER DELETE ON qstore_file BEGIN
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (OLD.storage, OLD.state, -1, -OLD.size)
        ON CONFLICT DO UPDATE SET files = files - 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER qstore_event_insert AFTER INSERT ON qstore_file BEGIN
    INSERT INTO qstore_event (at, type, storage, name, generation, remoteName, size, ownerModel, ownerRow, ownerField)
        VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            CASE NEW.state WHEN 'local' THEN 'saved' WHEN 'remote' THEN 'transferred' ELSE 'queued' END,
            NEW.storage, NEW.name, NEW.generation, NEW.remoteName, NEW.size,
            NEW.ownerModel, NEW.ownerRow, NEW.ownerField);
END;

CREATE TRIGGER qstore_event_update AFTER UPDATE OF generation, state ON qstore_file
WHEN NEW.state <> 'deleting' AND (OLD.state IS NOT NEW.state OR NEW.generation > OLD.generation) BEGIN
    INSERT INTO qstore_event (at, type, storage, name, generation, remoteName, size, attempts, error,
            ownerModel, ownerRow, ownerField)
        SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            CASE NEW.state
                WHEN 'local' THEN iif(NEW.generation > OLD.generation, 'saved', 'cancelled')
                WHEN 'transferring' THEN 'started'
                WHEN 'remote' THEN 'transferred'
                WHEN 'failed' THEN 'failed'
                ELSE iif(j.errorFence = j.fence AND OLD.state = 'transferring', 'retrying', 'queued') END,
            NEW.storage, NEW.name, NEW.generation, NEW.remoteName, NEW.size,
            iif(NEW.state IN ('queued', 'failed') AND j.errorFence = j.fence, j.tries, NULL),
            iif(NEW.state IN ('queued', 'failed') AND j.errorFence = j.fence, j.error, NULL),
            NEW.ownerModel, NEW.ownerRow, NEW.ownerField
        FROM (SELECT 1) LEFT JOIN qstore_job j
            ON j.file = NEW.id AND j.kind = 'transfer' AND NEW.generation = OLD.generation;
END;

CREATE TRIGGER qstore_event_delete AFTER DELETE ON qstore_file WHEN OLD.state = 'deleting' BEGIN
    INSERT INTO qstore_event (at, type, storage, name, generation, remoteName, size, ownerModel, ownerRow, ownerField)
        VALUES (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER), 'deleted',
            OLD.storage, OLD.name, OLD.generation, OLD.remoteName, OLD.size,
            OLD.ownerModel, OLD.ownerRow, OLD.ownerField);
END;

-- Whatever changed the generation (a replacement, or a deletion): the jobs of the old content are cancelled, and each
-- remote name that it has or may get is to be removed. A name that an attempt may still publish waits for that attempt to
-- end.
CREATE TRIGGER qstore_file_generation AFTER UPDATE OF generation ON qstore_file
WHEN NEW.generation > OLD.generation BEGIN
    INSERT OR IGNORE INTO qstore_lateAttempt (job, fence, storage, remoteName, token, boot, until)
        SELECT id, fence, storage, remoteName, leaseToken, leaseBoot, leaseUntil FROM qstore_job
        WHERE file = NEW.id AND kind = 'transfer' AND leaseToken IS NOT NULL AND remoteName IS NOT NULL;
    INSERT INTO qstore_job (kind, storage, file, generation, task, remoteName, dueAt, delaySetAt, createdAt,
            waitsForJob, expectedSize, expectedSHA256, wasPublished)
        SELECT 'deleteRemote', n.storage, n.file, n.generation, 'deleteRemote', n.name, t.now, t.now, t.now,
            (SELECT min(a.job) FROM qstore_lateAttempt a WHERE a.storage = n.storage AND a.remoteName = n.name),
            OLD.size, OLD.sha256, n.name IS OLD.remoteName
        FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now) t
            CROSS JOIN qstore_remoteName n
        WHERE n.file = NEW.id AND n.generation < NEW.generation
            AND NOT EXISTS (SELECT 1 FROM qstore_job d
                WHERE d.file = n.file AND d.kind = 'deleteRemote' AND d.remoteName = n.name);
    DELETE FROM qstore_job WHERE file = NEW.id AND kind IN ('transfer', 'deleteLocal') AND generation < NEW.generation;
    INSERT INTO qstore_job (kind, storage, file, generation, task, dueAt, delaySetAt, createdAt)
        SELECT 'deleteLocal', NEW.storage, NEW.id, NEW.generation, 'deleteLocal', t.now, t.now, t.now
        FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now) t
        WHERE NEW.state = 'deleting' AND NEW.hasLocal = 1;
    DELETE FROM qstore_file WHERE id = NEW.id AND state = 'deleting' AND hasLocal = 0
        AND NOT EXISTS (SELECT 1 FROM qstore_remoteName WHERE file = NEW.id);
END;

-- A tombstone is a new generation, also when the SQL that made it forgot to say so.
CREATE TRIGGER qstore_file_tombstone AFTER UPDATE OF state ON qstore_file
WHEN NEW.state = 'deleting' AND OLD.state <> 'deleting' AND NEW.generation = OLD.generation BEGIN
    UPDATE qstore_file SET generation = generation + 1 WHERE id = NEW.id;
END;

-- Deleting the row of a file that still has copies makes a tombstone: nobody would remove the copies otherwise.
CREATE TRIGGER qstore_file_delete BEFORE DELETE ON qstore_file
WHEN OLD.hasLocal = 1 OR EXISTS (SELECT 1 FROM qstore_remoteName WHERE file = OLD.id) BEGIN
    UPDATE qstore_file SET state = 'deleting', generation = generation + 1 WHERE id = OLD.id AND state <> 'deleting';
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER qstore_file_deleted AFTER DELETE ON qstore_file BEGIN
    DELETE FROM qstore_job WHERE file = OLD.id AND kind IN ('transfer', 'deleteLocal');
END;

-- A cancelled transfer leaves nothing at the remote.
CREATE TRIGGER qstore_file_cancel AFTER UPDATE OF state ON qstore_file
WHEN NEW.state = 'local' AND OLD.state <> 'local' AND NEW.generation = OLD.generation BEGIN
    INSERT OR IGNORE INTO qstore_lateAttempt (job, fence, storage, remoteName, token, boot, until)
        SELECT id, fence, storage, remoteName, leaseToken, leaseBoot, leaseUntil FROM qstore_job
        WHERE file = NEW.id AND kind = 'transfer' AND leaseToken IS NOT NULL AND remoteName IS NOT NULL;
    INSERT INTO qstore_job (kind, storage, file, generation, task, remoteName, dueAt, delaySetAt, createdAt,
            waitsForJob, expectedSize, expectedSHA256, wasPublished)
        SELECT 'deleteRemote', n.storage, n.file, n.generation, 'deleteRemote', n.name, t.now, t.now, t.now,
            (SELECT min(a.job) FROM qstore_lateAttempt a WHERE a.storage = n.storage AND a.remoteName = n.name),
            OLD.size, OLD.sha256, n.name IS OLD.remoteName
        FROM (SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) AS now) t
            CROSS JOIN qstore_remoteName n
        WHERE n.file = NEW.id
            AND NOT EXISTS (SELECT 1 FROM qstore_job d
                WHERE d.file = n.file AND d.kind = 'deleteRemote' AND d.remoteName = n.name);
    DELETE FROM qstore_job WHERE file = NEW.id AND kind IN ('transfer', 'deleteLocal');
END;

-- The row of a deleted file goes with its last copy, the local one or a remote one.
CREATE TRIGGER qstore_file_lastLocal AFTER UPDATE OF hasLocal ON qstore_file
WHEN NEW.hasLocal = 0 AND OLD.hasLocal = 1 BEGIN
    DELETE FROM qstore_job WHERE file = NEW.id AND kind = 'deleteLocal';
    DELETE FROM qstore_file WHERE id = NEW.id AND state = 'deleting' AND hasLocal = 0
        AND NOT EXISTS (SELECT 1 FROM qstore_remoteName WHERE file = NEW.id);
END;

CREATE TRIGGER qstore_remoteName_last AFTER DELETE ON qstore_remoteName BEGIN
    DELETE FROM qstore_file WHERE id = OLD.file AND state = 'deleting' AND hasLocal = 0
        AND NOT EXISTS (SELECT 1 FROM qstore_remoteName WHERE file = OLD.file);
END;

-- A transfer that waited for a name to be free need wait no longer.
CREATE TRIGGER qstore_job_freed AFTER DELETE ON qstore_job WHEN OLD.kind = 'deleteRemote' BEGIN
    UPDATE qstore_job SET waitsForJob = NULL WHERE waitsForJob = OLD.id;
END;

-- A deletion need wait no longer for an attempt that can't publish any more; there may be others.
CREATE TRIGGER qstore_lateAttempt_ended AFTER DELETE ON qstore_lateAttempt BEGIN
    UPDATE qstore_job SET waitsForJob = (SELECT min(a.job) FROM qstore_lateAttempt a
            WHERE a.storage = OLD.storage AND a.remoteName = OLD.remoteName)
        WHERE waitsForJob = OLD.job AND kind = 'deleteRemote' AND remoteName = OLD.remoteName;
END;
