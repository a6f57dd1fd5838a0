-- The catalog, version 1. It lives in a database of its own or in the application's: every name begins with qstore_.
-- Instants (…At) are milliseconds since 1970 UTC. Leases are milliseconds of CLOCK_BOOTTIME. Sizes are bytes.

CREATE TABLE qstore_storage (
    alias TEXT NOT NULL PRIMARY KEY CHECK (alias <> ''),
    localID TEXT NOT NULL,
    remoteFingerprint TEXT NOT NULL,
    isPaused INTEGER NOT NULL DEFAULT 0 CHECK (isPaused IN (0, 1)),
    createdAt INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE qstore_dropFolder (
    id TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
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
CREATE INDEX qstore_file_state ON qstore_file (state, storage);
CREATE INDEX qstore_file_storage ON qstore_file (storage);
CREATE INDEX qstore_file_place ON qstore_file (storage, place) WHERE place IS NOT NULL;
CREATE INDEX qstore_file_owner ON qstore_file (ownerModel, ownerRow, ownerField) WHERE ownerModel IS NOT NULL;

-- Every name of a remote that a file has, is planned to get, or once got and that isn't removed yet.
CREATE TABLE qstore_remoteName (
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    name TEXT NOT NULL CHECK (name <> ''),
    file INTEGER NOT NULL,
    generation INTEGER NOT NULL,
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
    -- The running transfer that must have ended before a remote name may be removed, and the lease that it held.
    waitsForJob INTEGER,
    waitsForToken TEXT,
    waitsForBoot TEXT,
    waitsUntil INTEGER,
    leaseToken TEXT,
    leaseBoot TEXT,
    leaseUntil INTEGER,
    sentByteCount INTEGER NOT NULL DEFAULT 0,
    errorClass TEXT CHECK (errorClass IN ('permanent', 'transient', 'offline')),
    error TEXT,
    createdAt INTEGER NOT NULL,
    CHECK ((state = 'running') = (leaseToken IS NOT NULL)),
    CHECK ((leaseToken IS NULL) = (leaseUntil IS NULL) AND (leaseToken IS NULL) = (leaseBoot IS NULL)),
    CHECK ((kind = 'deleteRemote') <= (remoteName IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX qstore_job_file ON qstore_job (file, kind) WHERE kind IN ('transfer', 'deleteLocal');
CREATE INDEX qstore_job_deletion ON qstore_job (file) WHERE kind = 'deleteRemote';
CREATE INDEX qstore_job_due ON qstore_job (storage, task, dueAt, id) WHERE state = 'queued';
CREATE INDEX qstore_job_delay ON qstore_job (delaySetAt) WHERE state = 'queued';
CREATE INDEX qstore_job_lease ON qstore_job (storage, leaseToken, leaseUntil) WHERE state = 'running';
CREATE INDEX qstore_job_waits ON qstore_job (waitsForJob) WHERE waitsForJob IS NOT NULL;

-- Drop-folder entries whose bytes were copied and committed, until the entries are removed.
CREATE TABLE qstore_take (
    entry TEXT NOT NULL PRIMARY KEY
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

CREATE INDEX qstore_event_at ON qstore_event (at);

-- How many files and bytes each storage has in each state, kept by the triggers below.
CREATE TABLE qstore_count (
    storage TEXT NOT NULL,
    state TEXT NOT NULL,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (storage, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER qstore_count_insert AFTER INSERT ON qstore_file BEGIN
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (NEW.storage, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER qstore_count_update AFTER UPDATE OF storage, state, size ON qstore_file
WHEN OLD.storage IS NOT NEW.storage OR OLD.state IS NOT NEW.state OR OLD.size IS NOT NEW.size BEGIN
    UPDATE qstore_count SET files = files - 1, bytes = bytes - OLD.size
        WHERE storage = OLD.storage AND state = OLD.state;
    INSERT INTO qstore_count (storage, state, files, bytes) VALUES (NEW.storage, NEW.state, 1, NEW.size)
        ON CONFLICT DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes;
END;

CREATE TRIGGER qstore_count_delete AFTER DELETE ON qstore_file BEGIN
    UPDATE qstore_count SET files = files - 1, bytes = bytes - OLD.size
        WHERE storage = OLD.storage AND state = OLD.state;
END;

-- Whatever changed the generation (a replacement) or made a tombstone (a deletion), by our code or by plain SQL: the
-- transfer of the old content is cancelled, and each remote name that it has or may get is to be removed. A name that a
-- running transfer may still publish waits for that transfer to end.
CREATE TRIGGER qstore_file_generation AFTER UPDATE OF generation ON qstore_file
WHEN NEW.generation > OLD.generation BEGIN
    INSERT INTO qstore_job (kind, storage, file, generation, task, remoteName, dueAt, delaySetAt, waitsForJob, createdAt)
        SELECT 'deleteRemote', n.storage, n.file, n.generation, 'deleteRemote', n.name,
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            (SELECT j.id FROM qstore_job j
                WHERE j.file = n.file AND j.kind = 'transfer' AND j.state = 'running' AND j.remoteName = n.name),
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
        FROM qstore_remoteName n
        WHERE n.file = NEW.id AND n.generation < NEW.generation
            AND NOT EXISTS (SELECT 1 FROM qstore_job d
                WHERE d.file = n.file AND d.kind = 'deleteRemote' AND d.remoteName = n.name);
    DELETE FROM qstore_job WHERE file = NEW.id AND kind IN ('transfer', 'deleteLocal') AND generation < NEW.generation;
END;

CREATE TRIGGER qstore_file_tombstone AFTER UPDATE OF state ON qstore_file
WHEN NEW.state = 'deleting' AND OLD.state <> 'deleting' AND NEW.hasLocal = 1 BEGIN
    INSERT INTO qstore_job (kind, storage, file, generation, task, dueAt, delaySetAt, createdAt)
        VALUES ('deleteLocal', NEW.storage, NEW.id, NEW.generation, 'deleteLocal',
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER),
            CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER));
END;
