private import Synchronization

/// Lets one task at a time act under a name; the others wait, without a thread, in the order in which they came.
///
/// Some servers look whether a name is free, and then give it away: of two requests that overlap, both would be told that
/// it was. Those of one process wait for one another here.
package final class NameGate: Sendable {
    private struct Entrance {
        let turnstile = Turnstile(limit: 1)
        /// How many are inside or wait.
        var count = 0
    }

    private let entrances = Mutex<[NameKey: Entrance]>([:])

    package init() {}

    /// Runs an act while nobody else has the name.
    ///
    /// - Throws: `CancellationError` if the task is cancelled while it waits; what `body` throws.
    package func pass<Value>(
        _ name: String,
        isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        let key = NameKey(name)
        let turnstile = entrances.withLock { entrances in
            entrances[key, default: Entrance()].count += 1
            return entrances[key, default: Entrance()].turnstile
        }
        defer {
            entrances.withLock { entrances in
                entrances[key]?.count -= 1
                if entrances[key]?.count == 0 { entrances[key] = nil }
            }
        }
        return try await turnstile.pass(body)
    }
}
