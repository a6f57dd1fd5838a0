-- Files kept in a PostgreSQL database, version 1; PostgreSQL 12 or newer. In braces: {file} and {chunk}, the quoted names of
-- the tables, and {listing}, that of an index. Instants (…At) are milliseconds since 1970 UTC, by the server's clock. Sizes
-- are bytes.

-- One row a file, and one for each upload that isn't published, or whose removal isn't done.
CREATE TABLE {file} (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The name, while the file can be seen; else the upload.
    name TEXT COLLATE "C" UNIQUE CHECK (name <> ''),
    upload TEXT COLLATE "C" UNIQUE CHECK (upload <> ''),
    -- The name up to its last slash, with it.
    directory TEXT COLLATE "C",
    size BIGINT CHECK (size >= 0),
    -- Every chunk but the last has this many bytes.
    "chunkSize" BIGINT NOT NULL CHECK ("chunkSize" > 0),
    -- Of the whole file; unknown if its bytes came in several attempts.
    sha256 BYTEA CHECK (length(sha256) = 32),
    "contentType" TEXT,
    "createdAt" BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    "modifiedAt" BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    CHECK ((name IS NULL) <> (upload IS NULL)),
    CHECK ((name IS NULL) = (directory IS NULL)),
    CHECK (name IS NULL OR size IS NOT NULL)
);

CREATE INDEX {listing} ON {file} (directory, name);

-- The server computes the checksum of the bytes that it stores.
CREATE TABLE {chunk} (
    file BIGINT NOT NULL REFERENCES {file} (id) ON DELETE CASCADE,
    number BIGINT NOT NULL CHECK (number >= 0),
    "createdAt" BIGINT NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    sha256 BYTEA NOT NULL GENERATED ALWAYS AS (sha256(bytes)) STORED,
    bytes BYTEA NOT NULL CHECK (length(bytes) > 0),
    PRIMARY KEY (file, number)
);

-- Uncompressed: a range is cut out without reading the rest, and most large files are compressed already.
ALTER TABLE {chunk} ALTER COLUMN bytes SET STORAGE EXTERNAL;
