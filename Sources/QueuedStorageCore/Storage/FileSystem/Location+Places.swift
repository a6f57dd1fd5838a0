internal import CLinux
internal import Glibc

// MARK: Tokens

extension Location {
    /// The token of this process, taken at the first use, and again if somebody cleared the private folder.
    package func token() throws -> String {
        _ = try identity()
        let root = try open()
        return try withOwner { owner in
            if let owner, try owner.lock.status().links > 0 { return owner.token }
            let taken = try TokenFolder(root: root).take()
            owner = taken
            return taken.token
        }
    }
}

// MARK: Drop folders

extension Location {
    /// Notes where a drop folder is, so that places in it can be found.
    func register(inbox: String, path: String) throws {
        guard Place.isIdentifier(inbox) else {
            throw StorageError(.invalidName, "The drop folder's identifier \(FileName.quoted(inbox)) isn't one.")
        }
        let root = try open()
        let folder = try privateFolder("inbox", in: root)
        if try folder.text(inbox).map({ NameKey($0) == NameKey(path) }) == true { return }
        forget(inbox: inbox)
        let file = try TemporaryFile.make(in: folder, tag: "inbox") { try self.privateFolder("tmp", in: root) }
        try Array(path.utf8).withUnsafeBytes { try file.file.write($0, at: 0) }
        try file.file.sync()
        try file.publish(in: folder, as: inbox, replacing: true) { try self.privateFolder("tmp", in: root) }
        try folder.sync()
    }

    /// Opens a drop folder that is known here, and makes sure that it is the one.
    func inbox(_ id: String, in root: Directory) throws -> Directory {
        if let known = known(inbox: id), let inbox = try? Directory(path: known.path),
            KnownInbox(path: known.path, inbox) == known
        {
            return inbox
        }
        guard let path = try root.text("\(FileName.privateComponent)/inbox/\(id)") else {
            throw StorageError(.offline, "The drop folder \(id) isn't known in \(FileName.quoted(self.path)) yet.")
        }
        let inbox: Directory
        do {
            inbox = try Directory(path: path)
        } catch {
            throw StorageError(.offline, "The drop folder \(FileName.quoted(path)) can't be opened.", cause: error)
        }
        let known = KnownInbox(path: path, inbox)
        let found = try inbox.text("\(FileName.privateComponent)/id")?.split(separator: "\n").first.map { String($0) }
        guard found == id else {
            throw StorageError(
                .offline,
                "The drop folder \(FileName.quoted(path)) is another one than it was; restore or mount it."
            )
        }
        if let known { note(known, inbox: id) }
        return inbox
    }

    /// Tells whether files of a drop folder can be renamed into this location, by renaming one that isn't there.
    ///
    /// A bind mount has the same device number on both sides, and is another file system to rename(2) all the same. The
    /// kernel looks at the mounts first, so that no file is needed that a death would leave behind. Where a file system
    /// refuses more than that (other projects or subvolumes), placing finds out, and copies.
    func canRename(fromInbox id: String, _ inbox: Directory, in root: Directory) throws -> Bool {
        if let known = knownRename(fromInbox: id) { return known }
        let source = try inbox.directory(FileName.privateComponent, followsLinks: false)
        let target = try root.directory(FileName.privateComponent, followsLinks: false)
        let leaf = TemporaryFile.leaf("probe")
        let isRenamed = clinux_renameat2(source.file.descriptor, leaf, target.file.descriptor, leaf, 0) == 0
        let answer = isRenamed || errno == ENOENT
        noteRename(fromInbox: id, answer)
        return answer
    }
}

/// A drop folder that was where it belongs: while the file with its identifier is the same there, nobody need read it.
struct KnownInbox: Equatable {
    var path: String
    var identity: FileStatus

    /// Nil if there is no such file.
    init?(path: String, _ directory: Directory) {
        guard let identity = try? directory.status("\(FileName.privateComponent)/id") else { return nil }
        self.path = path
        self.identity = identity
    }
}

// MARK: Places

extension Location {
    /// Opens the directory that a place is in; nil if there is none.
    func directory(of place: Place, in root: Directory) throws -> Directory? {
        switch place {
        case .staging(let token, _):
            return try existingPrivateFolder("staging/\(token)", in: root)
        case .inbox(let id, _, _): return try directory(of: place, below: inbox(id, in: root))
        }
    }

    /// Opens the directory that a place of a drop folder is in; nil if there is none.
    func directory(of place: Place, below inbox: Directory) throws -> Directory? {
        do {
            return try inbox.directory("\(FileName.privateComponent)/taken/\(place.token)", followsLinks: false)
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }

    /// Opens what is at a place; nil if there is nothing.
    func open(_ place: Place, in root: Directory) throws -> OpenFile? {
        do {
            return try directory(of: place, in: root)?.open(place.id, O_RDONLY | O_NONBLOCK, followsLinks: false)
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }
}
