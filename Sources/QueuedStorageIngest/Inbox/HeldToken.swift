import CLinux
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// A token whose lock this process holds: what lies in `taken/TOKEN` is its business alone.
///
/// The lock belongs to the open file description, so that it falls with the process, and two drop folders of one process
/// keep each other out too. Source: fcntl(2), "Open file description locks".
struct HeldToken: Sendable {
    let name: String
    private let lock: OpenFile

    /// Takes a new token.
    static func new(in owners: Directory) throws -> Self {
        while true {
            if let token = try take(randomDigits(12), in: owners) { return token }
        }
    }

    /// Takes over a token; nil if its process lives, or if another one was faster.
    static func take(_ name: String, in owners: Directory) throws -> Self? {
        let file = try owners.openOrCreate(name)
        let error = clinux_ofd_lock(file.descriptor)
        if error == EAGAIN || error == EACCES { return nil }
        guard error == 0 else { throw SystemError(error, "fcntl") }
        // Between the two calls another process may have taken it for a dead one's, and removed it.
        guard let there = try owners.status(name.utf8), there.inode == (try file.status()).inode else { return nil }
        return Self(name: name, lock: file)
    }

    /// Gives up what lies in `taken/TOKEN`: whoever comes next takes it over.
    func release() { _ = clinux_ofd_unlock(lock.descriptor) }

    /// Forgets the token; its directory must be gone.
    func drop(from owners: Directory) throws { try owners.remove(name.utf8) }
}
