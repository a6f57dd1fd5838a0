import QueuedStorageCore

/// A kind of remote, and how one is made of an address.
///
/// A module that brings a remote adds a scheme to ``all``.
struct StorageScheme: Sendable {
    /// The schemes that belong to it, in lower case.
    let names: [String]
    /// How such an address looks.
    let form: String
    /// Makes the remote.
    let remote: @Sendable (StorageURL, _ base: String) throws -> Remote

    /// A remote that was described, not yet used.
    struct Remote: Sendable {
        /// The address without secrets.
        var address: String
        /// The absolute path, if it is a directory of this machine.
        var directory: String?
        /// Makes the storage; the argument is the address under which clients reach it, if they can.
        var make: @Sendable (_ baseURL: String?) throws -> any Storage
    }

    /// All that is known.
    static let all: [StorageScheme] = [.directory]

    /// A directory: of this machine, or mounted here.
    static let directory = StorageScheme(names: ["file"], form: "file:///directory") { url, base in
        guard url.scheme == nil || url.host.isEmpty || url.host == "localhost", url.user == nil else {
            throw StorageURLError("names the host \"\(url.host)\"; a file URL has three slashes: file:///directory")
        }
        guard url.query == nil else { throw StorageURLError("has a question mark; write it as %3F") }
        guard !url.path.isEmpty else { throw StorageURLError("names no directory; write file:///directory") }
        let path = absolutePath(url.path, from: base)
        return Remote(address: path, directory: path) { baseURL in
            FileSystemStorage(location: path, baseURL: baseURL ?? fileURL(path), createsLocation: false)
        }
    }

    /// Makes a remote of an address.
    ///
    /// - Parameters:
    ///   - text: The address.
    ///   - base: The absolute path that relative paths begin at.
    /// - Returns: The remote; nothing is opened yet.
    /// - Throws: ``StorageURLError``.
    static func remote(_ text: String, base: String) throws -> Remote {
        let url = try StorageURL(text)
        guard let name = url.scheme else { return try directory.remote(url, base) }
        guard let scheme = all.first(where: { $0.names.contains(name) }) else {
            let known = all.map(\.form).joined(separator: ", ")
            throw StorageURLError("has the scheme \"\(name)\", which isn't known; known are \(known), and plain paths")
        }
        return try scheme.remote(url, base)
    }
}

/// A path made absolute from a directory, without `.` and `..`.
func absolutePath(_ path: String, from base: String) -> String {
    FileName.normalized(FileName.append(path, to: base))
}

/// The address of a directory or file of this machine.
func fileURL(_ path: String) -> String { "file://" + FileName.percentEncoded(path) }
