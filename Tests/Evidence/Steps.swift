import Synchronization

/// Hands out the steps to those who try them side by side, until several runs in a row had fewer.
///
/// How many steps a run has varies by a few: its threads don't always come in the same order.
final class Steps: Sendable {
    private let state: Mutex<(next: Int, missed: Int)>
    private let every: Int

    init(first: Int, every: Int) {
        state = Mutex((first, 0))
        self.every = every
    }

    func next() -> Int? {
        state.withLock { state in
            guard state.next < .max, state.missed < 3 else { return nil }
            defer { state.next = every == .max ? .max : state.next + every }
            return state.next
        }
    }

    func reached() { state.withLock { $0.missed = 0 } }

    func missed() { state.withLock { $0.missed += 1 } }
}
