import CLinux
import Crypto
import FoundationEssentials
import Glibc
import QueuedStorageCore

/// A file in `taken/TOKEN`, and how it came there.
struct TakenEntry: Sendable {
    /// The attribute that keeps the path below the inbox.
    static let pathAttribute = "user.qstore.name"

    let inbox: Inbox
    /// `taken/TOKEN`.
    let directory: Directory
    let token: String
    let id: String
    /// The path that the file was dropped under.
    let path: DropPath
    /// What the file was when it was found to be done.
    let size: Int64
    /// Whether the kernel said that nobody had it open for writing.
    private(set) var isLeased: Bool
    /// What may go with a file, by the drop folder's options.
    let companionKinds: [Companion]
    /// Whether anything besides the file may lie here for it.
    let hasSideFiles: Bool

    /// The entry as a sink knows it.
    var entry: String { "\(inbox.id)/\(token)/\(id)" }
    var name: String.UTF8View { id.utf8 }

    // MARK: Moving in

    /// Moves a file and its companions from where they were dropped; from then on they are this process's.
    ///
    /// The companions go first: one that lies here without its file is put back by whoever finds it.
    ///
    /// - Parameters:
    ///   - found: The file, open, as it was found to be done.
    ///   - parent: The directory that it lies in.
    ///   - inbox: The drop folder.
    ///   - id: A name that no other entry of the token ever had.
    ///   - companionKinds: What may go with a file, by the drop folder's options.
    /// - Returns: What became of it; nil if another process was faster, or if another file has the name by now; then
    ///   that one stays.
    /// - Throws: ``SystemError``; nothing was moved then.
    static func take(
        _ found: FoundFile,
        from parent: Directory,
        into inbox: Inbox,
        id: String,
        companionKinds: [Companion]
    )
        throws -> Taking?
    {
        let hasSideFiles =
            found.hasCompanions || found.status.links > 1 || !found.file.setPathAttribute(found.path.bytes)
        let entry = Self(
            inbox: inbox,
            directory: inbox.own,
            token: inbox.token.name,
            id: id,
            path: found.path,
            size: found.status.size,
            isLeased: found.isLeased,
            companionKinds: companionKinds,
            hasSideFiles: hasSideFiles
        )
        if hasSideFiles { try entry.directory.create(entry.nameFile, found.path.bytes) }
        do {
            for companion in found.companions {
                try? parent.move(
                    companion.path(of: found.path).name,
                    to: entry.directory,
                    as: entry.draft(companion).utf8
                )
            }
            try parent.move(found.path.name, to: entry.directory, as: entry.name)
        } catch {
            try? entry.putBackDrafts(into: parent)
            if let error = error as? SystemError, error.errno == ENOENT { return nil }
            throw error
        }
        guard (try? entry.directory.status(entry.name))?.isSameFile(as: found.status) == true else {
            return entry.putBackOther()
        }
        entry.claim()
        return .taken(entry)
    }

    /// What a move out of the drop folder led to.
    enum Taking {
        case taken(TakenEntry)
        /// Another file was moved than the one that was found, and can't be put back now: it stays, to be dealt with
        /// later.
        case other(TakenEntry)
    }

    /// Puts a file back that isn't the one that was found.
    private func putBackOther() -> Taking? {
        // It doesn't have the path as an attribute.
        if !hasSideFiles { try? directory.create(nameFile, path.bytes) }
        let entry = Self(
            inbox: inbox,
            directory: directory,
            token: token,
            id: id,
            path: path,
            size: size,
            isLeased: false,
            companionKinds: companionKinds,
            hasSideFiles: true
        )
        do {
            try entry.putBack()
            return nil
        } catch {
            entry.claim()
            return .other(entry)
        }
    }

    private var nameFile: String { "\(id).name" }
    private func draft(_ companion: Companion) -> String { "\(id).\(companion.draftSuffix)" }
    private func kept(_ companion: Companion) -> String { "\(id).\(companion.keptSuffix)" }

    /// From here on the companions go with the file, wherever that goes.
    private func claim() {
        for companion in Companion.all {
            try? directory.move(draft(companion).utf8, to: directory, as: kept(companion).utf8)
        }
    }

    /// From here on a companion is put back, unless the file is here.
    func release(_ companion: Companion) throws {
        guard try directory.status(kept(companion).utf8) != nil else { return }
        try directory.move(kept(companion).utf8, to: directory, as: draft(companion).utf8)
    }

    // MARK: Moving out

    /// Puts the file back where it was dropped, and its companions as far as that can be done now.
    ///
    /// - Throws: `EEXIST` if there is another file by now; the entry stays then.
    func putBack() throws {
        let parent = try inbox.root.directory(path.parent)
        if hasSideFiles { for companion in Companion.all { try release(companion) } }
        do { try directory.move(name, to: parent, as: path.name) } catch {
            if hasSideFiles { claim() }
            throw error
        }
        if hasSideFiles { try? putBackDrafts(into: parent) }
        // Whatever a power failure undoes of it, the file is in one of the two.
        try? parent.sync()
        try? directory.sync()
    }

    /// Puts companions back whose file isn't here; the noted path goes when none is left.
    private func putBackDrafts(into parent: Directory) throws {
        for companion in Companion.all where try directory.status(draft(companion).utf8) != nil {
            guard let companion = known(companion) else { throw SystemError(ENOENT, "renameat2") }
            try directory.move(draft(companion).utf8, to: parent, as: companion.path(of: path).name)
        }
        try directory.remove(nameFile.utf8)
    }

    /// A companion with the end of its name, if the drop folder's options say it.
    private func known(_ companion: Companion) -> Companion? {
        companionKinds.first { $0.keptSuffix == companion.keptSuffix } ?? (companion == .sidecar ? companion : nil)
    }

    /// The companions that lie here without their file: to be put back, or to be quarantined.
    func drafts() throws -> [Companion] {
        guard try directory.status(name) == nil else { return [] }
        return try Companion.all.filter { try directory.status(draft($0).utf8) != nil }.map { known($0) ?? $0 }
    }

    /// Puts all companions back whose file isn't here.
    func putBackDrafts() throws {
        let parent = try inbox.root.directory(path.parent)
        try putBackDrafts(into: parent)
        try parent.sync()
        try directory.sync()
    }

    /// Where a companion lies that has no file here, as an entry to be quarantined.
    func draftEntry(_ companion: Companion) -> (name: String, path: DropPath) {
        let suffix = companion.suffix.isEmpty ? ".\(companion.draftSuffix)" : companion.suffix
        return (draft(companion), path.suffixed(suffix))
    }

    /// Removes the file, if it is still this process's, and all that goes with it; the directory isn't synced.
    func remove() throws {
        try directory.remove(name)
        try removeCompanions()
    }

    /// Removes what goes with a file that is the local storage's by now; not what must be put back.
    func removeCompanions() throws {
        guard hasSideFiles else { return }
        for companion in Companion.all { try directory.remove(kept(companion).utf8) }
        guard try drafts().isEmpty else { return }
        try directory.remove(nameFile.utf8)
    }

    /// Makes the bytes an entry of their own again: they are not those that were saved.
    ///
    /// The directory isn't synced.
    func renewed(as newID: String) throws -> Self {
        let entry = Self(
            inbox: inbox,
            directory: directory,
            token: token,
            id: newID,
            path: path,
            size: size,
            isLeased: false,
            companionKinds: companionKinds,
            hasSideFiles: true
        )
        try directory.create(entry.nameFile, path.bytes)
        try directory.move(name, to: directory, as: newID.utf8)
        // They went with what was saved; whoever finds them without their file removes them.
        try? removeCompanions()
        return entry
    }

    // MARK: After a crash

    /// What a dead process left in `taken/TOKEN`.
    ///
    /// - Returns: Its files; and entries without a file, of which there may be companions that never got theirs.
    static func left(
        in directory: Directory,
        token: String,
        inbox: Inbox,
        companionKinds: [Companion]
    ) throws -> (files: [Self], strays: [Self]) {
        func entry(_ id: String) throws -> Self {
            let path = try Self.path(of: id, in: directory)
            return Self(
                inbox: inbox,
                directory: directory,
                token: token,
                id: id,
                path: path ?? DropPath("lost-name-\(id)"),
                size: try directory.status(id.utf8)?.size ?? 0,
                isLeased: false,
                companionKinds: companionKinds,
                hasSideFiles: true
            )
        }
        let names = try directory.textNames()
        let files = Set(names.filter { !$0.contains(".") })
        let strays = Set(names.compactMap { $0.split(separator: ".").first.map(String.init) }).subtracting(files)
        let entries = try files.sorted().map(entry)
        for entry in entries { entry.claim() }
        return (entries, try strays.sorted().map(entry))
    }

    /// Where a file was dropped, as it was noted; nil if the note is lost, or isn't a path that may be believed.
    private static func path(of id: String, in directory: Directory) throws -> DropPath? {
        let noted: [UInt8]? =
            if try directory.status("\(id).name".utf8) != nil {
                try directory.open("\(id).name".utf8).read(limit: 8192)
            } else if try directory.status(id.utf8)?.isRegularFile == true {
                // Whoever owns the file may have changed the attribute since.
                try? directory.open(id.utf8).pathAttribute()
            } else {
                nil
            }
        return noted.map(DropPath.init(bytes:)).flatMap { $0.isPlain ? $0 : nil }
    }

    // MARK: Reading

    /// Opens the file, which nobody else can reach by name any more, and asks about it.
    ///
    /// - Returns: The file; what it is now; whether its inode may be kept, nil if somebody still writes it; its
    ///   sidecar's bytes.
    func inspect() throws -> (file: OpenFile, status: FileStatus, isOurs: Bool?, sidecar: [UInt8]?) {
        let file = try directory.open(name)
        let status = try file.status()
        let lease = Probe.hasLeases(inbox.fileSystem) ? clinux_lease_probe(file.descriptor) : ENOTSUP
        let isOurs = status.owner == geteuid() && status.links == 1 && lease == 0
        return (file, status, lease == EAGAIN ? nil : isOurs, try metadata())
    }

    /// The entry after the kernel was asked whether somebody has its file open for writing.
    func askingForLease() -> Self {
        guard Probe.hasLeases(inbox.fileSystem), let file = try? directory.open(name) else { return self }
        var entry = self
        entry.isLeased = clinux_lease_probe(file.descriptor) == 0
        return entry
    }

    /// Whether the bytes are others than those that were copied; what is gone isn't written.
    ///
    /// Its change time alone also moves when another link goes, or its owner; then the bytes decide.
    func wasWritten(since before: CopiedEntry) throws -> Bool {
        guard try directory.status(name) != nil else { return false }
        let file = try directory.open(name)
        let status = try file.status()
        guard status.size == before.size else { return true }
        if status.modified == before.modifiedAt, status.changed == before.changedAt { return false }
        guard let copied = before.sha256 else { return true }
        return try file.sha256() != copied
    }

    /// The sidecar's bytes; nil if there is none, or if it is too large to be one.
    func metadata() throws -> [UInt8]? {
        guard let name = try sidecarName() else { return nil }
        return try directory.open(name.utf8).read(limit: Companion.largestSidecar) ?? []
    }

    /// Where the sidecar lies, if there is one.
    func sidecarName() throws -> String? {
        try [kept(.sidecar), draft(.sidecar)].first { try directory.status($0.utf8) != nil }
    }
}

/// A file that is done being written, still where it was dropped.
struct FoundFile {
    var path: DropPath
    var file: OpenFile
    var status: FileStatus
    /// Whether the kernel said that nobody had it open for writing.
    var isLeased: Bool
    var companions: [Companion] = []
    var hasCompanions: Bool { !companions.isEmpty }
}

/// A file that is about another one and goes with it.
struct Companion: Hashable, Sendable {
    /// The largest sidecar that is read, in bytes.
    static let largestSidecar = 1 << 20
    /// How it is called in `taken` before the file is there.
    let draftSuffix: String
    /// How it is called in `taken` once the file is there.
    let keptSuffix: String
    /// The end of its name beside the file.
    var suffix: String

    static let sidecar = Self(draftSuffix: "meta", keptSuffix: "metadata", suffix: DropFolderOptions.sidecarSuffix)
    static func marker(_ suffix: String) -> Self { Self(draftSuffix: "done", keptSuffix: "marker", suffix: suffix) }
    static let all = [sidecar, marker("")]

    func path(of file: DropPath) -> DropPath { file.suffixed(suffix) }
}

extension FileStatus {
    /// Whether it is the file of before, unwritten: a rename and a link change `changed`, which therefore isn't compared.
    func isSameFile(as other: Self) -> Bool {
        inode == other.inode && device == other.device && isRegularFile && size == other.size
            && modified == other.modified
    }
}

extension OpenFile {
    /// The SHA-256 of its bytes, in lower-case hexadecimal digits.
    func sha256() throws -> String {
        var hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var offset: off_t = 0
        while true {
            let count = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, offset) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError(errno, "pread") }
            if count == 0 { break }
            buffer.withUnsafeBytes { hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            offset += off_t(count)
        }
        return hash.finalize().map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Notes the path in an attribute; false where the file system or its owner doesn't let us.
    func setPathAttribute(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes {
            clinux_fsetxattr(descriptor, TakenEntry.pathAttribute, $0.baseAddress, $0.count, 0) == 0
        }
    }

    /// The path that was noted.
    func pathAttribute() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes {
            clinux_fgetxattr(descriptor, TakenEntry.pathAttribute, $0.baseAddress, $0.count)
        }
        return count > 0 ? Array(buffer[..<count]) : nil
    }
}
