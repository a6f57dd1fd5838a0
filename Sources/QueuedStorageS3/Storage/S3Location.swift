internal import QueuedStorageCore

/// The part of a bucket that a storage's names lie in.
package struct S3Location: Hashable, Sendable {
    /// The longest key, in bytes of UTF-8.
    ///
    /// Source: Amazon S3 User Guide, "Naming Amazon S3 objects".
    package static let maxKeyByteCount = 1024

    /// What every key begins with: nothing, or a path that ends in a slash.
    package let prefix: String

    /// Makes a location.
    ///
    /// - Parameter path: What keys begin with; slashes at its end don't count.
    /// - Throws: `StorageError` with `invalidConfiguration` if it begins with a slash, or has
    ///   components that no name has.
    package init(_ path: String) throws {
        guard path.utf8.first != UInt8(ascii: "/") else {
            throw StorageError(
                .invalidConfiguration,
                "The location \(FileName.quoted(path)) can't begin with a slash: keys have none there."
            )
        }
        var path = path[...]
        while path.utf8.last == UInt8(ascii: "/") { path = path.dropLast() }
        guard path != "" else {
            prefix = ""
            return
        }
        let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard !parts.contains(where: { $0.isEmpty || $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }),
            !path.utf8.contains(0)
        else {
            throw StorageError(
                .invalidConfiguration,
                "The location \(FileName.quoted(String(path))) has empty components, \".\" or \"..\"."
            )
        }
        prefix = path + "/"
    }

    /// The key of a name.
    ///
    /// - Parameter name: A file's name, or a directory's; not empty.
    /// - Returns: Prefix and normalised name.
    /// - Throws: `StorageError` with `invalidName` if the name leads out of the location, or the key
    ///   would be too long.
    package func key(_ name: String) throws -> String {
        let key = prefix + (try relative(name))
        guard key.utf8.count <= Self.maxKeyByteCount else {
            throw FileName.refusal(name, "its key would be longer than \(Self.maxKeyByteCount) bytes")
        }
        return key
    }

    /// The key of a name that is only looked for; nil if it is too long for anything to have it.
    package func existingKey(_ name: String) throws -> String? {
        try FileName.validateComponents(name, limitsLength: false)
        let key = prefix + (try FileName.relative(name, to: "/s3"))
        return key.utf8.count <= Self.maxKeyByteCount ? key : nil
    }

    /// The name as it is stored: without `.` and empty components.
    package func relative(_ name: String) throws -> String {
        try FileName.validateComponents(name)
        return try FileName.relative(name, to: "/s3")
    }

    /// The name of a key; nil if it isn't one of this location's.
    package func name(_ key: String) -> String? {
        guard key.utf8.starts(with: prefix.utf8) else { return nil }
        return String(Substring(key.utf8.dropFirst(prefix.utf8.count)))
    }
}
