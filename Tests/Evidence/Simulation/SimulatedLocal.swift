import Foundation
import QueuedStorageCore

/// The local storage, as one process has it open.
final class SimulatedLocal: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let process: SimulatedProcess
    private var ownToken: String?
    private var disk: SimulatedDisk { process.world.disk }

    init(_ process: SimulatedProcess) { self.process = process }

    /// Lets go of the lock, as the kernel does for the dead.
    func end() { if let ownToken { disk.aliveTokens.remove(ownToken) } }

    private func mayFail(_ act: String, _ name: String) throws {
        try process.check()
        let weather = process.world.weather
        guard process.world.simulator.happens(weather.diskFails) else { return }
        process.world.note("\(process.name) local \(act) \(name) fails")
        throw StorageError(.failed, name: name, "\(act) \"\(name)\": input/output error")
    }

    private func changed(_ act: String) {
        process.world.note("\(process.name) local \(act)")
        process.world.look()
    }
}

// MARK: - As any storage

extension SimulatedLocal: Storage {
    var fingerprint: String { "simulated:\(disk.identity)" }

    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        try await process.point("open \(name)")
        try mayFail("open", name)
        return FileReader(cut(try disk.bytes(of: name), to: range))
    }

    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        let bytes = try await content.reader().collect()
        try await process.point("store \(name)")
        try mayFail("store", name)
        try disk.put(bytes, as: name, replacing: options.replaces)
        changed("store \(name)")
        return StoredObject(name: name, size: Int64(bytes.count))
    }

    func delete(_ name: String) async throws {
        try await process.point("delete \(name)")
        try mayFail("delete", name)
        if disk.directories.contains(name) {
            throw StorageError(.isDirectory, name: name, "\"\(name)\" is a directory")
        }
        disk.files[name] = nil
        changed("delete \(name)")
    }

    func exists(_ name: String) async throws -> Bool {
        try await process.point("exists \(name)")
        try mayFail("look for", name)
        return disk.files[name] != nil || disk.directories.contains(name)
    }

    func list(_ directory: String) async throws -> DirectoryListing {
        try await process.point("list \(directory)")
        try mayFail("list", directory)
        return try disk.list(directory)
    }

    func size(_ name: String) async throws -> Int64 {
        try await process.point("size \(name)")
        try mayFail("look at", name)
        return Int64(try disk.bytes(of: name).count)
    }

    func url(_ name: String) async throws -> String { "simulated:\(name)" }
    func accessedAt(_ name: String) async throws -> Date { process.world.wallClock }
    func createdAt(_ name: String) async throws -> Date { process.world.wallClock }
    func modifiedAt(_ name: String) async throws -> Date { process.world.wallClock }
}

func cut(_ bytes: [UInt8], to range: Range<Int64>?) -> [UInt8] {
    guard let wanted = range?.clamped(to: 0..<Int64(bytes.count)) else { return bytes }
    return Array(bytes[Int(wanted.lowerBound)..<Int(wanted.upperBound)])
}

// MARK: - As a local storage

extension SimulatedLocal: LocalStorage {
    func identity() throws -> String {
        try process.check()
        return disk.identity
    }

    func owner() throws -> String? {
        try process.check()
        return disk.owner
    }

    func setOwner(_ owner: String, replacing: Bool) throws -> Bool {
        try process.check()
        guard disk.owner == nil || replacing else { return false }
        disk.owner = owner
        return true
    }

    func token() throws -> String {
        try process.check()
        if let ownToken { return ownToken }
        let token = FileName.randomIdentifier()
        ownToken = token
        disk.aliveTokens.insert(token)
        disk.tokens.insert(token)
        process.world.note("\(process.name) has the token \(token.prefix(6))")
        return token
    }

    func stage(_ content: FileContent, computesSHA256: Bool) async throws -> StagedFile {
        let bytes = try await content.reader().collect()
        try await process.point("stage")
        try mayFail("stage", "a file")
        if process.world.simulator.happens(process.world.weather.diskIsFull) {
            throw StorageError(.full, "no space is left")
        }
        let place = "staging/\(try token())/\(FileName.randomIdentifier())"
        disk.staged[place] = bytes
        changed("stage \(bytes.count) bytes at \(short(place))")
        try await process.point("staged")
        var hash = FileHash()
        hash.update(bytes)
        return StagedFile(place: place, size: Int64(bytes.count), sha256: computesSHA256 ? hash.value : nil)
    }

    func stage(_ taken: TakenFile) async throws -> StagedFile {
        try await stage(FileContent(.open(taken.file)), computesSHA256: true)
    }

    func discard(_ place: String) throws {
        try mayFail("discard", place)
        disk.staged[place] = nil
        changed("discard \(short(place))")
    }

    func place(_ place: String, as name: String, replacing: Bool) throws -> Bool {
        try mayFail("place", name)
        guard let bytes = disk.staged[place] else { return false }
        try disk.put(bytes, as: name, replacing: replacing)
        disk.staged[place] = nil
        changed("place \(short(place)) as \(name)\(replacing ? ", replacing" : "")")
        return true
    }

    func sync(names: [String], places: [String]) throws { try mayFail("sync", names.first ?? "") }

    func removeCopy(_ name: String, place: String?) throws {
        try mayFail("remove", name)
        if let place { disk.staged[place] = nil }
        if disk.directories.contains(name) {
            throw StorageError(.isDirectory, name: name, "\"\(name)\" is a directory")
        }
        disk.files[name] = nil
        changed("remove \(name)")
    }

    func emptyTrash() throws { try process.check() }

    func content(of name: String, place: String?) throws -> FileContent {
        try mayFail("read", name)
        if let place, let bytes = disk.staged[place] { return .bytes(bytes) }
        return .bytes(try disk.bytes(of: name))
    }

    func isAlive(_ token: String) throws -> Bool {
        try process.check()
        return process.world.mutant != .takesOverTheLiving && disk.aliveTokens.contains(token)
    }

    func isOwnerAlive(ofPlace place: String) throws -> Bool {
        try isAlive(String(place.split(separator: "/")[1]))
    }

    func deadTokens() throws -> [String] {
        try process.check()
        return try disk.tokens.filter { try $0 != ownToken && !isAlive($0) && !disk.takenOver.contains($0) }.sorted()
    }

    func takeOver(_ token: String) throws -> DeadToken? {
        try process.check()
        guard disk.tokens.contains(token), try !isAlive(token), disk.takenOver.insert(token).inserted else {
            return nil
        }
        let places = disk.staged.keys.filter { $0.hasPrefix("staging/\(token)/") }.sorted()
        let (process, disk) = (process, disk)
        return DeadToken(token: token, places: places, lock: HeldLock { disk.takenOver.remove(token) }) {
            try process.check()
            disk.tokens.remove(token)
        }
    }

    func register(_ folder: DropFolderRegistration) throws {}
}

/// A lock that falls when nobody holds it any more.
private final class HeldLock: @unchecked Sendable /* the simulator's thread alone touches it */ {
    private let fall: () -> Void
    init(_ fall: @escaping () -> Void) { self.fall = fall }
    deinit { fall() }
}

/// A place, short enough to be read.
func short(_ place: String) -> String {
    place.split(separator: "/").map { $0.prefix(7) }.joined(separator: "/")
}
