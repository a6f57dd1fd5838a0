-- What keeps the files of one column of a model's table right, whoever changes its rows, and by whatever SQL: which row a
-- file belongs to, and that a file which no row has any longer is deleted.
--
-- In braces: {table} and {column}, quoted; {model} and {field}, the same as texts; {key NEW}, {key OLD} and {key other}, a
-- row's primary key as a text; {storage}, {storage NEW} …, the alias of its file's storage; {settings}, by which the code knows
-- whether the triggers are those that it wants; {onReplace} and {onDelete}, what happens to a file that is let go.

CREATE INDEX {index} ON {table} ({column}) WHERE {column} IS NOT NULL;

-- INSERT OR REPLACE removes the row that had the key before without a trigger: its file is let go here.
CREATE TRIGGER {inserted} AFTER INSERT ON {table} BEGIN
    -- {settings}
    UPDATE qstore_file SET {onReplace}
        WHERE ownerModel = {model} AND ownerRow = {key NEW} AND ownerField = {field} AND state <> 'deleting'
            AND (name IS NOT NEW.{column} OR storage IS NOT {storage NEW})
            AND NOT EXISTS (SELECT 1 FROM {table} AS other
                WHERE other.{column} = qstore_file.name AND {storage other} = qstore_file.storage);
    UPDATE qstore_file SET ownerModel = {model}, ownerRow = {key NEW}, ownerField = {field}
        WHERE storage = {storage NEW} AND name = NEW.{column} AND state <> 'deleting';
END;

CREATE TRIGGER {updated} AFTER UPDATE ON {table}
WHEN NEW.{column} IS NOT OLD.{column} OR {key NEW} IS NOT {key OLD} OR {storage NEW} IS NOT {storage OLD} BEGIN
    UPDATE qstore_file SET {onReplace}
        WHERE storage = {storage OLD} AND name = OLD.{column} AND state <> 'deleting'
            AND ownerModel = {model} AND ownerRow = {key OLD} AND ownerField = {field}
            AND NOT EXISTS (SELECT 1 FROM {table} AS other
                WHERE other.{column} = OLD.{column} AND {storage other} = {storage OLD});
    UPDATE qstore_file SET ownerRow = (SELECT {key other} FROM {table} AS other
            WHERE other.{column} = OLD.{column} AND {storage other} = {storage OLD} LIMIT 1)
        WHERE storage = {storage OLD} AND name = OLD.{column} AND state <> 'deleting'
            AND ownerModel = {model} AND ownerRow = {key OLD} AND ownerField = {field};
    UPDATE qstore_file SET ownerModel = {model}, ownerRow = {key NEW}, ownerField = {field}
        WHERE storage = {storage NEW} AND name = NEW.{column} AND state <> 'deleting';
END;

CREATE TRIGGER {deleted} AFTER DELETE ON {table} WHEN OLD.{column} IS NOT NULL BEGIN
    UPDATE qstore_file SET {onDelete}
        WHERE storage = {storage OLD} AND name = OLD.{column} AND state <> 'deleting'
            AND ownerModel = {model} AND ownerRow = {key OLD} AND ownerField = {field}
            AND NOT EXISTS (SELECT 1 FROM {table} AS other
                WHERE other.{column} = OLD.{column} AND {storage other} = {storage OLD});
    UPDATE qstore_file SET ownerRow = (SELECT {key other} FROM {table} AS other
            WHERE other.{column} = OLD.{column} AND {storage other} = {storage OLD} LIMIT 1)
        WHERE storage = {storage OLD} AND name = OLD.{column} AND state <> 'deleting'
            AND ownerModel = {model} AND ownerRow = {key OLD} AND ownerField = {field};
END;

-- A saved file gets another name if, when its bytes are placed, something foreign lies under its own.
CREATE TRIGGER {renamed} AFTER UPDATE OF name ON qstore_file
WHEN NEW.ownerModel = {model} AND NEW.ownerField = {field} AND NEW.name <> OLD.name BEGIN
    UPDATE {table} SET {column} = NEW.name WHERE {column} = OLD.name AND {storage} = NEW.storage;
END;

-- Files that rows have already, and that belong to nobody, or to a table that is gone.
UPDATE qstore_file SET ownerModel = {model}, ownerField = {field},
        ownerRow = (SELECT {key other} FROM {table} AS other
            WHERE other.{column} = qstore_file.name AND {storage other} = qstore_file.storage LIMIT 1)
    WHERE state <> 'deleting'
        AND EXISTS (SELECT 1 FROM {table} AS other
            WHERE other.{column} = qstore_file.name AND {storage other} = qstore_file.storage)
        AND (ownerModel IS NULL
            OR NOT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ownerModel));
