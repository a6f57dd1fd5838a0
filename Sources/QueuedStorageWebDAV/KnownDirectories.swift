import QueuedStorageCore
import QueuedStorageTransport
private import Synchronization

/// Makes the directories that files need, and remembers those that are there.
final class KnownDirectories: Sendable {
    /// More than these aren't remembered.
    private static let limit = 10_000
    private let client: DAVClient
    private let known = Mutex<Set<NameKey>>([])
    /// One task at a time makes a directory: some servers refuse the others as long as it is being made.
    private let making = NameGate()

    init(_ client: DAVClient) { self.client = client }

    /// Makes a directory and those above it, unless they are known.
    ///
    /// - Parameters:
    ///   - components: The directory, below that of the storage.
    ///   - failed: The beginning of a sentence, should the server refuse.
    /// - Throws: `StorageError` if the server can't be asked, or refuses.
    func make(_ components: [String], failed: String) async throws {
        guard !isKnown(components) else { return }
        try await making.pass(components.joined(separator: "/")) {
            guard !isKnown(components) else { return }
            do {
                try await makeLast(components, failed: failed)
            } catch is MissingParent {
                try await make(Array(components.dropLast()), failed: failed)
                try await makeLast(components, failed: failed)
            }
            remember(components)
        }
    }

    /// Forgets a directory and what is below and above it, as one of them has vanished.
    func forget(_ components: [String]) {
        known.withLock { known in
            for count in 0...components.count { known.remove(Self.key(Array(components.prefix(count)))) }
        }
    }

    private struct MissingParent: Error {}

    private func makeLast(_ components: [String], failed: String) async throws {
        let answer = try await client.send("MKCOL", components, isDirectory: true)
        switch answer.status {
        // 405: there is one already (RFC 4918, 9.3.1), or a file.
        case 200, 201, 204, 405: try await answer.discard()
        case 404, 409:
            let refusal = await answer.failure(failed)
            if components.isEmpty {
                throw StorageError(
                    .invalidConfiguration,
                    "\(failed): the server has no directory for that of the storage to be in; make it there.",
                    cause: refusal
                )
            }
            throw isKnown(Array(components.dropLast())) ? refusal : MissingParent()
        default: throw await answer.failure(failed)
        }
    }

    private func isKnown(_ components: [String]) -> Bool {
        known.withLock { $0.contains(Self.key(components)) }
    }

    private func remember(_ components: [String]) {
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known.insert(Self.key(components))
        }
    }

    private static func key(_ components: [String]) -> NameKey { NameKey(components.joined(separator: "/")) }
}
