import FoundationEssentials
import Glibc
import QueuedStorageCore
import Synchronization

/// Counts the steps of a run, and stops the process dead, or pauses it, before one of them.
final class Steps: Sendable {
    private let count = Mutex(0)
    private let target: Int
    private let pauses: Bool

    init(target: Int, pauses: Bool) {
        self.target = target
        self.pauses = pauses
    }

    /// Passes a step: a point at which the process may die, or another may come in between.
    func pass(_ name: String) {
        let number = count.withLock { count in
            count += 1
            return count
        }
        guard number == target else { return }
        if pauses {
            say("paused before \(name)")
            _ = readLine()
        } else {
            kill(getpid(), SIGKILL)
        }
    }

    /// How many steps there were.
    var total: Int { count.withLock { $0 } }
}

/// Writes a line that the parent reads at once.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

/// A local storage that passes a step before each act that changes something.
struct SteppingLocal: LocalStorage, LocalPathStorage {
    let base: FileSystemStorage
    let steps: Steps

    func stage(_ content: FileContent, computesSHA256: Bool) async throws -> StagedFile {
        steps.pass("stage")
        let staged = try await base.stage(content, computesSHA256: computesSHA256)
        steps.pass("the commit")
        return staged
    }

    func stage(_ taken: TakenFile) async throws -> StagedFile {
        steps.pass("stage of a taken file")
        let staged = try await base.stage(taken)
        steps.pass("the commit")
        return staged
    }

    func discard(_ place: String) throws {
        steps.pass("discard")
        try base.discard(place)
    }

    func place(_ place: String, as name: String, replacing: Bool) throws -> Bool {
        steps.pass("place")
        let placed = try base.place(place, as: name, replacing: replacing)
        steps.pass("what follows place")
        return placed
    }

    func sync(names: [String], places: [String]) throws {
        steps.pass("sync")
        try base.sync(names: names, places: places)
        steps.pass("settle")
    }

    func removeCopy(_ name: String, place: String?) throws {
        steps.pass("removeCopy")
        try base.removeCopy(name, place: place)
        steps.pass("what follows removeCopy")
    }

    func emptyTrash() throws { try base.emptyTrash() }
    func identity() throws -> String { try base.identity() }
    func owner() throws -> String? { try base.owner() }
    func setOwner(_ owner: String, replacing: Bool) throws -> Bool {
        try base.setOwner(owner, replacing: replacing)
    }
    func token() throws -> String { try base.token() }
    func content(of name: String, place: String?) throws -> FileContent { try base.content(of: name, place: place) }
    func isAlive(_ token: String) throws -> Bool { try base.isAlive(token) }
    func isOwnerAlive(ofPlace place: String) throws -> Bool { try base.isOwnerAlive(ofPlace: place) }
    func deadTokens() throws -> [String] { try base.deadTokens() }
    func takeOver(_ token: String) throws -> DeadToken? { try base.takeOver(token) }
    func register(_ folder: DropFolderRegistration) throws { try base.register(folder) }
    func path(_ name: String) throws -> String { try base.path(name) }
    var fingerprint: String { base.fingerprint }
    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await base.open(name, range: range)
    }
    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await base.store(content, as: name, options: options)
    }
    func delete(_ name: String) async throws { try await base.delete(name) }
    func exists(_ name: String) async throws -> Bool { try await base.exists(name) }
    func list(_ directory: String) async throws -> DirectoryListing { try await base.list(directory) }
    func size(_ name: String) async throws -> Int64 { try await base.size(name) }
    func url(_ name: String) async throws -> String { try await base.url(name) }
    func accessedAt(_ name: String) async throws -> Date { try await base.accessedAt(name) }
    func createdAt(_ name: String) async throws -> Date { try await base.createdAt(name) }
    func modifiedAt(_ name: String) async throws -> Date { try await base.modifiedAt(name) }
}

/// A remote that passes a step before and after each act that changes something.
struct SteppingRemote: ExclusiveStorage, DurableStorage, LocalPathStorage {
    let base: FileSystemStorage
    let steps: Steps
    /// Where each store leaves a line: its name.
    let log: String

    var fingerprint: String { base.fingerprint }
    func path(_ name: String) throws -> String { try base.path(name) }
    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        steps.pass("store on the remote")
        let stored = try await base.store(content, as: name, options: options)
        let line = Array((stored.name + "\n").utf8)
        let descriptor = Glibc.open(log, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        _ = write(descriptor, line, line.count)
        close(descriptor)
        steps.pass("what follows store on the remote")
        return stored
    }
    func delete(_ name: String) async throws {
        steps.pass("delete on the remote")
        try await base.delete(name)
        steps.pass("what follows delete on the remote")
    }
    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await base.open(name, range: range)
    }
    func exists(_ name: String) async throws -> Bool { try await base.exists(name) }
    func list(_ directory: String) async throws -> DirectoryListing { try await base.list(directory) }
    func size(_ name: String) async throws -> Int64 { try await base.size(name) }
    func url(_ name: String) async throws -> String { try await base.url(name) }
    func accessedAt(_ name: String) async throws -> Date { try await base.accessedAt(name) }
    func createdAt(_ name: String) async throws -> Date { try await base.createdAt(name) }
    func modifiedAt(_ name: String) async throws -> Date { try await base.modifiedAt(name) }
}
