-- Files kept in an SQLite database, version 1. In braces: {file} and {chunk}, the quoted names of the tables, and {listing},
-- that of an index. Instants (…At) are milliseconds since 1970 UTC, by the clock of the machine that writes. Sizes are bytes.

-- One row a file, and one for each upload that isn't published, or whose removal isn't done.
CREATE TABLE {file} (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The name, while the file can be seen; else the upload.
    name TEXT UNIQUE CHECK (name <> ''),
    upload TEXT UNIQUE CHECK (upload <> ''),
    -- The name up to its last slash, with it.
    directory TEXT,
    size INTEGER CHECK (size >= 0),
    -- Every chunk but the last has this many bytes.
    "chunkSize" INTEGER NOT NULL CHECK ("chunkSize" > 0),
    -- Of the whole file; unknown if its bytes came in several attempts.
    sha256 BLOB CHECK (length(sha256) = 32),
    "contentType" TEXT,
    "createdAt" INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    "modifiedAt" INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    CHECK ((name IS NULL) <> (upload IS NULL)),
    CHECK ((name IS NULL) = (directory IS NULL)),
    CHECK (name IS NULL OR size IS NOT NULL)
) STRICT;

CREATE INDEX {listing} ON {file} (directory, name);

-- The bytes come last: what stands before them is read without them.
CREATE TABLE {chunk} (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES {file} (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 0),
    "createdAt" INTEGER NOT NULL DEFAULT (CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)),
    sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
    bytes BLOB NOT NULL CHECK (length(bytes) > 0),
    UNIQUE (file, number)
) STRICT;
