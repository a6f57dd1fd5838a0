import Glibc

/// Finds out whether one file or directory lies in another, whatever links and mounts say.
///
/// What exists is compared by device and inode, so that symbolic links and bind mounts don't deceive; what doesn't exist
/// yet, by its path below what does.
package enum Overlap {
    /// How one place lies to another.
    package enum Relation: Hashable, Sendable {
        /// They are one place.
        case same
        /// The first lies in the second.
        case inside
        /// The second lies in the first.
        case holds
    }

    /// Compares two places.
    ///
    /// - Parameters:
    ///   - first: An absolute path.
    ///   - second: Another.
    /// - Returns: How the first lies to the second; nil if they are apart.
    package static func relation(_ first: String, _ second: String) -> Relation? {
        let (one, other) = (Place(first), Place(second))
        if one.path == other.path || (one.identity != nil && one.identity == other.identity) { return .same }
        if one.lies(in: other) { return .inside }
        return other.lies(in: one) ? .holds : nil
    }

    /// Refuses two directories that are one, or of which one lies in the other.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidConfiguration``.
    package static func refuse(_ first: String, _ second: String, _ firstRole: String, _ secondRole: String) throws {
        let message: String
        switch relation(first, second) {
        case .same: message = "the \(firstRole) \"\(first)\" and the \(secondRole) \"\(second)\" are the same place"
        case .inside: message = "the \(firstRole) \"\(first)\" lies in the \(secondRole) \"\(second)\""
        case .holds: message = "the \(secondRole) \"\(second)\" lies in the \(firstRole) \"\(first)\""
        case nil: return
        }
        throw StorageError(.invalidConfiguration, "\(message): each needs a place of its own")
    }

    private struct Identity: Hashable {
        var device: UInt64
        var inode: UInt64

        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
        }
    }

    private struct Place {
        /// The path without symbolic links, as far as it exists.
        var path: String
        var identity: Identity?
        /// All that it lies in, as far as that exists.
        var ancestors: Set<Identity> = []

        init(_ path: String) {
            identity = Identity(path)
            var existing = path
            var missing = ""
            var real = "/"
            while !existing.isEmpty {
                if let resolved = realpath(existing, nil) {
                    real = String(cString: resolved)
                    free(resolved)
                    break
                }
                let slash = existing.lastIndex(of: "/") ?? existing.startIndex
                missing = "/" + existing[slash...].drop { $0 == "/" } + missing
                existing = String(existing[..<slash])
            }
            self.path = real == "/" && !missing.isEmpty ? missing : real + missing
            var components = real.split(separator: "/")
            if identity == nil { ancestors.formUnion([Identity(real)].compactMap(\.self)) }
            while !components.isEmpty {
                components.removeLast()
                ancestors.formUnion([Identity("/" + components.joined(separator: "/"))].compactMap(\.self))
            }
        }

        func lies(in other: Place) -> Bool {
            if let identity = other.identity, ancestors.contains(identity) { return true }
            return path.hasPrefix(other.path == "/" ? "/" : other.path + "/")
        }
    }
}
