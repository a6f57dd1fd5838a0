import QueuedStorageCore
import Synchronization

/// Files whose transfers are waited for.
final class Waiting: Sendable {
    private let state: Mutex<(left: [StoredFile], failures: Int)>

    init(_ files: [StoredFile]) { state = Mutex((files, 0)) }

    /// How many are still on their way.
    var left: Int { state.withLock { $0.left.count } }
    /// How many won't get there.
    var failures: Int { state.withLock { $0.failures } }

    /// Looks which have ended.
    ///
    /// - Returns: Whether all have.
    func look(at catalog: any Catalog) async throws -> Bool {
        var left: [StoredFile] = []
        for file in state.withLock({ $0.left }) {
            let now = try await catalog.file(id: file.id)
            guard let now, now.generation == file.generation, now.state != .deleting else {
                complain(file, "it was replaced or deleted meanwhile")
                continue
            }
            switch now.state {
            case .queued, .transferring: left.append(file)
            case .failed: complain(file, now.error ?? "it failed")
            case .local: complain(file, "its transfer was cancelled")
            case .remote, .deleting: continue
            }
        }
        state.withLock { $0.left = left }
        return left.isEmpty
    }

    private func complain(_ file: StoredFile, _ why: String) {
        state.withLock { $0.failures += 1 }
        Console.shared.complain("qstore: \"\(Text.escaped(file.name))\" wasn't transferred: \(Text.escaped(why))")
    }
}
