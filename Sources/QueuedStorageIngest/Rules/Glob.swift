/// A pattern for paths: `*` and `?` stop at `/`, `**` doesn't, `[a-z]` and `[!a-z]` are one byte of a set.
///
/// A pattern without `/` is compared with the last component, any other with the whole path below the drop folder.
/// Source: glob(7); `**` as in gitignore(5).
package struct Glob: Hashable, Sendable {
    private let pattern: [UInt8]
    private let isForWholePath: Bool

    package init(_ pattern: String) {
        let pattern = pattern.hasPrefix("/") ? String(pattern.dropFirst()) : pattern
        self.pattern = Array(pattern.utf8)
        isForWholePath = pattern.utf8.contains(UInt8(ascii: "/"))
    }

    package func matches(_ path: DropPath) -> Bool {
        var failures: [Int: Int] = [:]
        return Self.matches(pattern[...], isForWholePath ? path.bytes[...] : path.name, &failures)
    }

    /// Compares from the left; each `*` tries the longer match only after the shorter one failed, and of several `*` in
    /// a component only the last is ever tried again, so that a pattern with many can't take exponential time.
    private static func matches(
        _ pattern: ArraySlice<UInt8>,
        _ text: ArraySlice<UInt8>,
        _ failures: inout [Int: Int]
    ) -> Bool {
        let slash = UInt8(ascii: "/")
        var p = pattern.startIndex
        var t = text.startIndex
        var retry: (pattern: Int, text: Int)?
        while true {
            if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
                if p + 1 < pattern.endIndex, pattern[p + 1] == UInt8(ascii: "*") {
                    return matchesAcrossDirectories(pattern[(p + 2)...], text[t...], &failures)
                }
                retry = (p + 1, t)
                p += 1
                continue
            }
            if t == text.endIndex {
                if p == pattern.endIndex { return true }
            } else if p < pattern.endIndex, let next = one(pattern, p, matches: text, &t) {
                p = next
                continue
            }
            guard let (again, from) = retry, from < text.endIndex, text[from] != slash else { return false }
            retry = (again, from + 1)
            p = again
            t = from + 1
        }
    }

    /// `**/` also stands for nothing, so that `**/x` matches `x`.
    ///
    /// What follows a `**` and is found nowhere behind one place is found nowhere behind a later one: `failures` has the
    /// first such place of each `**`, so that several of them don't take exponential time either.
    private static func matchesAcrossDirectories(
        _ rest: ArraySlice<UInt8>,
        _ text: ArraySlice<UInt8>,
        _ failures: inout [Int: Int]
    ) -> Bool {
        if rest.isEmpty { return true }
        if rest.first == UInt8(ascii: "/"), matches(rest.dropFirst(), text, &failures) { return true }
        if let failure = failures[rest.startIndex], failure <= text.startIndex { return false }
        for start in text.startIndex...text.endIndex where matches(rest, text[start...], &failures) { return true }
        failures[rest.startIndex] = text.startIndex
        return false
    }

    /// Matches one character; returns where the pattern goes on, nil if it doesn't match.
    private static func one(_ pattern: ArraySlice<UInt8>, _ p: Int, matches text: ArraySlice<UInt8>, _ t: inout Int)
        -> Int?
    {
        switch pattern[p] {
        case UInt8(ascii: "?"):
            guard text[t] != UInt8(ascii: "/") else { return nil }
            t += 1
            // A character of UTF-8 is its first byte and the continuation bytes after it.
            while t < text.endIndex, text[t] & 0xC0 == 0x80 { t += 1 }
            return p + 1
        case UInt8(ascii: #"\"#) where p + 1 < pattern.endIndex:
            guard pattern[p + 1] == text[t] else { return nil }
            t += 1
            return p + 2
        case UInt8(ascii: "["):
            guard let (contains, next) = set(pattern, p + 1, text[t]) else { fallthrough }
            guard contains, text[t] != UInt8(ascii: "/") else { return nil }
            t += 1
            return next
        default:
            guard pattern[p] == text[t] else { return nil }
            t += 1
            return p + 1
        }
    }

    private static func set(_ pattern: ArraySlice<UInt8>, _ start: Int, _ byte: UInt8) -> (Bool, Int)? {
        var p = start
        let isNegated = p < pattern.endIndex && (pattern[p] == UInt8(ascii: "!") || pattern[p] == UInt8(ascii: "^"))
        if isNegated { p += 1 }
        var contains = false
        let first = p
        while p < pattern.endIndex {
            if pattern[p] == UInt8(ascii: "]"), p > first { return (contains != isNegated, p + 1) }
            if p + 2 < pattern.endIndex, pattern[p + 1] == UInt8(ascii: "-"), pattern[p + 2] != UInt8(ascii: "]") {
                if pattern[p] <= byte, byte <= pattern[p + 2] { contains = true }
                p += 3
            } else {
                if pattern[p] == byte { contains = true }
                p += 1
            }
        }
        return nil
    }
}
