import Synchronization

/// Syncs that many ask for and few are made of: those who ask while one runs share the next one.
final class SharedSyncs: Sendable {
    private enum Turn: Sendable {
        /// Another one's sync began after the question, and ended so.
        case done(Result<Void, any Error>)
        /// To make the next sync, for these too.
        case lead([CheckedContinuation<Turn, Never>])
    }

    /// The places of which a sync runs, with those who wait for the next one.
    private let places = Mutex<[String: [CheckedContinuation<Turn, Never>]]>([:])

    /// Returns after a sync that began after the call.
    ///
    /// - Parameters:
    ///   - place: What is synced.
    ///   - sync: Does it; it isn't cut short by cancellation, as others wait for it.
    /// - Throws: What the sync threw.
    func run(_ place: String, _ sync: () async throws -> Void) async throws {
        let followers: [CheckedContinuation<Turn, Never>]
        switch await turn(place) {
        case .done(let result): return try result.get()
        case .lead(let others): followers = others
        }
        let result: Result<Void, any Error>
        do {
            try await sync()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        passOn(place)
        for follower in followers { follower.resume(returning: .done(result)) }
        try result.get()
    }

    private func turn(_ place: String) async -> Turn {
        await withCheckedContinuation { continuation in
            let isFree = places.withLock { places in
                guard places[place] != nil else {
                    places[place] = []
                    return true
                }
                places[place]?.append(continuation)
                return false
            }
            if isFree { continuation.resume(returning: .lead([])) }
        }
    }

    /// Lets the first of those who came meanwhile make the next sync, for all of them.
    private func passOn(_ place: String) {
        let waiters = places.withLock { places in
            let waiters = places[place] ?? []
            places[place] = waiters.isEmpty ? nil : []
            return waiters
        }
        waiters.first?.resume(returning: .lead(Array(waiters.dropFirst())))
    }
}

/// Lets only one at a time publish under a name, within this process.
final class NameLocks: Sendable {
    private let held = Mutex<[String: [CheckedContinuation<Void, Never>]]>([:])

    /// Does something while nobody else does anything under the name.
    func withLock<Value>(_ name: String, _ body: () async throws -> Value) async rethrows -> Value {
        await withCheckedContinuation { continuation in
            let isFree = held.withLock { held in
                guard held[name] != nil else {
                    held[name] = []
                    return true
                }
                held[name]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer { unlock(name) }
        return try await body()
    }

    private func unlock(_ name: String) {
        let next = held.withLock { held -> CheckedContinuation<Void, Never>? in
            guard let next = held[name]?.first else {
                held[name] = nil
                return nil
            }
            held[name]?.removeFirst()
            return next
        }
        next?.resume()
    }
}
