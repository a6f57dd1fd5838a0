internal import QueuedStorageCore

/// A file that is open on the server, in one connection; it is closed when this is let go.
final class OpenedFile: Sendable {
    let lease: Lease
    let handle: Handle

    /// Takes charge of a handle.
    ///
    /// - Parameters:
    ///   - lease: The connection that the file is open in.
    ///   - handle: The open file.
    init(_ lease: Lease, _ handle: Handle) {
        self.lease = lease
        self.handle = handle
    }

    deinit { lease.connection.forget(handle) }
}
