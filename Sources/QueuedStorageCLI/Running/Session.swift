import FoundationEssentials
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite

/// An opened database, and the storages that were declared, ready for use.
struct Session: Sendable {
    let declarations: Declarations
    let catalog: any Catalog
    private(set) var storages: [QueuedStorage] = []

    /// Opens the database alone; a missing one is an error.
    static func catalog(_ declarations: Declarations) async throws -> Session {
        try await Session(declarations: declarations, catalog: openCatalog(declarations, creates: false))
    }

    /// Opens the database and all storages.
    ///
    /// - Parameters:
    ///   - declarations: What was declared.
    ///   - creates: Whether to make a database if there is none.
    ///   - acceptingMove: Whether other directories than those the database knows are right.
    ///   - inbox: A drop folder besides the declared ones, which must be apart from all directories and the database.
    /// - Returns: The session.
    /// - Throws: ``CommandFailure`` if something isn't there, or not what the database knows.
    static func storages(
        _ declarations: Declarations,
        creates: Bool,
        acceptingMove: Bool,
        inbox: String? = nil
    ) async throws -> Session {
        for storage in declarations.storages {
            try Directories.mustExist(storage.local, "the local directory", storage.localOrigin)
        }
        try Directories.mustExist(
            FileName.split(declarations.database).directory,
            "the directory of the database",
            Origin(text: declarations.file.map { "\($0): database" } ?? "--database")
        )
        let check = ConfigurationCheck(declarations, inbox: inbox)
        try await blocking { try check.refuseOverlaps() }
        if creates { try await refuseForeignRemotes(declarations) }
        var session = try await Session(
            declarations: declarations,
            catalog: openCatalog(declarations, creates: creates)
        )
        try await session.open(acceptingMove: acceptingMove)
        return session
    }

    /// Looks for missing remotes before a database is made.
    private static func refuseForeignRemotes(_ declarations: Declarations) async throws {
        guard access(declarations.database, F_OK) != 0 else { return }
        for storage in declarations.storages {
            guard let remote = storage.remote.directory else { continue }
            try Directories.mustExist(remote, "the remote directory", storage.remoteOrigin)
        }
    }

    private static func openCatalog(_ declarations: Declarations, creates: Bool) async throws -> any Catalog {
        let path = declarations.database
        do {
            return try await blocking { try SQLiteCatalog(path: path, creates: creates) }
        } catch let error as CatalogError where error.code == .missing {
            throw CommandFailure(
                .configuration,
                "there is no database \"\(Text.escaped(path))\": check the path; qstore watch, run and save make one"
            )
        } catch let error as CatalogError where error.code == .unavailable {
            // Permissions, a directory in its place, a file system that can't: nothing that waiting mends.
            throw CommandFailure(.configuration, "\(error)")
        }
    }

    private mutating func open(acceptingMove: Bool) async throws {
        let known = try await catalog.storages()
        for declaration in declarations.storages {
            try refuseOverlap(declaration)
            let storage = try Self.storage(declaration, catalog: catalog, acceptingMove: acceptingMove)
            if let remote = declaration.remote.directory {
                // The remote of a storage that was used before may be away, as a disk that isn't mounted; its transfers
                // wait. To make the directory in its place would be wrong then.
                let isKnown = known.contains {
                    $0.alias == storage.alias && $0.remoteFingerprint == storage.remote.fingerprint
                }
                if !isKnown { try Directories.mustExist(remote, "the remote directory", declaration.remoteOrigin) }
            }
            do {
                try await storage.start()
            } catch let error as CatalogError where error.code == .wrongLocation {
                throw CommandFailure(
                    .configuration,
                    "the local directory \"\(Text.escaped(declaration.local))\" isn't the one that the database knows for the storage "
                        + "\"\(storage.alias)\": name the right one, or say --moved if its files moved there"
                )
            } catch let error as CatalogError where error.code == .wrongRemote {
                let before = known.first { $0.alias == storage.alias }?.remoteFingerprint ?? "another one"
                throw CommandFailure(
                    .configuration,
                    "the remote of the storage \"\(storage.alias)\" is \"\(Text.escaped(storage.remote.fingerprint))\", where the database "
                        + "knows \"\(Text.escaped(before))\": name the right one, or say --moved if its files moved there"
                )
            }
            storages.append(storage)
        }
    }

    private func refuseOverlap(_ declaration: StorageDeclaration) throws {
        for path in catalog.occupiedPaths {
            try Overlap.refuse(path, declaration.local, "database", "local directory")
            if let remote = declaration.remote.directory {
                try Overlap.refuse(path, remote, "database", "remote directory")
            }
        }
    }

    private static func storage(
        _ declaration: StorageDeclaration,
        catalog: any Catalog,
        acceptingMove: Bool
    ) throws -> QueuedStorage {
        let local = FileSystemStorage(
            location: declaration.local,
            baseURL: declaration.localBaseURL ?? fileURL(declaration.local),
            createsLocation: false
        )
        return try QueuedStorage(
            declaration.alias,
            local: local,
            remote: try declaration.remote.make(declaration.baseURL),
            catalog: catalog,
            delayed: declaration.isDelayed,
            task: declaration.task.task,
            options: declaration.options,
            acceptingMove: acceptingMove,
            logger: Logger(label: "QueuedStorage")
        )
    }

    // MARK: Which storage

    /// The alias that a command means.
    ///
    /// - Parameter named: What `--storage` says.
    /// - Returns: The alias.
    /// - Throws: ``CommandFailure`` if none or more than one is meant.
    func alias(_ named: String?) async throws -> String {
        let declared = declarations.storages.map(\.alias)
        if let named {
            if declarations.file != nil, !declared.contains(named) {
                throw CommandFailure(
                    .usage,
                    "no storage \"\(Text.escaped(named))\" is declared; declared are \(declared.joined(separator: ", "))"
                )
            }
            return named
        }
        if declarations.storages.isEmpty { return try await onlyAlias() }
        guard declared.count == 1 else {
            throw CommandFailure(.usage, "which storage? Say --storage with one of \(declared.joined(separator: ", "))")
        }
        return declared[0]
    }

    /// Of a database without a configuration: `default`, or the only storage that it has.
    private func onlyAlias() async throws -> String {
        let known = try await catalog.storages().map(\.alias)
        if known.contains(defaultAlias) || known.isEmpty { return defaultAlias }
        guard known.count == 1 else {
            throw CommandFailure(.usage, "which storage? Say --storage with one of \(known.joined(separator: ", "))")
        }
        return known[0]
    }

    /// The storage that a command means.
    func storage(_ named: String?) async throws -> QueuedStorage {
        let alias = try await alias(named)
        guard let storage = storages.first(where: { $0.alias == alias }) else {
            throw CommandFailure(.usage, "no storage \"\(Text.escaped(alias))\" is declared")
        }
        return storage
    }

    /// The names of the transfer tasks that workers of these declarations know, per alias.
    func knownTasks() async throws -> [String: Set<String>] {
        let aliases =
            declarations.file == nil ? try await catalog.storages().map(\.alias) : declarations.storages.map(\.alias)
        return Dictionary(aliases.map { ($0, Set(TaskName.allCases.map(\.rawValue))) }) { first, _ in first }
    }
}

/// Looks at directories that must be there already.
enum Directories {
    /// Refuses a directory that isn't there, with what to type.
    static func mustExist(_ path: String, _ role: String, _ origin: Origin) throws {
        var status = stat()
        guard stat(path, &status) == 0 else {
            guard errno == ENOENT || errno == ENOTDIR else {
                throw origin.failure(
                    "\(role) \"\(Text.escaped(path))\" can't be used: \(String(cString: strerror(errno)))"
                )
            }
            throw origin.failure(
                "\(role) \"\(Text.escaped(path))\" isn't there; if it is to be new: mkdir -p \(Text.shellQuoted(path))"
            )
        }
        guard FileStatus(status).isDirectory else {
            throw origin.failure("\(role) \"\(Text.escaped(path))\" isn't a directory")
        }
    }
}
