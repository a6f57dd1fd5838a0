import CLinux
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// An opened drop folder: its directory, and its private part.
///
///     INBOX/.qstore/id                    the folder's random identifier
///                  /lock                  held by the process that watches
///                  /owners/TOKEN          held by the process that took the token
///                  /taken/TOKEN/ID        a taken file; its path is in the attribute user.qstore.name …
///                  /taken/TOKEN/ID.name   … or here, where attributes don't do
///                  /taken/TOKEN/ID.meta   its sidecar, not yet known to go with a taken file; ID.metadata afterwards
///                  /taken/TOKEN/ID.done   its marker, likewise; ID.marker afterwards
///                  /quarantine/NAME       a file that couldn't be taken, with NAME.reason.json beside it
struct Inbox: Sendable {
    /// The name of the private part.
    static let privateName = ".qstore"

    /// The folder's absolute path without symbolic links.
    let path: String
    /// The folder's random identifier.
    let id: String
    let root: Directory
    let owners: Directory
    let taken: Directory
    let quarantine: QuarantineDirectory
    let token: HeldToken
    /// Where this process puts what it takes.
    let own: Directory
    let fileSystem: Int64
    private let identity: FileStatus
    private let lock: OpenFile?

    /// Opens a folder for watching, and makes its private part if need be.
    ///
    /// - Parameters:
    ///   - path: The folder's path.
    ///   - takesLock: Whether to keep other watchers out.
    /// - Throws: ``DropFolderError``.
    init(opening path: String, takesLock: Bool = true) throws {
        let path = try Self.realPath(path)
        do {
            let root = try Directory.open(path)
            let part = try root.privateDirectory(Self.privateName)
            lock = takesLock ? try Self.lock(part, path) : nil
            id = try Self.identifier(part)
            owners = try part.privateDirectory("owners")
            taken = try part.privateDirectory("taken")
            quarantine = try QuarantineDirectory(part.privateDirectory("quarantine"), root: root)
            token = try HeldToken.new(in: owners)
            own = try taken.privateDirectory(token.name)
            try owners.sync()
            identity = try root.file.status()
            fileSystem = clinux_filesystem_type(root.descriptor)
            self.root = root
            self.path = path
        } catch let error as SystemError {
            let code: DropFolderError.Code = [EACCES, EPERM, EROFS].contains(error.errno) ? .denied : .unavailable
            throw DropFolderError(code, path, "the drop folder \"\(path)\" can't be used", cause: error)
        }
    }

    /// Whether the path still leads to the folder that was opened.
    var isThere: Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return FileStatus(status).inode == identity.inode && FileStatus(status).device == identity.device
    }

    /// Leaves nothing behind if nothing is left in it; else another process takes it over.
    ///
    /// Both locks are given up here, not with the last reference: who opens the folder right afterwards must get it.
    func close() {
        if (try? taken.removeDirectory(token.name.utf8)) == true { try? token.drop(from: owners) }
        token.release()
        if let lock { _ = clinux_ofd_unlock(lock.descriptor) }
    }

    /// An absolute path without symbolic links.
    static func realPath(_ path: String) throws -> String {
        guard let resolved = realpath(path, nil) else {
            throw DropFolderError(
                .unavailable,
                path,
                "the drop folder \"\(path)\" isn't there",
                cause: SystemError(errno, "realpath")
            )
        }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    private static func lock(_ part: Directory, _ path: String) throws -> OpenFile {
        let file = try part.openOrCreate("lock")
        let error = clinux_ofd_lock(file.descriptor)
        if error == EAGAIN || error == EACCES {
            throw DropFolderError(
                .alreadyWatched,
                path,
                "the drop folder \"\(path)\" is being watched by another process; stop that one first, or leave it to it"
            )
        }
        guard error == 0 else { throw SystemError(error, "fcntl") }
        return file
    }

    /// Reads the folder's identifier, or gives it one: written under another name and linked, so that it is whole, and
    /// that of two processes one wins.
    private static func identifier(_ part: Directory) throws -> String {
        while true {
            if try part.status("id".utf8) != nil {
                // What a process left that died before it could give its own.
                for name in try part.textNames() where name.hasPrefix("id.") { try part.remove(name.utf8) }
                let bytes = try part.open("id".utf8).read(limit: 64) ?? []
                return String(decoding: bytes, as: UTF8.self).trimmed
            }
            let draft = "id.\(randomDigits(8))"
            try part.create(draft, Array((randomDigits(16) + "\n").utf8))
            defer { try? part.remove(draft.utf8) }
            do { try part.move(draft.utf8, to: part, as: "id".utf8) } catch let error as SystemError
                where error.errno == EEXIST || error.errno == ENOENT
            { continue }
            try part.sync()
        }
    }
}
