-- What came in through drop folders that have no model of their own, one row a file. It lives beside the catalog.
CREATE TABLE IF NOT EXISTS ingestedFile (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The alias of the storage that has the file.
    storage TEXT NOT NULL REFERENCES qstore_storage (alias),
    file TEXT NOT NULL CHECK (file <> ''),
    -- The absolute path under which the file was dropped.
    originalPath TEXT NOT NULL,
    -- The sidecar's JSON object, as it was written.
    metadata TEXT CHECK (json_type(metadata) = 'object'),
    -- Milliseconds since 1970 UTC.
    createdAt INTEGER NOT NULL
) STRICT;

-- Who deletes such a file deletes its row.
CREATE TRIGGER IF NOT EXISTS qstore_ingestedFile_gone AFTER UPDATE OF state ON qstore_file
WHEN NEW.state = 'deleting' AND OLD.state <> 'deleting' AND NEW.ownerModel = 'ingestedFile' BEGIN
    DELETE FROM ingestedFile
        WHERE id = CAST(NEW.ownerRow AS INTEGER) AND file = NEW.name AND storage = NEW.storage;
END;
