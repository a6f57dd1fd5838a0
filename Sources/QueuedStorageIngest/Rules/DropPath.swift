/// The path of something below a drop folder, as the file system's bytes: they needn't be text.
package struct DropPath: Hashable, Sendable {
    /// The bytes, `/` between components; empty for the folder itself.
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) { self.bytes = bytes }

    package init(_ string: String) { bytes = Array(string.utf8) }

    /// The drop folder itself.
    package static let root = Self(bytes: [])

    /// The path as text; nil if the bytes aren't UTF-8.
    package var string: String? { String(validating: bytes, as: UTF8.self) }

    /// The last component's bytes.
    package var name: ArraySlice<UInt8> {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes[...] }
        return bytes[(slash + 1)...]
    }

    /// The path of the directory that holds it.
    package var parent: Self {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return .root }
        return Self(bytes: Array(bytes[..<slash]))
    }

    /// The path of something in this directory.
    package func appending(_ name: some Collection<UInt8>) -> Self {
        Self(bytes: bytes.isEmpty ? Array(name) : bytes + [UInt8(ascii: "/")] + name)
    }

    /// The path with more bytes at the end of its last component.
    package func suffixed(_ suffix: String) -> Self { Self(bytes: bytes + suffix.utf8) }

    /// The path without the end of its last component; nil if it ends otherwise, or if nothing would be left.
    package func removingSuffix(_ suffix: String) -> Self? {
        let suffix = Array(suffix.utf8)
        guard name.count > suffix.count, name.suffix(suffix.count).elementsEqual(suffix) else { return nil }
        return Self(bytes: bytes.dropLast(suffix.count))
    }

    /// Whether this is the directory or lies below it.
    package func isWithin(_ directory: Self) -> Bool {
        directory.bytes.isEmpty || bytes == directory.bytes
            || (bytes.starts(with: directory.bytes) && bytes[directory.bytes.count] == UInt8(ascii: "/"))
    }

    /// Whether every component is a plain name; what a crash left behind is believed only if it is.
    package var isPlain: Bool {
        bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
                && !$0.elementsEqual(Inbox.privateName.utf8) && !$0.contains(0)
        }
    }
}

extension DropPath: CustomStringConvertible {
    /// The path as text, bytes that are none written as `\xNN`.
    package var description: String { string ?? escaped(bytes) }
}

/// Text for bytes that aren't UTF-8: ASCII as it is, the rest as `\xNN`.
func escaped(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
        byte < 0x80
            ? String(UnicodeScalar(byte)) : #"\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }.joined()
}
