public import QueuedStorageCore
internal import QueuedStorageTransport

/// A storage on a WebDAV server: Nextcloud, Apache, nginx and others.
///
/// A file is sent to a temporary name in the folder `.qstore/tmp` of the storage's directory, looked at there, and moved
/// to its name by a request that the server refuses if the name is taken (`MOVE` with `Overwrite: F`).
/// ```swift
/// let photos = try WebDAVStorage(WebDAVOptions(host: "cloud.example", directory: "/dav/photos", user: "joe", password: secret))
/// ```
/// Source: RFC 4918 (WebDAV); RFC 9110 (ranges, conditions).
public final class WebDAVStorage: Sendable {
    /// Where the server is, who logs in there, and how long to wait for it.
    public let options: WebDAVOptions
    let client: DAVClient
    let directories: KnownDirectories
    let habits: ServerHabits
    let publishing = NameGate()
    /// Whether the server has shown MD5 checksums of its own.
    let offersMD5 = Shared(false)

    /// Makes a storage; nothing is connected yet.
    ///
    /// - Parameter options: Where the server is, who logs in there, and how long to wait for it.
    /// - Throws: `StorageError` with `invalidConfiguration` if an option can't be meant.
    public init(_ options: WebDAVOptions) throws {
        guard !options.host.isEmpty, !options.host.contains(where: { "/?#@% ".contains($0) || $0.isNewline }) else {
            throw StorageError(.invalidConfiguration, "the host of WebDAVStorage must be a name or an address")
        }
        guard !options.components.contains("..") else {
            throw StorageError(.invalidConfiguration, "the directory of WebDAVStorage must not climb (\"..\")")
        }
        self.options = options
        client = DAVClient(options)
        directories = KnownDirectories(client)
        habits = ServerHabits(client)
    }

    /// The components of a name below the storage's directory.
    func components(_ name: String) throws -> [String] {
        try FileName.validateComponents(name)
        // By bytes: a character can be a slash and what is combined with it.
        return try FileName.relative(name, to: "/dav").utf8.split(separator: UInt8(ascii: "/")).map {
            String(Substring($0))
        }
    }

    /// The components of a file's name, of which there must be some.
    func fileComponents(_ name: String, _ verb: String) throws -> [String] {
        let components = try components(name)
        guard !components.isEmpty else {
            throw FileName.refusal(name, "the storage's directory itself can't be \(verb)")
        }
        return components
    }

    func couldNot(_ verb: String, _ name: String, _ code: StorageError.Code, _ reason: String) -> StorageError {
        StorageError(code, name: name, "The file \(FileName.quoted(name)) couldn't be \(verb): \(reason).")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: Storage, ExclusiveStorage {
    public var fingerprint: String {
        "webdav:" + options.origin + "/" + options.components.map { $0.percentEncoded() }.joined(separator: "/")
    }

    public func url(_ name: String) async throws -> String {
        try FileName.url(name, base: options.baseURL ?? client.url([], isDirectory: true))
    }
}
