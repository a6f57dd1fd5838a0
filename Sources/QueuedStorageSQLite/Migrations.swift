import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSchemas

/// The versions of the catalog's tables.
///
/// They have a table of their own, so that an application's migrator neither sees
/// them nor is confused by them.
enum Migrations {
    /// The SQL that leads to each version from the one before, beginning with version 1.
    static let all = [Schemas.catalogV1]

    /// Brings the tables to the newest version, in one transaction.
    ///
    /// - Parameters:
    ///   - pool: The database.
    ///   - creates: Whether a catalog may be made where there is none.
    /// - Throws: `CatalogError` with `newerSchema` or `notACatalog`.
    static func apply(to pool: DatabasePool, creates: Bool) throws {
        // Most starts find the newest version and need no write.
        if try pool.read({ try version(in: $0) }) == all.count { return }
        try pool.writeWithoutTransaction { db in
            // Of several processes that open a new file at once, one makes the tables while the others wait for the lock.
            try db.inTransaction(.immediate) {
                let version = try version(in: db)
                guard version <= all.count else {
                    throw CatalogError(
                        .newerSchema,
                        "the catalog \"\(pool.path)\" has version \(version), made by newer software; this software knows "
                            + "versions up to \(all.count): use the newer one"
                    )
                }
                guard creates || version > 0 else {
                    throw CatalogError(
                        .notACatalog,
                        "\"\(pool.path)\" is a database without a catalog; name the right file"
                    )
                }
                if version == 0 {
                    try db.execute(
                        sql: """
                            CREATE TABLE qstore_migration (
                                version INTEGER NOT NULL PRIMARY KEY,
                                appliedAt INTEGER NOT NULL
                            ) STRICT
                            """
                    )
                }
                for (number, sql) in zip(1..., all) where number > version {
                    try db.execute(sql: sql)
                    try db.execute(
                        sql: "INSERT INTO qstore_migration (version, appliedAt) VALUES (?, ?)",
                        arguments: [number, Date().milliseconds]
                    )
                }
                return .commit
            }
        }
    }

    /// The version of the tables; 0 if there are none.
    private static func version(in db: Database) throws -> Int {
        guard try db.tableExists("qstore_migration") else { return 0 }
        return try Int.fetchOne(db, sql: "SELECT max(version) FROM qstore_migration") ?? 0
    }
}
