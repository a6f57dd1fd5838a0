public import QueuedStorageCore
import QueuedStorageTransport
import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage {
    /// How often a file may be replaced while its replicas are asked for.
    private static let maxReplacements = 4

    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let failed = couldNot("opened", name)
        var info = try await info(name, failed)
        var tries = 1
        while true {
            let whole = 0..<info.length
            let wanted = range?.clamped(to: whole) ?? whole
            if wanted.isEmpty { return FileReader([]) }
            let replicas = Replicas(
                paths: try await paths(name, failed),
                size: info.length,
                wanted: wanted,
                transport: transport,
                failed: failed,
                name: name
            )
            do {
                try await replicas.begin()
                return FileReader(size: Int64(wanted.count)) { { try await replicas.next() } }
            } catch {
                // The replicas may have been those of another file, which has taken the name meanwhile.
                let now = try await self.info(name, failed)
                guard now != info, tries < Self.maxReplacements else { throw error }
                info = now
                tries += 1
            }
        }
    }
}

/// Reads a range of a file from one replica, and goes on with another one where the first fails.
private final class Replicas: Sendable {
    private let paths: [String]
    private let size: Int64
    private let end: Int64
    private let transport: Transport
    private let failed: String
    private let name: String
    private let state: Mutex<State>

    private struct State {
        var index = 0
        var position: Int64
        var current: FileReader.Next?
        var failures: [StorageError] = []
    }

    init(paths: [String], size: Int64, wanted: Range<Int64>, transport: Transport, failed: String, name: String) {
        (self.paths, self.size, end) = (paths, size, wanted.upperBound)
        (self.transport, self.failed, self.name) = (transport, failed, name)
        state = Mutex(State(position: wanted.lowerBound))
    }

    /// Finds a replica that answers.
    ///
    /// - Throws: `StorageError` if there is none.
    func begin() async throws {
        while true {
            let (index, position) = state.withLock { ($0.index, $0.position) }
            guard index < paths.count else { throw state.withLock { error($0.failures) } }
            do {
                let reader = try await read(paths[index], from: position)
                let next = reader.makeAsyncIterator().read
                return state.withLock { $0.current = next }
            } catch let error as StorageError {
                giveUp(error)
            }
        }
    }

    func next() async throws -> [UInt8]? {
        while true {
            let (current, position) = state.withLock { ($0.current, $0.position) }
            if position >= end { return nil }
            guard let current else {
                try await begin()
                continue
            }
            do {
                if let buffer = try await current() {
                    state.withLock { $0.position += Int64(buffer.count) }
                    return buffer
                }
                giveUp(StorageError(.failed, "its content ended early"))
            } catch let error as StorageError {
                giveUp(error)
            }
        }
    }

    private func giveUp(_ error: StorageError) {
        state.withLock { state in
            state.current = nil
            state.index += 1
            state.failures.append(error)
        }
    }

    private func read(_ path: String, from position: Int64) async throws -> FileReader {
        var request = TransportRequest("GET", path)
        let isPart = position > 0 || end < size
        if isPart { request.headers["Range"] = "bytes=\(position)-\(end - 1)" }
        let answer = try await transport.send(request)
        let host = FileName.quoted(answer.host)
        switch answer.status {
        case 206:
            guard isPart, answer.headers["Content-Range"] == "bytes \(position)-\(end - 1)/\(size)" else {
                throw StorageError(.failed, "The storage node \(host) has other bytes under its address.")
            }
            return answer.body.exactly(end - position, failed: failed, name: name)
        case 200:
            guard answer.info.expectedByteCount.map({ $0 == size }) ?? true else {
                throw StorageError(.failed, "The storage node \(host) has a file of another size.")
            }
            return answer.body.exactly(
                end - position,
                after: position,
                isWhole: end == size,
                failed: failed,
                name: name
            )
        default:
            throw await answer.failure("A replica couldn't be read")
        }
    }

    /// What it comes to that no replica could be read.
    private func error(_ failures: [StorageError]) -> StorageError {
        let codes = Set(failures.map(\.code))
        let code = codes.count == 1 ? codes.first : nil
        let isTheirs = code == .offline || code == .timedOut || code == .throttled
        let reasons = failures.map(\.message).joined(separator: " ")
        return StorageError(
            isTheirs ? code ?? .failed : .failed,
            name: name,
            "\(failed): of its \(paths.count) replicas, none could be read. \(reasons)",
            retryAfter: failures.compactMap(\.retryAfter).min()
        )
    }
}
