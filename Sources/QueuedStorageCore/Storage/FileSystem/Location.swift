internal import Glibc
internal import Synchronization

/// The directory that a storage's names are below, opened anew for each act, so that one that was replaced is noticed.
package final class Location: Sendable {
    private struct State {
        /// The directory that was there last.
        var seen: Inode?
        /// What `.qstore/id` says, once it was asked for.
        var identity: String?
        /// The token of this process, and the file that it holds the lock of.
        var owner: (token: String, lock: OpenFile)?
        /// Whether files can be renamed from a drop folder to here, by the drop folder's identifier.
        var canRename: [String: Bool] = [:]
        /// The drop folders as they were found last, by their identifiers.
        var inboxes: [String: KnownInbox] = [:]
    }

    private struct Inode: Equatable {
        var device: UInt64
        var inode: UInt64

        init(_ status: FileStatus) {
            device = status.device
            inode = status.inode
        }
    }

    package let path: String
    private let creates: Bool
    private let directoryMode: UInt32?
    private let state = Mutex(State())

    init(path: String, creates: Bool, directoryMode: UInt32?) {
        self.path = path
        self.creates = creates
        self.directoryMode = directoryMode
    }

    deinit {
        // What the process leaves empty needs no recovery.
        state.withLock { state in
            guard let token = state.owner?.token, let root = try? Directory(path: path) else { return }
            do {
                try existingPrivateFolder("staging", in: root)?.removeDirectory(token)
                try TokenFolder(root: root).forget(token)
            } catch {
                // Something is left, which recovery finds.
            }
        }
    }

    /// Opens the directory, making it at the first use if that is wanted.
    ///
    /// - Throws: ``StorageError`` with ``StorageError/Code/offline`` if it isn't there, or another one in its place.
    package func open() throws -> Directory {
        do {
            return try check(Directory(path: path))
        } catch let error as SystemError {
            guard error.errno == ENOENT else { throw unusable(error) }
            guard creates, state.withLock({ $0.seen == nil }) else { throw offline("it isn't there", error) }
            do {
                try make()
                return try check(Directory(path: path))
            } catch let error as SystemError {
                throw unusable(error)
            }
        }
    }

    private func check(_ directory: Directory) throws -> Directory {
        let inode = Inode(try directory.file.status())
        let known = state.withLock { state in
            if state.identity == nil { state.seen = inode }
            return state.seen == inode ? nil : state.identity
        }
        guard let known else { return directory }
        // An unmounted disk leaves an empty directory behind, which must not be taken for an empty storage.
        guard try identity(in: directory) == known else { throw offline("another directory is in its place", nil) }
        state.withLock { $0.seen = inode }
        return directory
    }

    private func make() throws {
        var parent = try Directory(path: "/")
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            let part = String(Substring(part))
            do {
                parent = try Self.step(parent, part)
            } catch let error as SystemError where error.errno == ENOENT {
                _ = try parent.makeDirectory(part, mode: directoryMode)
                parent = try Self.step(parent, part)
            }
        }
    }

    /// Opens a directory on the way to the location, which the application chose: links are followed.
    private static func step(_ parent: Directory, _ part: String) throws -> Directory {
        let descriptor = openat(parent.file.descriptor, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError(errno, "openat") }
        return Directory(OpenFile(descriptor))
    }

    private func offline(_ reason: String, _ cause: (any Error)?) -> StorageError {
        StorageError(
            .offline,
            "The location \(FileName.quoted(path)) can't be used: \(reason); mount or restore it.",
            cause: cause
        )
    }

    private func unusable(_ error: SystemError) -> StorageError {
        let code: StorageError.Code =
            switch error.errno {
            case EACCES, EPERM, EROFS: .denied
            case ENOTDIR: .invalidConfiguration
            case EMFILE, ENFILE, ENOMEM: .failed
            default: .offline
            }
        return StorageError(code, "The location \(FileName.quoted(path)) can't be opened.", cause: error)
    }
}

// MARK: State

extension Location {
    typealias Owner = (token: String, lock: OpenFile)

    func withOwner<Value>(_ body: (inout Owner?) throws -> Value) rethrows -> Value {
        try state.withLock { try body(&$0.owner) }
    }

    func knownRename(fromInbox id: String) -> Bool? { state.withLock { $0.canRename[id] } }

    func known(inbox id: String) -> KnownInbox? { state.withLock { $0.inboxes[id] } }

    func note(_ known: KnownInbox, inbox id: String) { state.withLock { $0.inboxes[id] = known } }

    func forget(inbox id: String) { state.withLock { $0.inboxes[id] = nil } }

    func noteRename(fromInbox id: String, _ answer: Bool) { state.withLock { $0.canRename[id] = answer } }
}

// MARK: Private folders

extension Location {
    /// Opens a folder below `.qstore`, making it.
    package func privateFolder(_ path: String, in root: Directory) throws -> Directory {
        try root.makingDirectories(
            FileName.append(path, to: FileName.privateComponent),
            mode: 0o700,
            followsLinks: false
        )
        .directory
    }

    /// Opens a folder below `.qstore`; nil if there is none.
    package func existingPrivateFolder(_ path: String, in root: Directory) throws -> Directory? {
        do {
            return try root.directory(FileName.append(path, to: FileName.privateComponent), followsLinks: false)
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }
}

// MARK: Identity

extension Location {
    /// The random identifier of the location, made at the first use.
    package func identity() throws -> String {
        let root = try open()
        if let known = state.withLock({ $0.identity }) { return known }
        let identity = try identity(in: root) ?? makeIdentity(in: root)
        state.withLock { $0.identity = identity }
        return identity
    }

    private func identity(in root: Directory) throws -> String? {
        guard let text = try root.text("\(FileName.privateComponent)/id") else { return nil }
        let identity = String(text.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
        guard identity != "" else {
            throw StorageError(.damaged, "The file .qstore/id of \(FileName.quoted(path)) holds no identifier.")
        }
        return identity
    }

    private func makeIdentity(in root: Directory) throws -> String {
        let folder = try root.makingDirectories(FileName.privateComponent, mode: 0o700, followsLinks: false).directory
        let file = try TemporaryFile.make(in: folder, tag: "id") { folder }
        let identity = FileName.randomIdentifier()
        try Array((identity + "\n").utf8).withUnsafeBytes { try file.file.write($0, at: 0) }
        try file.file.sync()
        do {
            try file.publish(in: folder, as: "id", replacing: false) { folder }
            try folder.sync()
            return identity
        } catch let error as SystemError where error.errno == EEXIST {
            // Another process was faster; its identifier is the one. It may not have synced yet.
            try folder.sync()
            guard let other = try self.identity(in: root) else { throw error }
            return other
        }
    }

    /// Whom the location belongs to; nil if to nobody yet.
    func owner() throws -> String? {
        try open().text("\(FileName.privateComponent)/owner")?.split(separator: "\n").first.map { String($0) }
    }

    /// Notes whom the location belongs to, durably; false if it is somebody already, and is to stay.
    func setOwner(_ owner: String, replacing: Bool) throws -> Bool {
        let root = try open()
        let folder = try root.makingDirectories(FileName.privateComponent, mode: 0o700, followsLinks: false).directory
        let file = try TemporaryFile.make(in: folder, tag: "owner") { try self.privateFolder("tmp", in: root) }
        try Array((owner + "\n").utf8).withUnsafeBytes { try file.file.write($0, at: 0) }
        try file.file.sync()
        do {
            try file.publish(in: folder, as: "owner", replacing: replacing) { try self.privateFolder("tmp", in: root) }
        } catch let error as SystemError where error.errno == EEXIST {
            return false
        }
        try folder.sync()
        return true
    }
}
