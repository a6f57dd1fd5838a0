public import FoundationEssentials
public import QueuedStorageCore
import QueuedStorageTransport

/// Keeps files in a MogileFS: trackers know which key lies where, storage nodes have the bytes.
///
/// A file's key is its name. The bytes are sent to a storage node under a temporary key, compared by the tracker, and
/// get their name by a renaming that never replaces, so that the tracker itself decides that a name was free.
/// ```swift
/// let storage = try MogileFSStorage(.init(trackers: ["10.0.0.1:7001", "10.0.0.2:7001"], domain: "media"))
/// ```
/// Source: MogileFS, the trackers' protocol as version 2.73 speaks it.
public final class MogileFSStorage: Sendable {
    /// What the storage was made with.
    public let configuration: Configuration
    let tracker: Tracker
    let transport: Transport

    /// Makes a storage; nothing is connected yet.
    ///
    /// - Parameter configuration: What it is made with.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public init(_ configuration: Configuration) throws {
        let addresses = try configuration.validated()
        self.configuration = configuration
        let connectTimeout = Duration.seconds(configuration.connectTimeout ?? 3)
        let timeout = Duration.seconds(configuration.timeout ?? 60)
        let trackers = Trackers(
            addresses,
            connectTimeout: connectTimeout,
            timeout: timeout,
            pause: .seconds(configuration.retryTrackerAfter ?? 30),
            connections: configuration.connections ?? 8
        )
        tracker = Tracker(trackers: trackers, domain: configuration.domain, fileClass: configuration.fileClass)
        var options = TransportOptions()
        options.connectTimeout = connectTimeout
        options.idleTimeout = timeout
        options.totalTimeout = configuration.totalTimeout.map { .seconds($0) }
        options.maxConnectionsPerHost = configuration.connections ?? 8
        transport = Transport(options: options)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage: Storage, ExclusiveStorage {
    public var fingerprint: String {
        let trackers = configuration.trackers.compactMap { TrackerAddress($0)?.description.lowercased() }.sorted()
        return "mogilefs://\(trackers.joined(separator: ","))/\(configuration.domain.percentEncoded())"
    }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let key = try resolve(name)
        guard key != "" else { throw FileName.refusal(name, "the location itself isn't deleted") }
        guard key.utf8.count <= Self.maxKeyByteCount else { return }
        try await explaining(couldNot("deleted", name), name) { try await tracker.delete(key) }
    }

    public func exists(_ name: String) async throws -> Bool {
        try FileName.validateComponents(name, limitsLength: false)
        let key = try FileName.relative(name, to: "/mogilefs")
        // Nothing can have a name that is too long, or none.
        guard key != "", key.utf8.count <= Self.maxKeyByteCount else { return false }
        return try await explaining("Whether there is a file \(FileName.quoted(name)) couldn't be found out", name) {
            do {
                _ = try await tracker.info(key)
                return true
            } catch let refusal as TrackerRefusal where refusal.code == "unknown_key" {
                return false
            }
        }
    }

    public func size(_ name: String) async throws -> Int64 { try await info(name, couldNot("looked at", name)).length }

    public func url(_ name: String) async throws -> String {
        _ = try resolve(name)
        guard let baseURL = configuration.baseURL else {
            throw StorageError(
                .notSupported,
                name: name,
                "The storage nodes' addresses aren't for clients; give the storage a base URL."
            )
        }
        return try FileName.url(name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date { throw try await noTime(name, "was last read") }

    public func createdAt(_ name: String) async throws -> Date { throw try await noTime(name, "was made") }

    public func modifiedAt(_ name: String) async throws -> Date {
        let failed = couldNot("looked at", name)
        let paths = try await paths(name, failed)
        for path in paths {
            guard let answer = try? await transport.send(TransportRequest("HEAD", path)), answer.status == 200,
                let date = answer.headers["Last-Modified"].flatMap(HTTPDate.parse)
            else { continue }
            return date
        }
        try Task.checkCancellation()
        throw StorageError(
            .failed,
            name: name,
            "\(failed): of its \(paths.count) replicas, none says when it was changed."
        )
    }

    private func noTime(_ name: String, _ what: String) async throws -> StorageError {
        _ = try await info(name, couldNot("looked at", name))
        return StorageError(.notSupported, name: name, "MogileFS doesn't keep when a file \(what).")
    }
}

// MARK: - Keys and errors

extension MogileFSStorage {
    /// The longest key, in bytes.
    ///
    /// Source: MogileFS, `MogileFS::Store`: the column `dkey` is a `VARCHAR(255)`.
    static let maxKeyByteCount = 255
    /// What temporary keys begin with; no name does.
    static let temporaryPrefix = FileName.privateComponent + "/tmp/"

    /// The name without empty components and `.`; refused if it leads out.
    func resolve(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        return try FileName.relative(name, to: "/mogilefs")
    }

    func couldNot(_ verb: String, _ name: String) -> String {
        "The file \(FileName.quoted(name)) couldn't be \(verb)"
    }

    func missing(_ name: String, _ failed: String) -> StorageError {
        StorageError(.notFound, name: name, "\(failed): there is no such file.")
    }

    func info(_ name: String, _ failed: String) async throws -> Tracker.Info {
        let key = try resolve(name)
        guard key != "", key.utf8.count <= Self.maxKeyByteCount else { throw missing(name, failed) }
        return try await explaining(failed, name) { try await tracker.info(key) }
    }

    func paths(_ name: String, _ failed: String) async throws -> [String] {
        let key = try resolve(name)
        guard key != "", key.utf8.count <= Self.maxKeyByteCount else { throw missing(name, failed) }
        return try await explaining(failed, name) { try await tracker.paths(key) }
    }

    /// Puts what failed before what trackers and nodes say.
    func explaining<Value>(
        _ failed: String,
        _ name: String?,
        _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let refusal as TrackerRefusal {
            let said = refusal.code == "unknown_key" ? "there is no such file" : "the tracker says \(refusal)"
            throw StorageError(refusal.meaning, name: name, "\(failed): \(said)\(refusal.advice).")
        } catch let lost as LostAnswer {
            throw StorageError(lost.error.code, name: name, "\(failed): \(lost.error.message).")
        } catch let error as StorageError where error.name == nil && !error.message.hasPrefix(failed) {
            throw StorageError(
                error.code,
                name: name,
                "\(failed): \(error.message)" + (error.message.hasSuffix(".") ? "" : "."),
                retryAfter: error.retryAfter,
                cause: error.cause
            )
        }
    }
}
