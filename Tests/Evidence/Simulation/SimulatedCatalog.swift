import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite

/// The real catalog, as one process has it open: each call may wait, fail, or be the process's last.
final class SimulatedCatalog: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let process: SimulatedProcess
    let base: SQLiteCatalog
    var world: World { process.world }

    init(_ process: SimulatedProcess) throws {
        self.process = process
        base = try SQLiteCatalog(process.world.pool, seams: Self.seams(process)) { process.world.wallClock }
    }

    /// Calls the catalog, between two points.
    func ask<Answer: Sendable>(
        _ what: @autoclosure () -> String,
        _ call: @Sendable (SQLiteCatalog) async throws -> Answer
    ) async throws -> Answer {
        try await process.point("catalog \(what())")
        if world.simulator.happens(world.weather.catalogIsBusy) {
            world.note("\(process.name) catalog \(what()): busy")
            throw CatalogError(.busy, "the catalog is locked")
        }
        do {
            let answer = try await call(base)
            world.note("\(process.name) catalog \(what())")
            try await process.point("after catalog \(what())")
            return answer
        } catch {
            world.note("\(process.name) catalog \(what()): \(error)")
            try process.check()
            throw error
        }
    }

    /// Commits as the weather lets it, and has each commit looked at.
    private static func seams(_ process: SimulatedProcess) -> CommitSeams {
        let world = process.world
        return CommitSeams(
            commit: { db in
                try process.check()
                world.strike(process, "commit")
                try process.check()
                if world.simulator.happens(world.weather.commitFails) {
                    throw DatabaseError(resultCode: .SQLITE_IOERR, message: "simulated")
                }
                let isSilent = world.simulator.happens(world.weather.commitIsSilent)
                if isSilent, world.simulator.happens(0.5) {
                    try db.rollback()
                } else {
                    try db.commit()
                    world.committed(db, by: process)
                }
                if isSilent { throw DatabaseError(resultCode: .SQLITE_IOERR, message: "simulated") }
            },
            reopen: { path in
                if world.simulator.happens(0.5) {
                    throw DatabaseError(resultCode: .SQLITE_CANTOPEN, message: "simulated")
                }
                return try DatabaseQueue(path: path)
            },
            perform: { process.perform($0) }
        )
    }
}

extension SimulatedCatalog: Catalog {
    var occupiedPaths: [String] { [] }

    var changes: AsyncStream<Void> { process.changes }

    func identity() async throws -> String { try await ask("identity") { try await $0.identity() } }

    func register(_ storage: StorageRegistration, acceptingMove: Bool) async throws {
        try await ask("register") { try await $0.register(storage, acceptingMove: acceptingMove) }
    }

    func storages() async throws -> [StorageRegistration] { try await ask("storages") { try await $0.storages() } }

    func setPaused(_ isPaused: Bool, storage: String) async throws {
        try await ask("setPaused") { try await $0.setPaused(isPaused, storage: storage) }
    }

    func register(_ folder: DropFolderRegistration) async throws {
        try await ask("register") { try await $0.register(folder) }
    }

    func dropFolders() async throws -> [DropFolderRegistration] {
        try await ask("dropFolders") { try await $0.dropFolders() }
    }

    func record(_ file: NewFile) async throws -> StoredFile {
        try await ask("record \(file.name)") { try await $0.record(file) }
    }

    func file(_ name: String, in storage: String) async throws -> StoredFile? {
        try await ask("file \(name)") { try await $0.file(name, in: storage) }
    }

    func file(id: Int64) async throws -> StoredFile? { try await ask("file \(id)") { try await $0.file(id: id) } }

    func deletedFile(_ name: String, in storage: String) async throws -> StoredFile? {
        try await ask("deletedFile \(name)") { try await $0.deletedFile(name, in: storage) }
    }

    func rename(_ file: StoredFile, to name: String) async throws -> StoredFile? {
        try await ask("rename \(file.name) to \(name)") { try await $0.rename(file, to: name) }
    }

    func place(_ file: StoredFile, _ act: @escaping @Sendable () throws -> Void) async throws -> Bool {
        try await ask("place \(file.name)") { try await $0.place(file, act) }
    }

    func settle(_ files: [StoredFile]) async throws {
        try await ask("settle \(files.map(\.name))") { try await $0.settle(files) }
    }

    func unsettled(in storage: String) async throws -> [StoredFile] {
        try await ask("unsettled") { try await $0.unsettled(in: storage) }
    }

    func deletedNames(_ names: [String], in storage: String) async throws -> [String] {
        try await ask("deletedNames") { try await $0.deletedNames(names, in: storage) }
    }

    func remoteNames(_ names: [String], in storage: String) async throws -> [String] {
        try await ask("remoteNames") { try await $0.remoteNames(names, in: storage) }
    }

    func named(places: [String], in storage: String) async throws -> Set<String> {
        try await ask("named") { try await $0.named(places: places, in: storage) }
    }

    func recorded(takenEntries entries: [String]) async throws -> [CopiedEntry] {
        try await ask("recorded") { try await $0.recorded(takenEntries: entries) }
    }

    func forget(takenEntries entries: [String]) async throws {
        try await ask("forget") { try await $0.forget(takenEntries: entries) }
    }

    func delete(_ name: String, in storage: String) async throws -> StoredFile? {
        try await ask("delete \(name)") { try await $0.delete(name, in: storage) }
    }

    func removeLocal(
        _ file: StoredFile,
        _ act: @escaping @Sendable (StoredFile) throws -> Void
    ) async throws -> Bool {
        try await ask("removeLocal \(file.name)") { try await $0.removeLocal(file, act) }
    }

    func deleteForeign(
        _ name: String,
        in storage: String,
        lease: Lease,
        _ act: @escaping @Sendable () throws -> Void
    ) async throws -> TransferJob? {
        try await ask("deleteForeign \(name)") { try await $0.deleteForeign(name, in: storage, lease: lease, act) }
    }

    func lastFileID() async throws -> Int64 { try await ask("lastFileID") { try await $0.lastFileID() } }

    func counts() async throws -> [StorageCounts] { try await ask("counts") { try await $0.counts() } }

    func files(_ query: FileQuery) async throws -> [StoredFile] {
        try await ask("files") { try await $0.files(query) }
    }

    func names(in storage: String, below directory: String, after: String?, limit: Int) async throws -> [String] {
        try await ask("names") { try await $0.names(in: storage, below: directory, after: after, limit: limit) }
    }

    func unclaimable(tasks: [String: Set<String>]) async throws -> [UnclaimableJobs] {
        try await ask("unclaimable") { try await $0.unclaimable(tasks: tasks) }
    }

    func events(after id: Int64, limit: Int) async throws -> [StorageEvent] {
        try await ask("events") { try await $0.events(after: id, limit: limit) }
    }

    func lastEventID() async throws -> Int64 { try await ask("lastEventID") { try await $0.lastEventID() } }

    func trimEvents(before: Date) async throws {
        try await ask("trimEvents") { try await $0.trimEvents(before: before) }
    }
}
