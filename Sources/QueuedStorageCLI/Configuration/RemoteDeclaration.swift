import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageCouchDB
import QueuedStorageMogileFS
import QueuedStorageDatabase
import QueuedStorageFTP
import QueuedStorageGridFS
import QueuedStorageS3
import QueuedStorageWebDAV
import QueuedStorageSFTP

/// A remote that was described, not yet used.
struct RemoteDeclaration: Sendable {
    /// The address without secrets.
    var address: String
    /// The absolute path, if it is a directory of this machine.
    var directory: String?
    /// Makes the storage; the argument is the address under which clients reach it, if they can.
    private let maker: @Sendable (_ baseURL: String?) throws -> any Storage

    /// Makes the storage.
    ///
    /// - Parameter baseURL: The address under which clients reach it, if they can.
    /// - Returns: The storage; nothing is connected yet.
    /// - Throws: `StorageError` that names the option that is wrong.
    func make(_ baseURL: String?) throws -> any Storage { try maker(baseURL) }

    /// A remote by its address.
    ///
    /// - Parameters:
    ///   - text: The address.
    ///   - base: The absolute path that relative paths begin at.
    ///   - secrets: The storage's secrets.
    /// - Throws: `StorageURLError`, or `StorageError` that names the option that is wrong.
    init(_ text: String, base: String, secrets: StorageSecrets) throws {
        let url = try StorageURL(text)
        guard let scheme = url.scheme, scheme != "file" else {
            try self.init(directory: url, base: base)
            return
        }
        let (type, options) = try StorageTypes.all.read(url)
        try self.init(address: text, type: type, options: options, secrets: secrets)
    }

    /// A remote by its kind and options.
    ///
    /// - Parameters:
    ///   - address: What tells it from others in messages.
    ///   - type: The kind's name.
    ///   - options: The options.
    ///   - secrets: The storage's secrets.
    /// - Throws: `StorageError` that names the option that is wrong.
    init(address: String, type: String, options: [String: OptionValue], secrets: StorageSecrets) throws {
        self.address = address
        maker = { baseURL in
            var options = options
            if let baseURL { options["baseURL"] = .string(baseURL) }
            return try StorageTypes.all.storage(type, options, secrets: secrets)
        }
        _ = try maker(nil)
    }

    private init(directory url: StorageURL, base: String) throws {
        guard url.authority.isEmpty || url.authority == "localhost", url.user == nil else {
            throw StorageURLError(
                "names the host \"\(url.authority)\"; a file URL has three slashes: file:///directory"
            )
        }
        guard url.query == nil else { throw StorageURLError("has a question mark; write it as %3F") }
        guard !url.path.isEmpty else { throw StorageURLError("names no directory; write file:///directory") }
        let path = absolutePath(url.path, from: base)
        address = path
        directory = path
        maker = { baseURL in
            FileSystemStorage(location: path, baseURL: baseURL ?? fileURL(path), createsLocation: false)
        }
    }
}

extension StorageTypes {
    /// All kinds of remotes that `qstore` knows.
    static let all: StorageTypes = {
        var types = StorageTypes.builtIn
        types.registerCloudFiles()
        types.registerS3()
        types.registerCouchDB()
        types.registerMogileFS()
        types.registerDatabase()
        types.registerGridFS()
        types.registerWebDAV()
        types.registerSFTP()
        types.registerFTP()
        return types
    }()
}

/// A path made absolute from a directory, without `.` and `..`.
func absolutePath(_ path: String, from base: String) -> String {
    FileName.normalized(FileName.append(path, to: base))
}

/// The address of a directory or file of this machine.
func fileURL(_ path: String) -> String { "file://" + FileName.percentEncoded(path) }
