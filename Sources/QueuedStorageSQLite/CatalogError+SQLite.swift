import Glibc
import GRDB
import QueuedStorageCore

extension CatalogError {
    /// Says in a catalog's words what SQLite reported; other errors, and those of an application's own SQL, stay as they
    /// are.
    ///
    /// - Parameters:
    ///   - error: The error.
    ///   - path: The database's path.
    /// - Returns: A `CatalogError`, or `error`.
    ///
    /// Source: https://www.sqlite.org/rescode.html
    static func explaining(_ error: any Error, path: String) -> any Error {
        guard let error = error as? DatabaseError else { return error }
        let catalog = "the catalog \"\(path)\""
        switch error.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            return CatalogError(
                .busy,
                "\(catalog) is locked by another process; try again, or end what keeps it locked",
                cause: error
            )
        case .SQLITE_FULL:
            return CatalogError(.full, "\(catalog) can't grow: the disk is full; free some space on it", cause: error)
        case .SQLITE_NOTADB:
            return CatalogError(
                .notACatalog,
                "\"\(path)\" isn't an SQLite database; name another file for the catalog",
                cause: error
            )
        case .SQLITE_READONLY:
            return CatalogError(
                .unavailable,
                "\(catalog) can't be written; check the permissions of the file and of its directory, and whether the "
                    + "file system is mounted read-only",
                cause: error
            )
        case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
            return CatalogError(
                .unavailable,
                "\(catalog) can't be opened; check that its directory exists, and may be read and written by this user",
                cause: error
            )
        case .SQLITE_CORRUPT:
            return CatalogError(
                .unavailable,
                "\(catalog) is damaged; keep a copy, and restore it from a backup",
                cause: error
            )
        case .SQLITE_IOERR:
            return CatalogError(
                .unavailable,
                "\(catalog) can't be read or written; check its disk (dmesg)",
                cause: error
            )
        default:
            return error
        }
    }
}
