import FoundationEssentials
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite

/// Looks whether what is declared is there, can be used, and stays out of each other's way; changes nothing.
struct ConfigurationCheck: Sendable {
    let declarations: Declarations
    /// A drop folder that no configuration declares, or not for this command alone.
    let inbox: String?

    init(_ declarations: Declarations, inbox: String? = nil) {
        self.declarations = declarations
        self.inbox = inbox
    }

    /// Looks at directories; blocks.
    ///
    /// - Parameter known: The storages that the database knows: their remotes may be away, as a disk that isn't mounted,
    ///   and their transfers wait then.
    /// - Throws: ``CommandFailure`` for the first thing to be mended.
    func run(known: [StorageRegistration] = []) throws {
        let origin = Origin(text: declarations.file.map { "\($0): database" } ?? "database")
        let directory = FileName.split(declarations.database).directory
        try mustBeUsable(directory, "the directory of the database", origin)
        try refuseOneAliasTwice()
        for storage in declarations.storages {
            try mustBeUsable(storage.local, "the local directory", storage.localOrigin)
            guard let remote = storage.remote.directory else { continue }
            do {
                try mustBeUsable(remote, "the remote directory", storage.remoteOrigin)
            } catch {
                let fingerprint = try storage.remote.make(nil).fingerprint
                guard known.contains(where: { $0.alias == storage.alias && $0.remoteFingerprint == fingerprint }) else {
                    throw error
                }
                Console.shared.note(
                    "the remote directory \"\(Text.escaped(remote))\" can't be used now: its transfers wait until it can"
                )
            }
        }
        for folder in declarations.dropFolders { try mustBeUsable(folder.path, "the drop folder", folder.origin) }
        try refuseOverlaps()
        try checkOptions()
    }

    /// Refuses directories that are one, or of which one lies in the other, and a database that lies in one of them;
    /// blocks.
    ///
    /// - Throws: ``CommandFailure`` or `StorageError` for the first two that get in each other's way.
    func refuseOverlaps() throws {
        let origin = Origin(text: declarations.file.map { "\($0): database" } ?? "database")
        let directory = FileName.split(declarations.database).directory
        var places: [(path: String, role: String)] = []
        for storage in declarations.storages {
            places.append((storage.local, "local directory of \(storage.alias)"))
            if let remote = storage.remote.directory { places.append((remote, "remote directory of \(storage.alias)")) }
        }
        for folder in declarations.dropFolders {
            // It may be the inbox itself, by whatever path.
            if let inbox, Overlap.relation(inbox, folder.path) == .same { continue }
            places.append((folder.path, "drop folder \(folder.alias)"))
        }
        if let inbox { places.append((inbox, "drop folder")) }
        for (index, place) in places.enumerated() {
            for other in places[..<index] { try Overlap.refuse(other.path, place.path, other.role, place.role) }
            // The database itself may not be there yet: its directory may hold the others, but not lie in one.
            if Self.isIn(directory, place.path) {
                throw origin.failure(
                    "the database \"\(Text.escaped(declarations.database))\" lies in the \(place.role) "
                        + "\"\(Text.escaped(place.path))\": each needs a place of its own"
                )
            }
        }
    }

    private func refuseOneAliasTwice() throws {
        var paths: Set<String> = []
        for folder in declarations.dropFolders where !paths.insert(folder.path).inserted {
            throw folder.origin.failure("\"\(Text.escaped(folder.path))\" is a drop folder already")
        }
    }

    /// Lets the storages themselves judge what the configuration and the environment say.
    private func checkOptions() throws {
        for storage in declarations.storages {
            do {
                _ = try storage.options.resolved(
                    alias: storage.alias,
                    environment: ProcessInfo.processInfo.environment
                )
            } catch {
                throw storage.origin.failure("\(error)")
            }
        }
    }

    private func mustBeUsable(_ path: String, _ role: String, _ origin: Origin) throws {
        try Directories.mustExist(path, role, origin)
        guard access(path, R_OK | W_OK | X_OK) == 0 else {
            throw origin.failure(
                "\(role) \"\(Text.escaped(path))\" can't be read and written by this user: \(String(cString: strerror(errno)))"
            )
        }
    }

    private static func isIn(_ path: String, _ directory: String) -> Bool {
        guard let one = realpath(path, nil), let other = realpath(directory, nil) else { return false }
        defer {
            free(one)
            free(other)
        }
        let (inner, outer) = (String(cString: one), String(cString: other))
        return inner == outer || inner.utf8.starts(with: (outer == "/" ? outer : outer + "/").utf8)
    }

    /// The storages that the database knows, if there is one already.
    func knownStorages() async throws -> [StorageRegistration] {
        let path = declarations.database
        guard access(path, F_OK) == 0 else { return [] }
        return try await blocking { try SQLiteCatalog(path: path, creates: false) }.storages()
    }

    /// Compares the declarations with what the database knows.
    func compare(with known: [StorageRegistration]) throws {
        for known in known {
            guard let storage = declarations.storages.first(where: { $0.alias == known.alias }) else {
                Console.shared.note("the database knows a storage \"\(known.alias)\", which isn't declared")
                continue
            }
            let fingerprint = try storage.remote.make(nil).fingerprint
            guard fingerprint == known.remoteFingerprint else {
                throw storage.origin.failure(
                    "the remote is \"\(Text.escaped(fingerprint))\", where the database knows "
                        + "\"\(Text.escaped(known.remoteFingerprint))\": name the right one, or say --moved once if its files moved there"
                )
            }
        }
    }

    /// What each storage and drop folder is, a line each.
    var description: [String] {
        var lines = ["database \(Text.escaped(declarations.database))"]
        for storage in declarations.storages {
            let when = storage.isDelayed ? "when asked" : "at once"
            let keeps = storage.task == .transfer ? "and stay in" : "and then leave"
            lines.append(
                "storage \(storage.alias): files go \(when) to \(Text.escaped(storage.remote.address)) \(keeps) \(Text.escaped(storage.local))"
            )
        }
        for folder in declarations.dropFolders {
            lines.append(
                "drop folder \(folder.alias): \(Text.escaped(folder.path)), into \(folder.storage) (\(folder.options.mode))"
            )
        }
        return lines + ["fine"]
    }
}
