public import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport
internal import Synchronization

/// A storage that keeps its files in a container of OpenStack Swift (Rackspace Cloud Files and the like).
///
/// ```swift
/// let storage = try CloudFilesStorage(
///     .init(container: "photos", auth: "https://identity.example/auth/v1.0", user: "account:backup"),
///     password: Secret(key))
/// ```
/// What is sent is compared with the MD5 that the server computes. Large files are sent in segments, several at once, and
/// an upload that is cut goes on with the first segment that is missing. The container is never made public.
///
/// A name that is taken is refused by the server; but it looks when a request begins, so that of two processes that
/// store under one name at the same moment both may be told that they did, and the later one's file stays. Within one
/// instance they go one after the other. It is no `ExclusiveStorage` for that reason.
///
/// Source: OpenStack Swift 2.30, "Object Storage API overview", "Large objects", "Temporary URL middleware".
public final class CloudFilesStorage: Sendable {
    /// What the storage is made with.
    public let configuration: Configuration
    let account: Account
    let gate = NameGate()
    private let time: any TimeSource
    private let temporaryURLKey: Secret?
    private let info = Mutex<ServerInfo?>(nil)

    /// Makes a storage; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - configuration: Where the container is, and how it is used.
    ///   - password: The user's key or password.
    ///   - temporaryURLKey: The account's or container's key for addresses that are valid for a while.
    /// - Throws: `StorageError` with `invalidConfiguration` that names the option that is wrong.
    public convenience init(_ configuration: Configuration, password: Secret, temporaryURLKey: Secret? = nil) throws {
        try self.init(configuration, password: password, temporaryURLKey: temporaryURLKey, time: SystemTime())
    }

    init(_ configuration: Configuration, password: Secret, temporaryURLKey: Secret?, time: any TimeSource) throws {
        try configuration.validate()
        guard !password.value.isEmpty else {
            throw StorageError(
                .invalidConfiguration,
                """
                CloudFilesStorage needs the user's key or password: set QSTORE_<ALIAS>_PASSWORD, ST_KEY or OS_PASSWORD \
                in the environment, or name a file in the option "passwordFile"
                """
            )
        }
        self.configuration = configuration
        self.temporaryURLKey = temporaryURLKey
        self.time = time
        let transport = Transport(options: configuration.transportOptions)
        account = Account(
            session: Session(configuration.authentication(password, transport)),
            transport: transport
        )
    }
}

// MARK: - Names

extension CloudFilesStorage {
    /// A file's name, and what it is called in the container.
    struct Target: Sendable {
        /// The name, normalised.
        var name: String
        /// The name in the container, with the storage's prefix.
        var object: String
    }

    /// The longest name of an object, in bytes of UTF-8.
    static let maxObjectByteCount = 1024

    /// Resolves a name of a file.
    func target(_ name: String) throws -> Target {
        try FileName.validateComponents(name)
        let target = try location(name)
        guard target.name != "" else { throw FileName.refusal(name, "it names no file") }
        guard target.object.utf8.count <= Self.maxObjectByteCount else {
            throw FileName.refusal(name, "with its prefix it is longer than \(Self.maxObjectByteCount) bytes")
        }
        return target
    }

    /// Resolves a name of anything, the storage's root included.
    func location(_ name: String) throws -> Target {
        let relative = try FileName.relative(name, to: "/container")
        return Target(name: relative, object: configuration.prefixed(relative))
    }

    /// Where an object is, behind the account's address.
    func path(_ object: String, in container: String? = nil) -> String {
        (container ?? configuration.container).percentEncoded() + "/" + object.percentEncoded(keepingSlashes: true)
    }

    /// The beginning of a sentence about a file.
    func failed(_ verb: String, _ name: String) -> String {
        "The file \(FileName.quoted(name)) couldn't be \(verb) in the container \(FileName.quoted(configuration.container))"
    }

    /// The error of a container that isn't there.
    func missingContainer(_ failed: String, _ container: String? = nil) -> StorageError {
        StorageError(
            .invalidConfiguration,
            """
            \(failed): the container \(FileName.quoted(container ?? configuration.container)) doesn't exist; make it, or \
            set createsContainer=true
            """
        )
    }
}

// MARK: - Containers

extension CloudFilesStorage {
    /// Sends a request that needs a container, which is made if it is missing and may be made.
    func send(_ request: Account.Request, needing container: String) async throws -> TransportResponse {
        let answer = try await account.send(request)
        guard answer.status == 404, configuration.createsContainer, request.body?.canBeSentAgain ?? true else {
            return answer
        }
        try? await answer.discard()
        // Without any header field of access: nobody but the account's users may read it.
        let made = try await account.send(Account.Request("PUT", container.percentEncoded()))
        guard [201, 202].contains(made.status) else {
            throw await made.swiftFailure("The container \(FileName.quoted(container)) couldn't be made")
        }
        try await made.discard()
        return try await account.send(request)
    }
}

// MARK: - Addresses and what the server can do

extension CloudFilesStorage {
    /// What the server says that it can do; asked once.
    func serverInfo() async throws -> ServerInfo {
        if let known = info.withLock({ $0 }) { return known }
        let login = try await account.session.login()
        let found = try await ServerInfo.ask(login.login.storageURL, account.transport, time)
        info.withLock { $0 = found }
        return found
    }

    /// The address of a file that anybody may read until it runs out.
    func temporaryURL(_ target: Target, key: Secret) async throws -> String {
        let login = try await account.session.login()
        let info = try await serverInfo()
        let expires = Int(info.now(time).timeIntervalSince1970) + configuration.urlExpires
        return TemporaryURL(
            storageURL: login.login.storageURL,
            path: "\(configuration.container)/\(target.object)",
            encodedPath: path(target.object),
            expires: expires,
            digest: info.temporaryURLDigest
        ).signed(key)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: Storage {
    public var fingerprint: String { configuration.fingerprint }

    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let target = try target(name)
        let failed = failed("deleted", target.name)
        let segments = try await segments(of: target, failed)
        let answer = try await account.send(Account.Request("DELETE", path(target.object)))
        guard answer.status == 204 || answer.status == 404 else {
            throw await answer.swiftFailure(failed, name: target.name)
        }
        try await answer.discard()
        // The list goes first: a file whose segments went one by one would be there, and broken.
        if let segments { try await remove(segments, failed) }
    }

    public func exists(_ name: String) async throws -> Bool {
        // A name that is too long is one that nothing has; it may still be cut.
        try FileName.validateComponents(name, limitsLength: false)
        let target = try location(name)
        guard target.name != "", target.object.utf8.count <= Self.maxObjectByteCount else { return target.name == "" }
        return try await head(target, failed("looked for", target.name)) != nil
    }

    public func size(_ name: String) async throws -> Int64 {
        let (headers, target) = try await found(name)
        guard let size = headers["Content-Length"].flatMap({ Int64($0) }) else {
            throw StorageError(
                .failed,
                name: name,
                "\(failed("measured", target.name)): the server didn't say its size."
            )
        }
        return size
    }

    public func url(_ name: String) async throws -> String {
        let target = try target(name)
        if let temporaryURLKey { return try await temporaryURL(target, key: temporaryURLKey) }
        guard let baseURL = configuration.baseURL else {
            throw StorageError(
                .notSupported,
                name: name,
                """
                The storage has no addresses: the container isn't public. Give it a base URL, or the account's key for \
                temporary ones.
                """
            )
        }
        return try FileName.url(target.name, base: baseURL)
    }

    public func accessedAt(_ name: String) async throws -> Date { throw Self.unknownTime(name, "read") }

    public func createdAt(_ name: String) async throws -> Date { throw Self.unknownTime(name, "made") }

    public func modifiedAt(_ name: String) async throws -> Date {
        let (headers, target) = try await found(name)
        if let seconds = headers["X-Timestamp"].flatMap({ Double($0) }) { return Date(timeIntervalSince1970: seconds) }
        guard let date = headers["Last-Modified"].flatMap(HTTPDate.parse) else {
            throw StorageError(
                .failed,
                name: name,
                "\(failed("dated", target.name)): the server didn't say when it changed."
            )
        }
        return date
    }

    private static func unknownTime(_ name: String, _ verb: String) -> StorageError {
        StorageError(.notSupported, name: name, "Swift doesn't keep when a file was \(verb).")
    }
}
