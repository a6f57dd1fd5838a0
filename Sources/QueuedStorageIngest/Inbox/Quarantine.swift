public import FoundationEssentials
import Glibc
import QueuedStorageCore

/// The files of a drop folder that couldn't be taken, each with its reason beside it.
///
/// They lie in `INBOX/.qstore/quarantine`: `NAME`, and `NAME.reason.json` that says why. Nobody needs to watch the
/// folder meanwhile; if somebody does, a file that is retried is taken at once.
/// ```swift
/// for file in try await Quarantine(inbox: "/srv/inbox").files() { print(file.name, file.reason) }
/// ```
public struct Quarantine: Sendable {
    /// The drop folder's path.
    public let inbox: String

    /// Names a drop folder's quarantine; nothing is opened yet.
    ///
    /// - Parameter inbox: The drop folder's path.
    public init(inbox: String) { self.inbox = inbox }

    /// The files in quarantine, the oldest first.
    ///
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/unavailable`` if the folder isn't there.
    public func files() async throws -> [QuarantinedFile] {
        try await blocking { try opened()?.files() ?? [] }
    }

    /// Puts a file, with its sidecar, back where it was dropped, to be taken again.
    ///
    /// - Parameter entry: The file's ``QuarantinedFile/entry``.
    /// - Returns: The absolute path that it has again.
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/notFound`` if there is no such file, and with
    ///   ``DropFolderError/Code/nameTaken`` if the folder has a new file of that name.
    @discardableResult
    public func retry(_ entry: String) async throws -> String {
        try await blocking {
            guard let quarantine = try opened() else { throw absent(entry) }
            guard let path = try quarantine.retry(entry) else { throw absent(entry) }
            return "\(inbox)/\(path)"
        }
    }

    /// Removes a file from quarantine for good.
    ///
    /// - Parameter entry: The file's ``QuarantinedFile/entry``.
    /// - Throws: ``DropFolderError`` with ``DropFolderError/Code/notFound`` if there is no such file.
    public func remove(_ entry: String) async throws {
        try await blocking {
            guard let quarantine = try opened(), try quarantine.remove(entry) else { throw absent(entry) }
        }
    }

    private func absent(_ entry: String) -> DropFolderError {
        DropFolderError(.notFound, inbox, "the quarantine of \"\(inbox)\" has no file \"\(entry)\"")
    }

    /// The directory; nil if nothing was ever quarantined.
    private func opened() throws -> QuarantineDirectory? {
        let path = try Inbox.realPath(inbox)
        do {
            let root = try Directory.open(path)
            return try QuarantineDirectory(root.directory("\(Inbox.privateName)/quarantine"), root: root)
        } catch let error as SystemError {
            if error.errno == ENOENT { return nil }
            throw DropFolderError(.denied, path, "the quarantine of \"\(path)\" can't be opened", cause: error)
        }
    }
}

/// A file in quarantine.
///
/// `NAME.reason.json` is this:
///
///     {"entry": "b.pdf", "at": "2026-01-31T23:59:59Z", "hasSidecar": false, "name": "a/b.pdf", "nameBytes": null,
///      "reason": "…", "size": 1234}
public struct QuarantinedFile: Codable, Hashable, Sendable {
    /// The file's name in quarantine, always text: how to name it to ``Quarantine/retry(_:)``.
    public var entry: String
    /// The path below the drop folder under which it was dropped; bytes that aren't UTF-8 are written as `\xNN`.
    public var name: String
    /// The bytes of that path, if they aren't UTF-8.
    public var nameBytes: Data?
    /// The sentence: why it couldn't be taken.
    public var reason: String
    /// When it was put into quarantine.
    public var at: Date
    /// The number of bytes.
    public var size: Int64
    /// Whether `NAME.meta.json` in quarantine is this file's sidecar, which goes where it goes.
    public var hasSidecar: Bool

    var path: DropPath { nameBytes.map { DropPath(bytes: Array($0)) } ?? DropPath(name) }
}

extension QuarantinedFile {
    /// Reads a reason; one that says nothing of a sidecar is of a file without.
    ///
    /// - Parameter decoder: Where to read.
    /// - Throws: What the decoder throws.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        entry = try values.decode(String.self, forKey: .entry)
        name = try values.decode(String.self, forKey: .name)
        nameBytes = try values.decodeIfPresent(Data.self, forKey: .nameBytes)
        reason = try values.decode(String.self, forKey: .reason)
        at = try values.decode(Date.self, forKey: .at)
        size = try values.decode(Int64.self, forKey: .size)
        hasSidecar = try values.decodeIfPresent(Bool.self, forKey: .hasSidecar) ?? false
    }
}

/// The opened `.qstore/quarantine`; all methods block.
struct QuarantineDirectory: Sendable {
    private let directory: Directory
    private let root: Directory

    init(_ directory: Directory, root: Directory) throws {
        self.directory = directory
        self.root = root
    }

    /// Moves a taken file here, with its sidecar.
    ///
    /// The reason is written and synced first, so that no file ever lies here without one.
    ///
    /// - Returns: What the reason says.
    func add(_ taken: TakenEntry, reason: String, at date: Date) throws -> QuarantinedFile {
        let hasSidecar = try taken.sidecarName() != nil
        // Until it is here too, whoever finds the sidecar without its file puts it back where it was dropped; there the
        // file joins it when it is retried.
        if hasSidecar { try taken.release(.sidecar) }
        let file = try add(taken.id, of: taken, named: taken.path, hasSidecar: hasSidecar, reason, date)
        if hasSidecar, let sidecar = try taken.sidecarName() {
            // Where that fails, it is put back like any that has no file here.
            try? taken.directory.move(sidecar.utf8, to: directory, as: Self.sidecar(of: file.entry).utf8)
            try? directory.sync()
        }
        try taken.removeCompanions()
        try taken.directory.sync()
        return file
    }

    /// Moves a companion here whose file was never taken.
    func add(
        _ companion: Companion,
        of taken: TakenEntry,
        reason: String,
        at date: Date
    ) throws -> QuarantinedFile {
        let (name, path) = taken.draftEntry(companion)
        return try add(name, of: taken, named: path, hasSidecar: false, reason, date)
    }

    private func add(
        _ name: String,
        of taken: TakenEntry,
        named path: DropPath,
        hasSidecar: Bool,
        _ reason: String,
        _ date: Date
    ) throws -> QuarantinedFile {
        let size = try taken.directory.status(name.utf8)?.size ?? 0
        var file = QuarantinedFile(
            entry: "",
            name: path.description,
            nameBytes: path.string == nil ? Data(path.bytes) : nil,
            reason: reason,
            at: date,
            size: size,
            hasSidecar: hasSidecar
        )
        file.entry = try reserve(wanted(path), file)
        do {
            try directory.sync()
            try taken.directory.move(name.utf8, to: directory, as: file.entry.utf8)
        } catch {
            try? directory.remove(Self.reason(of: file.entry).utf8)
            throw error
        }
        try directory.sync()
        return file
    }

    func files() throws -> [QuarantinedFile] {
        let names = Set(try directory.textNames())
        return try names.filter { names.contains(Self.reason(of: $0)) }.compactMap(read).sorted {
            ($0.at, $0.entry) < ($1.at, $1.entry)
        }
    }

    func retry(_ entry: String) throws -> DropPath? {
        guard let file = try read(entry), file.path.isPlain else { return nil }
        let parent = try directory(file.path.parent)
        // The sidecar first: a watcher must find it beside the file.
        let sidecar = Self.sidecar(of: entry)
        let sidecarPath = Companion.sidecar.path(of: file.path)
        var hasMovedSidecar = false
        do {
            if file.hasSidecar, try directory.status(sidecar.utf8) != nil {
                try directory.move(sidecar.utf8, to: parent, as: sidecarPath.name)
                hasMovedSidecar = true
            }
            try directory.move(entry.utf8, to: parent, as: file.path.name)
        } catch let error as SystemError {
            if error.errno == ENOENT { return nil }
            // Any other sidecar that lies there is that of a new drop.
            if hasMovedSidecar {
                try? parent.move(sidecarPath.name, to: directory, as: sidecar.utf8)
            }
            guard error.errno == EEXIST else { throw error }
            throw DropFolderError(.nameTaken, file.name, "the drop folder has a new file \"\(file.name)\"")
        }
        try parent.sync()
        try forget(entry)
        return file.path
    }

    func remove(_ entry: String) throws -> Bool {
        guard let file = try read(entry) else { return false }
        try directory.remove(entry.utf8)
        if file.hasSidecar { try directory.remove(Self.sidecar(of: entry).utf8) }
        try forget(entry)
        return true
    }

    private func forget(_ entry: String) throws {
        try directory.sync()
        try directory.remove(Self.reason(of: entry).utf8)
        try directory.sync()
    }

    private func read(_ entry: String) throws -> QuarantinedFile? {
        guard !entry.isEmpty, !entry.utf8.contains(UInt8(ascii: "/")),
            try directory.status(entry.utf8)?.isRegularFile == true,
            try directory.status(Self.reason(of: entry).utf8) != nil
        else { return nil }
        let bytes = try directory.open(Self.reason(of: entry).utf8).read(limit: 1 << 20) ?? []
        let decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .iso8601
        guard var file = try? decoder.decode(QuarantinedFile.self, from: Data(bytes)) else { return nil }
        file.entry = entry
        return file
    }

    /// Makes the reason's file under a name that is free for the file and its sidecar too, and that isn't that of
    /// another file's sidecar.
    private func reserve(_ wanted: String, _ file: QuarantinedFile) throws -> String {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        var number = 1
        while true {
            let entry = number == 1 ? wanted : "\(wanted)~\(number)"
            number += 1
            var named = file
            named.entry = entry
            let sidecar = Self.sidecar(of: entry)
            let about = DropPath(entry).removingSuffix(Self.sidecar(of: ""))?.string
            guard try [entry, sidecar, about].compactMap(\.self).allSatisfy(isFree) else { continue }
            do { try directory.create(Self.reason(of: entry), Array(try encoder.encode(named))) } catch let error
                as SystemError where error.errno == EEXIST
            { continue }
            return entry
        }
    }

    /// Whether nothing lies under a name, or is about to.
    private func isFree(_ entry: String) throws -> Bool {
        try directory.status(entry.utf8) == nil && directory.status(Self.reason(of: entry).utf8) == nil
    }

    /// The last component as text, short enough that what is added to it still makes a file name.
    private func wanted(_ path: DropPath) -> String {
        let text = String(validating: path.name, as: UTF8.self) ?? escaped(path.name)
        var short = text
        while short.utf8.count > 200 { short.removeLast() }
        return short
    }

    /// Opens a directory below the drop folder, making what is missing on the way.
    private func directory(_ path: DropPath) throws -> Directory {
        try path.bytes.split(separator: UInt8(ascii: "/")).reduce(root) { parent, name in
            if withPath(name, { mkdirat(parent.descriptor, $0, 0o777) }) == 0 {
                try parent.sync()
            } else if errno != EEXIST {
                throw SystemError(errno, "mkdirat")
            }
            return try parent.directory(DropPath(bytes: Array(name)))
        }
    }

    private static func reason(of entry: String) -> String { "\(entry).reason.json" }
    private static func sidecar(of entry: String) -> String { "\(entry).meta.json" }
}
