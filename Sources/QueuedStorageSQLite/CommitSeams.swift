import Glibc
package import GRDB

/// How a catalog is opened, how its writer commits, and how it looks at a COMMIT that failed; tests put failures here.
package struct CommitSeams: Sendable {
    /// Commits the open transaction.
    package var commit: @Sendable (Database) throws -> Void
    /// Opens another connection to the database with a path.
    package var reopen: @Sendable (String) throws -> DatabaseQueue
    /// Waits a little for a database that others have locked; is told how often it was tried.
    package var pause: @Sendable (Int) -> Void
    /// Runs what the writer and the readers do, later and in this order; on threads of their own if nil.
    package var perform: (@Sendable (_ work: @escaping @Sendable () -> Void) -> Void)?

    /// Makes the seams that are SQLite's own, or others.
    ///
    /// - Parameters:
    ///   - commit: Commits the open transaction.
    ///   - reopen: Opens another connection to the database with a path.
    ///   - pause: Waits a little for a database that others have locked.
    ///   - perform: Runs what the writer and the readers do; on threads of their own if nil.
    package init(
        commit: @escaping @Sendable (Database) throws -> Void = { try $0.commit() },
        reopen: @escaping @Sendable (String) throws -> DatabaseQueue = { path in
            var configuration = Configuration()
            configuration.busyMode = .timeout(10)
            return try DatabaseQueue(path: path, configuration: configuration)
        },
        pause: @escaping @Sendable (Int) -> Void = { _ in usleep(.random(in: 5_000...15_000)) },
        perform: (@Sendable (_ work: @escaping @Sendable () -> Void) -> Void)? = nil
    ) {
        self.commit = commit
        self.reopen = reopen
        self.pause = pause
        self.perform = perform
    }
}
