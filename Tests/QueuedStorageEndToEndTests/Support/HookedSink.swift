import QueuedStorageCore

/// A storage as a drop folder's sink, with something done at its turns.
struct HookedSink: DropSink {
    let storage: QueuedStorage
    var afterTake: @Sendable (DroppedFile) throws -> Void = { _ in }
    var afterForget: @Sendable ([String]) -> Void = { _ in }

    var alias: String { storage.alias }
    var occupiedPaths: [String] { storage.occupiedPaths }

    func begin(_ folder: DropFolderRegistration) async throws { try await storage.begin(folder) }

    func take(_ drop: DroppedFile) async throws -> DropOutcome {
        let outcome = try await storage.take(drop)
        try afterTake(drop)
        return outcome
    }

    func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState] {
        try await storage.recorded(takenEntries: entries)
    }

    func forget(takenEntries entries: [String]) async throws {
        try await storage.forget(takenEntries: entries)
        afterForget(entries)
    }
}
