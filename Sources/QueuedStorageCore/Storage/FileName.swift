/// The rules for names, on Unicode scalars: which are allowed, and how one is made of what a client said.
///
/// Names that are canonically equivalent but written with other scalars are different names: a storage keeps bytes.
///
/// Source: Django 5.2, `validate_file_name`, `get_valid_filename`, `PurePath.suffixes` of Python 3.11. Beyond them, a
/// component may not be `.qstore` (a storage's private folder), hold NUL, or be longer than 255 bytes.
public enum FileName {
    /// The component under which storages keep what is theirs; no name has it.
    package static let privateComponent = ".qstore"
    /// The longest component, in bytes of UTF-8 (NAME_MAX).
    package static let maxComponentByteCount = 255

    /// Checks that a name is allowed.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - allowsDirectories: Whether it may have directories; backslashes count as separators then.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if it is empty, leads upwards, is absolute, or
    ///   can't be stored.
    public static func validate(_ name: String, allowsDirectories: Bool = true) throws {
        try validateForm(name, allowsDirectories: allowsDirectories)
        try validateComponents(name)
    }

    /// The first half of ``validate(_:allowsDirectories:)``, which may be asked of a name that is yet to be cleaned and cut.
    package static func validateForm(_ name: String, allowsDirectories: Bool = true) throws {
        let scalars = name.unicodeScalars
        let base = split(name).base
        guard base != "", !isDots(base) else { throw refusal(name, "it doesn't end in a file's name") }
        if allowsDirectories {
            let parts = withSlashes(name).unicodeScalars.split(separator: "/")
            guard scalars.first != "/", scalars.first != "\\",
                !parts.contains(where: { $0.elementsEqual("..".unicodeScalars) })
            else { throw refusal(name, "it leads out of the storage") }
        } else {
            guard !scalars.contains("/") else { throw refusal(name, "it has directories") }
        }
    }

    /// Checks that a file system can have each component of a name, and that none is a storage's own.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - limitsLength: Whether too long a component is an error.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if one isn't possible.
    package static func validateComponents(_ name: String, limitsLength: Bool = true) throws {
        guard !name.utf8.contains(0) else { throw refusal(name, "it has a NUL character") }
        for part in withSlashes(name).utf8.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual(privateComponent.utf8) {
                throw refusal(name, "\(privateComponent) is the storage's own folder")
            }
            if limitsLength, part.count > maxComponentByteCount {
                throw refusal(name, "a part of it is longer than \(maxComponentByteCount) bytes")
            }
        }
    }

    /// Returns what is left of a client's file name when everything but letters, digits, `_`, `-` and `.` is dropped;
    /// blanks become `_`.
    ///
    /// - Parameter name: A last component.
    /// - Returns: A last component of letters, digits, `_`, `-` and `.`, of any script.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if nothing usable is left.
    public static func cleaned(_ name: String) throws -> String {
        var scalars = Substring(name).unicodeScalars
        while let first = scalars.first, isWhiteSpace(first) { scalars.removeFirst() }
        while let last = scalars.last, isWhiteSpace(last) { scalars.removeLast() }
        var result = String.UnicodeScalarView()
        for scalar in scalars {
            if scalar == " " {
                result.append("_")
            } else if isWordCharacter(scalar) || scalar == "-" || scalar == "." {
                result.append(scalar)
            }
        }
        let text = String(result)
        guard text != "", !isDots(text) else { throw refusal(name, "nothing usable is left of it") }
        return text
    }

    /// Returns seven random letters and digits, from a source that can't be foreseen.
    ///
    /// Counting suffixes would let a client slow down every save (CVE-2014-0481).
    public static func randomSuffix() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<7).map { _ in suffixAlphabet[Int.random(in: 0..<suffixAlphabet.count, using: &generator)] })
    }

    private static let suffixAlphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")

    /// Returns random hexadecimal digits, for identifiers that nobody can guess: 128 bits.
    package static func randomIdentifier() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }.hexadecimal
    }

    /// Splits a last component into its root and all of its suffixes: `a.tar.gz` into `a` and `.tar.gz`.
    ///
    /// Leading dots belong to the root, and a name that ends in a dot has no suffix.
    ///
    /// - Parameter component: The last component of a name.
    /// - Returns: Both parts, which joined are the component; the extension begins with a dot or is empty.
    public static func splitExtension(_ component: String) -> (root: String, ext: String) {
        let scalars = component.unicodeScalars
        guard scalars.last != ".", let start = scalars.firstIndex(where: { $0 != "." }),
            let dot = scalars[start...].firstIndex(of: ".")
        else { return (component, "") }
        return (String(scalars[..<dot]), String(scalars[dot...]))
    }

    /// Splits a name before its last component; the directory has no slash at its end unless it is the root.
    ///
    /// Source: Python 3.11, `posixpath.split`.
    package static func split(_ name: String) -> (directory: String, base: String) {
        let scalars = name.unicodeScalars
        guard let slash = scalars.lastIndex(of: "/") else { return ("", name) }
        var directory = scalars[...slash]
        if directory.contains(where: { $0 != "/" }) {
            while directory.last == "/" { directory.removeLast() }
        }
        return (String(directory), String(scalars[scalars.index(after: slash)...]))
    }

    /// Puts a component behind a directory; an absolute one replaces it.
    ///
    /// Source: Python 3.11, `posixpath.join`.
    package static func append(_ component: String, to directory: String) -> String {
        if component.utf8.first == UInt8(ascii: "/") || directory == "" { return component }
        return directory.utf8.last == UInt8(ascii: "/") ? directory + component : directory + "/" + component
    }

    /// Removes empty components and `.`, and resolves `..`, without looking at any file.
    ///
    /// Source: Python 3.11, `posixpath.normpath`; as POSIX wants it, exactly two leading slashes stay two.
    package static func normalized(_ path: String) -> String {
        let scalars = path.unicodeScalars
        let slashes = scalars.prefix { $0 == "/" }.count
        var parts: [Substring.UnicodeScalarView] = []
        for part in scalars.split(separator: "/") where !part.elementsEqual(".".unicodeScalars) {
            if !part.elementsEqual("..".unicodeScalars) {
                parts.append(part)
            } else if let last = parts.last, !last.elementsEqual("..".unicodeScalars) {
                parts.removeLast()
            } else if slashes == 0 {
                parts.append(part)
            }
        }
        let prefix = slashes == 0 ? "" : slashes == 2 ? "//" : "/"
        let result = prefix + parts.map { String($0) }.joined(separator: "/")
        return result == "" ? "." : result
    }

    /// Reads backslashes as slashes.
    package static func withSlashes(_ name: String) -> String {
        guard name.utf8.contains(UInt8(ascii: "\\")) else { return name }
        return String(String.UnicodeScalarView(name.unicodeScalars.map { $0 == "\\" ? "/" : $0 }))
    }

    /// Tells whether a directory climbs, which a name may not even if it comes back.
    package static func climbs(_ directory: String) -> Bool {
        directory.utf8.split(separator: UInt8(ascii: "/")).contains { $0.elementsEqual("..".utf8) }
    }

    package static func refusal(_ name: String, _ reason: String) -> StorageError {
        StorageError(.invalidName, name: name, "The name \(quoted(name)) isn't allowed: \(reason).")
    }

    /// A name as a sentence shows it: in quotes, on one line, not endless.
    package static func quoted(_ name: String) -> String {
        var text = "\""
        for scalar in name.unicodeScalars.prefix(300) {
            if scalar.value < 0x20 || scalar.value == 0x7F || scalar == "\"" {
                text += scalar.escaped(asASCII: true)
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        return text + (name.unicodeScalars.count > 300 ? "…\"" : "\"")
    }

    private static func isDots(_ text: String) -> Bool { text == "." || text == ".." }

    /// Whether Python's regular expressions count a scalar as `\w`.
    private static func isWordCharacter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: scalar == "_" || scalar.properties.numericType != nil
        }
    }

    /// Whether Python's `str.strip` removes a scalar: bidirectional class WS, B or S, or category Zs.
    private static func isWhiteSpace(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }
}

/// A name as a key: two are equal only if their bytes are, where `String` also takes canonically equivalent ones for equal.
package struct NameKey: Hashable, Comparable, Sendable {
    package let name: String

    package init(_ name: String) { self.name = name }

    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.name.utf8.elementsEqual(rhs.name.utf8) }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.name.utf8.lexicographicallyPrecedes(rhs.name.utf8) }

    package func hash(into hasher: inout Hasher) {
        for byte in name.utf8 { hasher.combine(byte) }
        hasher.combine(UInt8(0xFF))
    }
}
