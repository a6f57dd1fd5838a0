private import Synchronization

/// Which files are being read, for storages whose files lie there in pieces: while one is read, its pieces stay, though
/// its name may be gone already.
package final class Readings<ID: Hashable & Sendable>: Sendable {
    private struct State {
        var counts: [NameKey: Int] = [:]
        var unwanted: [ID: NameKey] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// A reading of a file; it ends when the last copy of this is let go.
    package final class Reading: Sendable {
        private let end: @Sendable () -> Void

        fileprivate init(_ end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }

    /// Begins to read a file; to be called before the file is looked up.
    package func begin(_ name: String) -> Reading {
        let key = NameKey(name)
        state.withLock { $0.counts[key, default: 0] += 1 }
        return Reading { [weak self] in
            self?.state.withLock { state in
                let count = (state.counts[key] ?? 1) - 1
                state.counts[key] = count > 0 ? count : nil
            }
        }
    }

    /// Whether a file is being read.
    package func isReading(_ name: String) -> Bool { state.withLock { $0.counts[NameKey(name)] != nil } }

    /// Notes that the pieces of what had a name may go.
    ///
    /// - Returns: True if they may go now; else they are among ``unread()`` once the reading has ended.
    package func letGo(_ id: ID, of name: String) -> Bool {
        let key = NameKey(name)
        return state.withLock { state in
            if state.counts[key] == nil { return true }
            state.unwanted[id] = key
            return false
        }
    }

    /// Takes what was noted and isn't read any more.
    package func unread() -> [ID] {
        state.withLock { state in
            let unread = state.unwanted.filter { state.counts[$0.value] == nil }.map(\.key)
            for id in unread { state.unwanted[id] = nil }
            return unread
        }
    }
}
