import QueuedStorageCore
import Synchronization
import Testing

@Suite struct BlockingTests {
    /// What ends with its last reference closes files, and gives up locks.
    @Test func `a blocking call has let go of what it used when its caller goes on`() async throws {
        for _ in 0..<5_000 {
            let end = End()
            try await use(Resource(end))
            let isReached = end.isReached.load(ordering: .acquiring)
            try #require(isReached)
        }
    }

    private func use(_ resource: consuming Resource) async throws {
        try await blocking { [resource] in withExtendedLifetime(resource) {} }
    }
}

private final class End: Sendable {
    let isReached = Atomic(false)
}

private final class Resource: Sendable {
    private let end: End

    init(_ end: End) { self.end = end }

    deinit { end.isReached.store(true, ordering: .releasing) }
}
