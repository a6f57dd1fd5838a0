import GRDB
import QueuedStorageCore

extension SQLFailure {
    /// What an error of SQLite is to a storage.
    ///
    /// Source: https://www.sqlite.org/rescode.html
    init(_ error: DatabaseError) {
        let detail = "SQLite \(error.extendedResultCode.rawValue)"
        switch error.resultCode {
        case .SQLITE_CONSTRAINT where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE:
            self.init(.alreadyExists, "the name is taken", detail: detail)
        case .SQLITE_CONSTRAINT where error.extendedResultCode == .SQLITE_CONSTRAINT_FOREIGNKEY:
            self.init(.failed, "the upload was removed by somebody else meanwhile", detail: detail)
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.timedOut, "another process kept the database locked for too long", detail: detail)
        case .SQLITE_FULL:
            self.init(.full, "no space is left for the database; free some, and try again", detail: detail)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(
                .denied,
                "the database may not be written; check the permissions of the file and of its directory",
                detail: detail
            )
        case .SQLITE_CANTOPEN:
            self.init(
                .invalidConfiguration,
                "the database can't be opened; check that its directory exists, and may be read and written",
                detail: detail
            )
        case .SQLITE_NOTADB:
            self.init(.invalidConfiguration, "the file isn't an SQLite database; name another one", detail: detail)
        case .SQLITE_CORRUPT:
            self.init(.damaged, "the database is damaged; restore it from a backup", detail: detail)
        case .SQLITE_TOOBIG:
            self.init(.failed, "SQLite takes no value of that size; choose a smaller chunkSize", detail: detail)
        default:
            self.init(.failed, error.message ?? "the database failed", detail: detail)
        }
    }
}
