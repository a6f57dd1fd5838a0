internal import CLinux
internal import Glibc

/// The files of `.qstore/owners` in a directory: a token is alive as long as some process holds its file's lock.
///
/// Source: fcntl(2), "Open file description locks": the lock falls with the process, and another descriptor of the same
/// process sees it too.
package struct TokenFolder: Sendable {
    /// The directory that has the private folder: a location, or a drop folder.
    package let root: Directory

    package init(root: Directory) { self.root = root }

    /// Takes a new token; who is handed the file holds the lock as long as it is open.
    package func take() throws -> (token: String, lock: OpenFile) {
        let token = FileName.randomIdentifier()
        guard let lock = try make(token) else { throw SystemError(EEXIST, "linkat") }
        return (token, lock)
    }

    /// Makes a token's file, locked before anybody can see it; nil if there is one.
    private func make(_ token: String) throws -> OpenFile? {
        let owners = try folder(making: true)
        let file = try TemporaryFile.make(in: owners, tag: "owner") { try privateFolder("tmp") }
        let error = clinux_ofd_lock(file.file.descriptor)
        guard error == 0 else { throw SystemError(error, "fcntl") }
        do {
            try file.publish(in: owners, as: token, replacing: false) { owners }
        } catch let error as SystemError where error.errno == EEXIST {
            return nil
        }
        try owners.sync()
        return file.file
    }

    /// Tells whether the process that took a token lives.
    package func isAlive(_ token: String) throws -> Bool {
        guard let file = try open(token) else { return false }
        var isLocked: Int32 = 0
        let error = clinux_ofd_query(file.descriptor, &isLocked)
        guard error == 0 else { throw SystemError(error, "fcntl") }
        return isLocked != 0
    }

    /// Takes the lock of a token whose process is dead; nil if somebody has it.
    package func takeOver(_ token: String) throws -> OpenFile? {
        guard let file = try open(token) else { return try make(token) }
        switch clinux_ofd_lock(file.descriptor) {
        case 0: break
        case EAGAIN, EACCES: return nil
        case let error: throw SystemError(error, "fcntl")
        }
        // Who was faster may have forgotten the token between our opening and our locking.
        return try file.status().links > 0 ? file : nil
    }

    /// Forgets a token, whose lock the caller holds.
    package func forget(_ token: String) throws {
        try folder(making: false).remove(token)
    }

    /// The tokens that have a file.
    package func tokens() throws -> [String] {
        do {
            return try folder(making: false).entries().map(\.name).filter(Place.isIdentifier)
        } catch let error as SystemError where error.errno == ENOENT {
            return []
        }
    }

    private func open(_ token: String) throws -> OpenFile? {
        do {
            return try root.open("\(FileName.privateComponent)/owners/\(token)", O_RDWR, followsLinks: false)
        } catch let error as SystemError where error.errno == ENOENT {
            return nil
        }
    }

    private func folder(making: Bool) throws -> Directory {
        try making
            ? privateFolder("owners")
            : root.directory("\(FileName.privateComponent)/owners", followsLinks: false)
    }

    private func privateFolder(_ name: String) throws -> Directory {
        try root.makingDirectories("\(FileName.privateComponent)/\(name)", mode: 0o700, followsLinks: false).directory
    }
}
