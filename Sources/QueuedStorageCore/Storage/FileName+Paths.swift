internal import Glibc

extension FileName {
    /// Joins components to a base directory and refuses what isn't in it then.
    ///
    /// Symbolic links are not looked at; ``FileSystemStorage`` leaves them to the kernel.
    ///
    /// Source: Django 5.2, `safe_join`.
    ///
    /// - Parameters:
    ///   - components: The components; an absolute one replaces all before it, so it must begin with the base itself.
    ///   - base: The base directory.
    /// - Returns: The absolute path, normalised.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if it leads out of the base.
    public static func join(_ components: String..., to base: String) throws -> String {
        try join(components, to: base)
    }

    /// Joins components to a base directory and refuses what isn't in it then.
    ///
    /// - Parameters:
    ///   - components: The components.
    ///   - base: The base directory.
    /// - Returns: The absolute path, normalised.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if it leads out of the base.
    public static func join(_ components: [String], to base: String) throws -> String {
        let base = absolute(base)
        let path = absolute(components.reduce(base) { append($1, to: $0) })
        guard base == "/" || NameKey(path) == NameKey(base) || path.utf8.starts(with: (base + "/").utf8) else {
            throw refusal(components.joined(separator: "/"), "it leads out of the storage")
        }
        return path
    }

    /// Returns the components of a name below a base directory, normalised: none for the base itself.
    package static func relative(_ name: String, to base: String) throws -> String {
        let path = try join(name, to: base)
        let components = path.utf8.dropFirst(base == "/" ? 1 : base.utf8.count + 1)
        return String(Substring(components))
    }

    /// Makes a path absolute, by the working directory of the process, and normalises it.
    ///
    /// Source: Python 3.11, `posixpath.abspath`.
    package static func absolute(_ path: String) -> String {
        if path.utf8.first == UInt8(ascii: "/") { return normalized(path) }
        let directory = getcwd(nil, 0).map { text in
            defer { free(text) }
            return String(cString: text)
        }
        return normalized(append(path, to: directory ?? "/"))
    }

    /// Encodes a name for use in the path of an address; separators stay.
    ///
    /// Source: Django 5.2, `filepath_to_uri`; RFC 3986, section 2.1.
    ///
    /// - Parameter name: The name; backslashes count as separators.
    /// - Returns: ASCII: letters, digits and `_.-~/!*()'` as they are, every other byte of UTF-8 as `%XX`.
    public static func percentEncoded(_ name: String) -> String {
        let hexadecimal = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in withSlashes(name).utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                bytes.append(byte)
            case _ where "_.-~/!*()'".utf8.contains(byte):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), hexadecimal[Int(byte >> 4)], hexadecimal[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Returns the address of a name below a base address, which it never leaves.
    ///
    /// Source: Django 5.2, `FileSystemStorage.url`, except that names which climb out of the base are refused.
    ///
    /// - Parameters:
    ///   - name: The name; slashes at its beginning don't count.
    ///   - base: The base address; a slash is added where it doesn't end in one.
    /// - Returns: The address: base, and encoded name without `.` and `..`.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name leads out of the storage.
    public static func url(_ name: String, base: String) throws -> String {
        try validateComponents(name)
        let base = base.utf8.last == UInt8(ascii: "/") ? base : base + "/"
        var parts: [Substring] = []
        var endsInSlash = false
        let encoded = percentEncoded(name)
        for part in encoded.drop(while: { $0 == "/" }).split(separator: "/", omittingEmptySubsequences: false) {
            endsInSlash = part == "" || part == "." || part == ".."
            if part == ".." {
                guard parts.popLast() != nil else { throw refusal(name, "it leads out of the storage") }
            } else if !endsInSlash {
                parts.append(part)
            }
        }
        guard !parts.isEmpty else { return base }
        return base + parts.joined(separator: "/") + (endsInSlash ? "/" : "")
    }
}
