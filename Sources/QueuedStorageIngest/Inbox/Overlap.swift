import Glibc
import QueuedStorageCore

/// Drop folders and storages that lie in each other: each would take the other's files.
enum Overlap {
    /// Compares a drop folder with the places of a storage, by device and inode: a bind mount and a symbolic link have
    /// other paths.
    ///
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/overlapping``.
    static func check(_ inbox: String, against occupied: [String]) throws {
        guard let folder = identity(inbox) else { return }
        let above = ancestors(of: inbox)
        for path in occupied {
            let real = nearest(path)
            if let place = identity(path), above.contains(place) {
                throw error(inbox, "lies in \"\(path)\", which its storage uses")
            }
            if ancestors(of: real).contains(folder) {
                throw error(inbox, "holds \"\(path)\", which its storage uses")
            }
        }
    }

    private static func error(_ inbox: String, _ reason: String) -> DropFolderError {
        DropFolderError(.overlapping, inbox, "the drop folder \"\(inbox)\" \(reason)")
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

    /// The file or directory itself and all that it lies in.
    private static func ancestors(of path: String) -> Set<Identity> {
        var identities: Set<Identity> = []
        var path = path
        while true {
            if let identity = identity(path) { identities.insert(identity) }
            guard path != "/", let slash = path.lastIndex(of: "/") else { return identities }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    /// The nearest thing that exists at or above a path, without symbolic links.
    private static func nearest(_ path: String) -> String {
        var path = path
        while !path.isEmpty, path != "/" {
            if let real = try? Inbox.realPath(path) { return real }
            guard let slash = path.lastIndex(of: "/") else { break }
            path = String(path[..<slash])
        }
        return "/"
    }
}
