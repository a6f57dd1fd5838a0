internal import CLinux
internal import Glibc
internal import Synchronization

/// A new file that has no public name yet; unless it is published, nothing of it stays behind.
///
/// It has no name at all where the file system can (`O_TMPFILE`), so that even a killed process leaves nothing; else it
/// has one in a private folder.
///
/// Source: open(2), `O_TMPFILE`.
package final class TemporaryFile: Sendable {
    package let file: OpenFile
    private let tag: String?
    /// The private folder and the name in it, while there is one.
    private let entry: Mutex<(directory: Directory, leaf: String)?>

    private init(_ file: OpenFile, tag: String?, _ directory: Directory?, _ leaf: String) {
        self.tag = tag
        self.file = file
        entry = Mutex(directory.map { ($0, leaf) })
    }

    deinit { discard() }

    /// Removes the private name, if there is one still.
    ///
    /// Letting the file go does it too, but nobody knows when that is.
    package func discard() {
        entry.withLock { entry in
            if let (directory, leaf) = entry { _ = try? directory.remove(leaf) }
            entry = nil
        }
    }

    /// Makes a file in a directory.
    ///
    /// - Parameters:
    ///   - directory: Where it will be published, so that its blocks come from the right file system.
    ///   - tag: What its name carries if it needs one.
    ///   - named: Whether to give it a name even where none is needed.
    ///   - home: Opens the private folder for names.
    /// - Returns: The file, empty and open for reading and writing, mode 0600; unnamed where the file system allows it.
    /// - Throws: ``SystemError`` of `openat`, or what `home` throws.
    package static func make(
        in directory: Directory,
        tag: String?,
        named: Bool = false,
        home: () throws -> Directory
    ) throws -> TemporaryFile {
        if !named {
            do {
                let file = try directory.open("", O_RDWR | clinux_O_TMPFILE, mode: 0o600)
                return TemporaryFile(file, tag: tag, nil, "")
            } catch let error as SystemError where [EOPNOTSUPP, EISDIR, EINVAL, ENOENT].contains(error.errno) {
                // Falls through to a name.
            }
        }
        let home = try home()
        let leaf = leaf(tag)
        return TemporaryFile(
            try home.open(leaf, O_RDWR | O_CREAT | O_EXCL, mode: 0o600),
            tag: tag,
            home,
            leaf
        )
    }

    /// A name in the private folder that nobody else takes.
    package static func leaf(_ tag: String?) -> String {
        let tag = (tag ?? "").utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                byte
            default: UInt8(ascii: "_")
            }
        }
        return "tmp-" + String(decoding: tag.prefix(200), as: UTF8.self) + "-" + FileName.randomIdentifier()
    }

    /// Gives the file its public name, in one step.
    ///
    /// - Parameters:
    ///   - directory: Where the name is; of the file system that the file was made in.
    ///   - leaf: The name.
    ///   - replacing: Whether a file of that name gives way.
    ///   - home: Opens the private folder for names.
    /// - Throws: ``SystemError`` of `linkat` or `renameat2`; with `EEXIST` if the name is taken and may not give way.
    package func publish(
        in directory: Directory,
        as leaf: String,
        replacing: Bool,
        home: () throws -> Directory
    ) throws {
        try entry.withLock { entry in
            if entry == nil {
                if clinux_link_descriptor(file.descriptor, directory.file.descriptor, leaf) == 0 { return }
                guard errno == EEXIST, replacing else { throw SystemError(errno, "linkat") }
                // A link can't replace, a rename can; so the file needs a name to be renamed from.
                let home = try home()
                let name = Self.leaf(tag)
                guard clinux_link_descriptor(file.descriptor, home.file.descriptor, name) == 0 else {
                    throw SystemError(errno, "linkat")
                }
                entry = (home, name)
            }
            if let (home, name) = entry {
                try home.rename(name, to: directory, leaf, replacing: replacing)
                entry = nil
            }
        }
    }
}
