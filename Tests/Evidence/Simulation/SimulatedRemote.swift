import Foundation
import QueuedStorageCore

/// The remote, as one process reaches it: slow, away, forgetful, and now and then a liar.
final class SimulatedRemote: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let process: SimulatedProcess
    private var world: World { process.world }
    private var server: RemoteServer { process.world.server }

    init(_ process: SimulatedProcess) { self.process = process }

    /// Sends a request, and waits for the answer.
    private func request<Answer: Sendable>(
        _ what: String,
        _ act: @Sendable () throws -> Answer
    ) async throws -> Answer {
        try await process.point("remote \(what)")
        let weather = world.weather
        try await travel()
        guard world.simulator.now >= server.isBackAt else {
            throw StorageError(.offline, "the remote can't be reached")
        }
        if world.simulator.happens(weather.requestFails) {
            world.note("\(process.name) remote \(what): refused")
            let code = world.simulator.pick([StorageError.Code.failed, .timedOut, .throttled, .offline])
            throw StorageError(code, "the remote doesn't do it now: \(what)")
        }
        if world.simulator.happens(weather.requestHangs) {
            world.note("\(process.name) remote \(what): hangs")
            try await world.simulator.sleep(world.simulator.pick(1...1_000) * 1_000_000)
        }
        try process.check()
        world.note("\(process.name) remote \(what)")
        var answer = Result { try act() }
        if world.simulator.happens(weather.requestIsDoubled) {
            world.note("\(process.name) remote \(what), once more")
            answer = Result { try act() }
        }
        try await travel()
        await process.waitWhilePaused()
        try process.check()
        if world.simulator.happens(weather.replyIsLost) {
            world.note("\(process.name) remote \(what): the reply is lost")
            throw StorageError(.timedOut, "the remote didn't answer: \(what)")
        }
        return try answer.get()
    }

    private func travel() async throws {
        let longest: Int64 = world.weather.isSlow && world.simulator.happens(0.2) ? 60_000_000 : 200_000
        try await world.simulator.sleep(world.simulator.pick(100...longest))
    }

    /// What arrives of bytes.
    ///
    /// Where they are damaged, a bit is flipped: of what comes back another one than of what went, or both together would
    /// mend it.
    private func arrived(_ bytes: [UInt8], as name: String, flipping bit: UInt8 = 1) -> [UInt8] {
        if !bytes.isEmpty, world.simulator.happens(world.weather.bodyIsCut) {
            server.taint(name)
            return Array(bytes.prefix(Int(world.simulator.pick(0...Int64(bytes.count - 1)))))
        }
        if !bytes.isEmpty, world.simulator.happens(world.weather.bodyIsDamaged) {
            server.taint(name)
            var damaged = bytes
            damaged[Int(world.simulator.pick(0...Int64(bytes.count - 1)))] ^= bit
            return damaged
        }
        return bytes
    }

    private func missing(_ name: String) -> StorageError {
        StorageError(.notFound, name: name, "the remote has no \"\(name)\"")
    }
}

extension SimulatedRemote: ExclusiveStorage {
    var fingerprint: String { "simulated-remote" }

    func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let bytes = try await request("open \(name)") { [server] in
            guard let bytes = server.objects[name] else { throw self.missing(name) }
            return bytes
        }
        // What is read for a proof may be cut or damaged on its way; what an application reads, too, but that isn't ours.
        guard !Reading.isForClient else { return FileReader(cut(bytes, to: range)) }
        let read = arrived(bytes, as: name, flipping: 2)
        return FileReader(cut(read, to: range))
    }

    func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        let bytes = try await content.reader().collect()
        var hash = FileHash()
        hash.update(bytes)
        let sha256 = hash.value
        let mutant = world.mutant
        let isLying = world.simulator.happens(0.5)
        let comes = arrived(bytes, as: name)
        let replaces = options.replaces || (mutant == .overwrites && !name.hasPrefix("qstore-probe-"))
        return try await request("store \(name)") { [server, world] in
            try server.put(comes, as: name, replacing: replaces)
            if world.vouches, mutant != .vouchesBlindly, comes != bytes {
                server.remove(name)
                throw StorageError(.damaged, name: name, "the remote got other bytes than were sent")
            }
            options.progress?(Int64(bytes.count))
            return StoredObject(
                name: name,
                size: isLying || mutant == .vouchesBlindly ? Int64(bytes.count) : Int64(comes.count),
                sha256: options.computesSHA256 ? sha256 : nil,
                verifiedBy: world.vouches || mutant == .vouchesBlindly ? .sha256 : nil
            )
        }
    }

    func delete(_ name: String) async throws { try await request("delete \(name)") { [server] in server.remove(name) } }

    func exists(_ name: String) async throws -> Bool {
        try await request("exists \(name)") { [server] in server.answer(name) != nil }
    }

    func list(_ directory: String) async throws -> DirectoryListing {
        try await request("list \(directory)") { [server] in
            let prefix = directory == "" ? "" : directory + "/"
            let below = server.objects.keys.filter { $0.hasPrefix(prefix) && server.answer($0) != nil }
                .map { $0.dropFirst(prefix.count) }
            return DirectoryListing(
                directories: Set(below.compactMap { $0.firstIndex(of: "/").map($0.prefix(upTo:)) }.map { String($0) }),
                files: below.filter { !$0.contains("/") }.map { String($0) }
            )
        }
    }

    func size(_ name: String) async throws -> Int64 {
        try await request("size \(name)") { [server] in
            guard let bytes = server.objects[name] else { throw self.missing(name) }
            return Int64(bytes.count)
        }
    }

    func url(_ name: String) async throws -> String { "remote:\(name)" }
    func accessedAt(_ name: String) async throws -> Date { world.wallClock }
    func createdAt(_ name: String) async throws -> Date { world.wallClock }
    func modifiedAt(_ name: String) async throws -> Date { world.wallClock }
}

extension SimulatedRemote: DurableStorage {
    var isDurable: Bool { get async throws { world.isRemoteDurable } }
}

extension SimulatedRemote: ChecksumStorage {
    func checksum(_ name: String) async throws -> Checksum? {
        guard world.hasChecksums else { return nil }
        return try await request("checksum \(name)") { [server, world] in
            guard let bytes = server.objects[name] else { throw self.missing(name) }
            var hash = FileHash()
            hash.update(bytes)
            guard world.simulator.happens(world.weather.checksumIsWrong) else { return Checksum(.sha256, hash.value) }
            server.taint(name)
            hash.update([0])
            return Checksum(.sha256, hash.value)
        }
    }
}

extension SimulatedRemote: ResumableStorage {
    var resumableFrom: Int64 { world.takesPieces ? 32 : .max }

    func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        try await request("ask for upload \(upload.id.prefix(6))") { [server] in
            Int64(server.uploads[upload.id]?.count ?? 0)
        }
    }

    func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let bytes = try await content.reader().collect()
        let comes = arrived(bytes, as: upload.name)
        return try await request("append \(bytes.count) to upload \(upload.id.prefix(6)) at \(offset)") { [server] in
            let held = server.uploads[upload.id] ?? []
            guard held.count == offset else {
                throw StorageError(.failed, name: upload.name, "the upload has \(held.count) bytes, not \(offset)")
            }
            server.uploads[upload.id] = held + comes
            options.progress?(Int64(bytes.count))
            return offset + Int64(comes.count)
        }
    }

    func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try await request("finish upload \(upload.id.prefix(6)) as \(upload.name)") { [server, world] in
            guard let bytes = server.uploads[upload.id] else {
                throw StorageError(.notFound, name: upload.name, "there is no such upload")
            }
            var hash = FileHash()
            hash.update(bytes)
            if world.vouches, let expected = options.expectedSHA256, expected != hash.value {
                server.uploads[upload.id] = nil
                throw StorageError(.damaged, name: upload.name, "the upload has other bytes")
            }
            // A piece was cut or damaged, perhaps when the upload had another name.
            if hash.value != options.expectedSHA256 { server.taint(upload.name) }
            try server.put(bytes, as: upload.name, replacing: options.replaces)
            server.uploads[upload.id] = nil
            return StoredObject(
                name: upload.name,
                size: Int64(bytes.count),
                sha256: hash.value,
                verifiedBy: world.vouches && options.expectedSHA256 != nil ? .sha256 : nil
            )
        }
    }

    func abandon(_ upload: Upload) async throws {
        try await request("abandon upload \(upload.id.prefix(6))") { [server] in server.uploads[upload.id] = nil }
    }
}

/// Whom the present task reads for.
enum Reading {
    @TaskLocal static var isForClient = false
}
