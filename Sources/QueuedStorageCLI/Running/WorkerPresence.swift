import Glibc
import QueuedStorageCore

/// Tells other processes that a worker of `qstore` lives: a shared lock on the file `DATABASE.workers`, which falls with
/// the process.
///
/// It is only a hint for people; nothing that must be right rests on it. Source: flock(2).
struct WorkerPresence: Sendable {
    private let file: OpenFile

    private static func path(_ database: String) -> String { "\(database).workers" }

    /// Shows that a worker lives, as long as the value does; nil where that can't be shown.
    static func show(database: String) async -> WorkerPresence? {
        try? await blocking {
            let descriptor = open(path(database), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
            guard descriptor >= 0 else { throw SystemError(errno, "open") }
            let file = OpenFile(descriptor)
            // Somebody who asks holds it alone, for an instant.
            guard flock(descriptor, LOCK_SH) == 0 else { throw SystemError(errno, "flock") }
            return WorkerPresence(file: file)
        }
    }

    /// Whether a worker of `qstore` lives.
    static func isShown(database: String) -> Bool {
        let descriptor = open(path(database), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }
}

extension Session {
    /// Whether a worker lives: one of `qstore`, or one that holds jobs.
    func hasWorker() async throws -> Bool {
        if WorkerPresence.isShown(database: declarations.database) { return true }
        let aliases = try await catalog.storages().map(\.alias)
        for (alias, tokens) in try await catalog.leaseholders(storages: aliases) {
            guard let local = storages.first(where: { $0.alias == alias })?.local else { return true }
            if try await blocking({ try tokens.contains { try local.isAlive($0) } }) { return true }
        }
        return false
    }
}
