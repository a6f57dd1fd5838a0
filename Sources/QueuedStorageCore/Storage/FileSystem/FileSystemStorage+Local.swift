internal import Glibc

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FileSystemStorage: LocalStorage {
    public func identity() throws -> String { try saying("looked up", "") { try location.identity() } }

    public func owner() throws -> String? { try saying("looked up", "") { try location.owner() } }

    public func setOwner(_ owner: String, replacing: Bool) throws -> Bool {
        try saying("registered", "") { try location.setOwner(owner, replacing: replacing) }
    }

    public func token() throws -> String { try saying("looked up", "") { try location.token() } }

    // MARK: Staging

    public func stage(_ content: FileContent, computesSHA256: Bool) async throws -> StagedFile {
        let options = StoreOptions(computesSHA256: computesSHA256)
        do {
            let temporary = try await blocking {
                let root = try location.open()
                let folder = try location.privateFolder("staging/\(location.token())", in: root)
                return try TemporaryFile.make(in: folder, tag: nil, named: namesTemporaries) {
                    try location.privateFolder("tmp", in: root)
                }
            }
            let copy = try await fill(temporary, with: content, options: options)
            let place = try await blocking { try stage(temporary) }
            return StagedFile(
                place: place.description,
                size: copy.size,
                sha256: copy.sha256,
                contentType: content.contentType
            )
        } catch {
            throw StorageError.couldNot("staged", "", error)
        }
    }

    /// Gives a written file its place, durably.
    private func stage(_ temporary: TemporaryFile) throws -> Place {
        let place = Place.staging(token: try location.token(), id: FileName.randomIdentifier())
        let root = try location.open()
        let folder = try location.privateFolder("staging/\(place.token)", in: root)
        try temporary.publish(in: folder, as: place.id, replacing: false) {
            try location.privateFolder("tmp", in: root)
        }
        do {
            try folder.sync()
        } catch {
            _ = try? folder.remove(place.id)
            throw error
        }
        return place
    }

    public func stage(_ taken: TakenFile) async throws -> StagedFile {
        do {
            if let kept = try await blocking({ try keep(taken) }) { return kept }
        } catch {
            throw StorageError.couldNot("staged", taken.entry, error)
        }
        return try await stage(FileContent(.open(taken.file)), computesSHA256: true)
    }

    /// Keeps a taken file where it lies; nil if its bytes must be copied.
    private func keep(_ taken: TakenFile) throws -> StagedFile? {
        guard taken.isOurs else { return nil }
        let place = try Place("inbox/\(taken.inboxID)/\(taken.entry)")
        if location.known(inbox: taken.inboxID).map({ NameKey($0.path) }) != NameKey(taken.inbox) {
            try location.register(inbox: taken.inboxID, path: taken.inbox)
        }
        let root = try location.open()
        let inbox = try location.inbox(taken.inboxID, in: root)
        guard try location.canRename(fromInbox: taken.inboxID, inbox, in: root) else { return nil }
        guard let folder = try location.directory(of: place, below: inbox), let found = try folder.status(place.id)
        else {
            throw StorageError(.notFound, "The taken file \(FileName.quoted(taken.entry)) is gone.")
        }
        let status = try taken.file.status()
        guard found.inode == status.inode, found.device == status.device, status.links == 1, status.isRegularFile else {
            return nil
        }
        do {
            // The names that it had and has are durable: whoever took it synced them.
            try complete(taken.file)
        } catch is SystemError {
            // What couldn't be synced once isn't believed again; a copy is written anew, or fails.
            return nil
        }
        return StagedFile(place: place.description, size: status.size)
    }

    public func discard(_ place: String) throws {
        try saying("discarded", place) {
            let place = try Place(place)
            _ = try location.directory(of: place, in: location.open())?.remove(place.id)
        }
    }

    public func register(_ folder: DropFolderRegistration) throws {
        try saying("registered", folder.id) { try location.register(inbox: folder.id, path: folder.path) }
    }

    // MARK: Placing

    public func place(_ place: String, as name: String, replacing: Bool) throws -> Bool {
        try saying("placed", name) {
            try FileName.validate(name)
            let place = try Place(place)
            let path = try resolve(name)
            let root = try location.open()
            guard let folder = try location.directory(of: place, in: root) else { return false }
            var attempts = 8
            while true {
                guard let status = try folder.status(place.id) else { return false }
                guard status.isRegularFile else {
                    throw StorageError(.failed, name: name, "The place \(place) holds something that isn't a file.")
                }
                let (parent, leaf) = FileName.split(path)
                let (target, made) = try root.makingDirectories(parent, mode: directoryMode)
                do {
                    try move(place.id, of: folder, to: target, leaf, replacing: replacing)
                    return true
                } catch let error as SystemError where error.errno == ENOENT && attempts > 0 {
                    // Somebody placed it meanwhile, or removed the empty directory.
                    attempts -= 1
                } catch let error as SystemError where error.errno == EEXIST {
                    let there = try target.status(leaf)
                    if there?.inode == status.inode, there?.device == status.device {
                        // Where renaming is linking and unlinking, somebody died in between.
                        try folder.remove(place.id)
                        return true
                    }
                    throw error
                } catch {
                    root.removeDirectories(made)
                    throw error
                }
            }
        }
    }

    /// Renames a file to its name; copies it if that is on another mount.
    func move(
        _ id: String,
        of folder: Directory,
        to target: Directory,
        _ leaf: String,
        replacing: Bool
    ) throws {
        do {
            try folder.rename(id, to: target, leaf, replacing: replacing)
        } catch let error as SystemError where error.errno == EXDEV {
            let home = {
                try target.makingDirectories(FileName.privateComponent, mode: 0o700, followsLinks: false).directory
            }
            defer { try? target.removeDirectory(FileName.privateComponent) }
            let copy = try TemporaryFile.make(in: target, tag: nil, named: namesTemporaries, home: home)
            var bytes = FileCopy(to: copy.file, computesSHA256: false)
            try bytes.write(contentsOf: folder.open(id, O_RDONLY | O_NONBLOCK, followsLinks: false))
            try complete(copy.file)
            try copy.publish(in: target, as: leaf, replacing: replacing, home: home)
            // The copy must last before the original goes.
            try target.sync()
            try folder.remove(id)
        }
    }

    public func sync(names: [String], places: [String]) throws {
        try saying("synced", names.first ?? "") {
            let root = try location.open()
            for path in Set(try names.map { NameKey(FileName.split(try resolve($0)).directory) }) {
                do {
                    try root.directory(path.name).sync()
                } catch let error as SystemError where [ENOENT, ENOTDIR].contains(error.errno) {
                    // A directory that is gone has nothing to sync.
                }
            }
            var synced: Set<[String]> = []
            for place in try places.map({ try Place($0) }) {
                guard synced.insert(place.folderKey).inserted else { continue }
                try location.directory(of: place, in: root)?.sync()
            }
        }
    }

    // MARK: Removing

    /// The size beyond which freeing a file's blocks takes too long for a transaction, in bytes.
    private static let trashedSize: Int64 = 64 << 20

    public func removeCopy(_ name: String, place: String?) throws {
        try saying("removed", name) {
            let path = try resolve(name)
            let root = try location.open()
            if let place = try place.map({ try Place($0) }), let folder = try location.directory(of: place, in: root) {
                try remove(place.id, of: folder, in: root)
            }
            let (parent, leaf) = FileName.split(path)
            do {
                try remove(leaf, of: root.directory(parent), in: root)
            } catch let error as SystemError where [ENOENT, ENOTDIR].contains(error.errno) {
                // It is removed already.
            }
        }
    }

    private func remove(_ leaf: String, of folder: Directory, in root: Directory) throws {
        guard let status = try folder.status(leaf) else { return }
        if status.isDirectory { throw SystemError(EISDIR, "unlinkat") }
        if status.isRegularFile, status.size > Self.trashedSize {
            do {
                let trash = try location.privateFolder("trash", in: root)
                return try folder.rename(leaf, to: trash, FileName.randomIdentifier(), replacing: false)
            } catch let error as SystemError where [EXDEV, ENOSPC, EDQUOT].contains(error.errno) {
                // It can't be moved there, so that freeing it must be waited for.
            }
        }
        try folder.remove(leaf)
    }

    public func emptyTrash() throws {
        try saying("freed", "") {
            guard let trash = try location.existingPrivateFolder("trash", in: location.open()) else { return }
            for entry in try trash.entries() { try trash.remove(entry.name) }
        }
    }

    public func content(of name: String, place: String?) throws -> FileContent {
        try saying("opened", name) {
            let root = try location.open()
            if let place, let file = try location.open(Place(place), in: root) { return FileContent(.open(file)) }
            let file = try root.open(resolve(name), O_RDONLY | O_NONBLOCK)
            if try file.status().isDirectory { throw SystemError(EISDIR, "open") }
            return FileContent(.open(file))
        }
    }

    // MARK: The dead

    public func isAlive(_ token: String) throws -> Bool {
        guard Place.isIdentifier(token) else { return false }
        return try saying("looked up", token) { try TokenFolder(root: location.open()).isAlive(token) }
    }

    public func isOwnerAlive(ofPlace place: String) throws -> Bool {
        try saying("looked up", place) {
            let root = try location.open()
            switch try Place(place) {
            case .staging(let token, _): return try TokenFolder(root: root).isAlive(token)
            case .inbox(let id, let token, _):
                return try TokenFolder(root: location.inbox(id, in: root)).isAlive(token)
            }
        }
    }

    public func deadTokens() throws -> [String] {
        try saying("looked up", "") {
            let root = try location.open()
            let owners = TokenFolder(root: root)
            let staged = try location.existingPrivateFolder("staging", in: root)?.entries().map(\.name) ?? []
            return try Set(owners.tokens() + staged.filter(Place.isIdentifier)).sorted().filter {
                try !owners.isAlive($0)
            }
        }
    }

    public func takeOver(_ token: String) throws -> DeadToken? {
        guard Place.isIdentifier(token) else { return nil }
        return try saying("taken over", token) {
            let root = try location.open()
            guard let lock = try TokenFolder(root: root).takeOver(token) else { return nil }
            let folder = try location.existingPrivateFolder("staging/\(token)", in: root)
            let places = try folder?.entries().map { "staging/\(token)/\($0.name)" } ?? []
            return DeadToken(token: token, places: places.sorted(), lock: lock) {
                try saying("forgotten", token) {
                    let root = try location.open()
                    try location.existingPrivateFolder("staging", in: root)?.removeDirectory(token)
                    try TokenFolder(root: root).forget(token)
                }
            }
        }
    }

    /// Says in an error of a blocking act what failed.
    private func saying<Value>(_ verb: String, _ name: String, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch {
            throw StorageError.couldNot(verb, name, error)
        }
    }
}

extension Place {
    /// The directory that a place is in, as a key.
    fileprivate var folderKey: [String] {
        switch self {
        case .staging(let token, _): [token]
        case .inbox(let inbox, let token, _): [inbox, token]
        }
    }
}
