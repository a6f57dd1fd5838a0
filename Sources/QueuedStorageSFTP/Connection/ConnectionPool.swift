internal import QueuedStorageCore
import Synchronization

/// The connections of a storage: made when they are needed, replaced when they die, ended with the pool.
final class ConnectionPool: Sendable {
    let settings: Connection.Settings
    private let maxCount: Int
    private let connections = Mutex<[Connection]>([])

    init(_ settings: Connection.Settings, maxCount: Int) {
        self.settings = settings
        self.maxCount = maxCount
    }

    deinit {
        for connection in connections.withLock({ $0 }) { connection.end() }
    }

    /// Lends the connection that has the least to do.
    ///
    /// - Throws: `StorageError` that says why there is none.
    func connection() async throws -> Lease {
        while true {
            try Task.checkCancellation()
            let connection = choose()
            guard connection.retain() else { continue }
            let lease = Lease(connection)
            try await connection.started()
            return lease
        }
    }

    /// Lends a connection that nobody uses, for somebody who uses others already.
    ///
    /// - Returns: Nil if all are in use, and no more may be made.
    /// - Throws: `StorageError` that says why a new one couldn't be made.
    func connection(besides used: [Connection]) async throws -> Lease? {
        let connection = connections.withLock { connections -> Connection? in
            connections.removeAll { $0.isDead }
            if let idle = connections.first(where: { one in one.users == 0 && !used.contains { $0 === one } }) {
                return idle
            }
            return connections.count < maxCount ? Self.add(Connection(settings), to: &connections) : nil
        }
        guard let connection, connection.retain() else { return nil }
        let lease = Lease(connection)
        try await connection.started()
        return lease
    }

    /// The processes of `ssh` that run.
    var processIDs: [Int32] { connections.withLock { $0 }.compactMap(\.processID) }

    private func choose() -> Connection {
        connections.withLock { connections in
            connections.removeAll { $0.isDead }
            let leastUsed = connections.filter(\.isReady).min { $0.users < $1.users }
            let users = connections.reduce(0) { $0 + $1.users }
            if connections.count < maxCount, users >= Self.users(before: connections.count + 1) {
                // Whoever wanted it may use another one while it starts.
                connections.append(Connection(settings))
            }
            return leastUsed ?? connections.min { $0.users < $1.users }
                ?? Self.add(Connection(settings), to: &connections)
        }
    }

    private static func add(_ connection: Connection, to connections: inout [Connection]) -> Connection {
        connections.append(connection)
        return connection
    }

    /// How many must be at work before another connection pays: it costs both ends some milliseconds of computing.
    private static func users(before count: Int) -> Int {
        switch count {
        case 1: 0
        case 2: 1
        default: (count - 1) * 3
        }
    }
}

/// A connection that somebody uses, until it is let go.
final class Lease: Sendable {
    let connection: Connection

    fileprivate init(_ connection: Connection) { self.connection = connection }

    deinit { connection.release() }
}
