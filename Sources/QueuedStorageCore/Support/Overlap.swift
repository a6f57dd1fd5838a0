import Glibc

/// Finds out whether one directory lies in another, whatever links and mounts say.
package enum Overlap {
    /// Refuses two directories that are one, or of which one lies in the other.
    ///
    /// Ancestors are compared by device and inode, so that symbolic links and bind mounts don't deceive.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration``.
    package static func refuse(_ first: String, _ second: String, _ firstRole: String, _ secondRole: String) throws {
        guard let one = identity(first), let other = identity(second) else { return }
        let message: String
        if one == other {
            message = "the \(firstRole) \"\(first)\" and the \(secondRole) \"\(second)\" are the same place"
        } else if ancestors(of: first).contains(other) {
            message = "the \(firstRole) \"\(first)\" lies in the \(secondRole) \"\(second)\""
        } else if ancestors(of: second).contains(one) {
            message = "the \(secondRole) \"\(second)\" lies in the \(firstRole) \"\(first)\""
        } else {
            return
        }
        throw StorageError(.invalidConfiguration, "\(message): each needs a place of its own")
    }

    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    private static func ancestors(of path: String) -> Set<Identity> {
        var found: Set<Identity> = []
        guard let resolved = realpath(path, nil) else { return found }
        defer { free(resolved) }
        var components = String(cString: resolved).split(separator: "/")
        while !components.isEmpty {
            components.removeLast()
            if let identity = identity("/" + components.joined(separator: "/")) { found.insert(identity) }
        }
        return found
    }
}
