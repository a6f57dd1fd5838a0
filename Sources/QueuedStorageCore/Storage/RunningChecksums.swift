private import Synchronization

/// The checksums of uploads that this process sent from their beginning, as far as they came.
package final class RunningChecksums: Sendable {
    private let state = Mutex<[String: (offset: Int64, hash: Digests)]>([:])

    package init() {}

    /// The checksum of what lies before an offset, if all of it came through here.
    package func take(_ upload: String, at offset: Int64) -> Digests? {
        if offset == 0 { return Digests(.sha256) }
        return state.withLock { state in
            guard let known = state.removeValue(forKey: upload), known.offset == offset else { return nil }
            return known.hash
        }
    }

    /// Keeps the checksum of what lies before an offset.
    package func keep(_ upload: String, _ hash: Digests?, at offset: Int64) {
        state.withLock { state in
            // Those of uploads that were given up must not pile up.
            if state.count >= 1000 { state.removeAll() }
            state[upload] = hash.map { (offset, $0) }
        }
    }

    /// Forgets an upload.
    package func forget(_ upload: String) { state.withLock { $0[upload] = nil } }
}
