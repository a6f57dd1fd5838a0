/// Makes inputs that nobody expects of inputs that somebody does; the same ones for the same seed.
package struct Mutator: Sendable {
    /// No input is longer than this, in bytes, unless an example is.
    package static let maxByteCount = 64 << 10

    /// What is inserted and put in place of other bytes: numbers at the limits of their types, and what means something to
    /// some parser.
    private static let words: [[UInt8]] =
        [
            "0", "-0", "-1", "+1", "1e400", "-1e400", "nan", "inf", ".inf", "0x7f", "2147483647", "2147483648",
            "-2147483649", "4294967295", "4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808",
            "-9223372036854775808", "18446744073709551615", "99999999999999999999999999", "000000000000000000001",
            "..", "../", "/../", "../../../../../../etc/passwd", "/etc/passwd", "./", "//", "/", "\\", "..\\", "~", "%",
            "%00", "%2e%2e%2f", "%zz", "%ff", "\0", "\n", "\r\n", "\r", "\t", " ", ";", ":", "=", "&", "?", "#", "@",
            "\"",
            "'", "<", ">", "[", "]", "{", "}", "(", ")", ",", "*", "null", "true", "~", ".qstore", ".qstore/id",
            "/\u{301}", "\u{301}", "\u{202E}", "\u{FEFF}", "\u{FFFD}", "😀", "é", "e\u{301}",
        ].map { Array($0.utf8) } + [
            [0x80], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF],
            [0xFF, 0xFF, 0xFF, 0x7F], [0x80, 0, 0, 0], [0, 0, 0, 0x80], [0, 0, 0, 0],
            [0x7F] + [UInt8](repeating: 0xFF, count: 7),
            [UInt8](repeating: 0xFF, count: 7) + [0x7F], [0x80] + [UInt8](repeating: 0, count: 7),
        ]

    private let examples: [[UInt8]]
    private let words: [[UInt8]]

    /// Makes a mutator.
    ///
    /// - Parameters:
    ///   - examples: What inputs are made of.
    ///   - words: What means something to whoever reads the inputs.
    package init(examples: [[UInt8]], words: [String] = []) {
        self.examples = examples.isEmpty ? [[]] : examples
        self.words = Self.words + words.map { Array($0.utf8) }
    }

    /// The input of a seed.
    package func input(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes = examples[Int.random(in: 0..<examples.count, using: &random)]
        // Mostly few changes: what is damaged everywhere is refused at its first byte.
        let changes = 1 << Int.random(in: 0...4, using: &random)
        for _ in 0..<Int.random(in: 1...changes, using: &random) { change(&bytes, &random) }
        return bytes.count > Self.maxByteCount && !examples.contains { $0.count >= bytes.count }
            ? Array(bytes.prefix(Self.maxByteCount)) : bytes
    }

    private func change(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let range = range(in: bytes, &random)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: flip(&bytes, &random)
        case 1: if let index = index(in: bytes, &random) { bytes[index] = .random(in: 0...255, using: &random) }
        case 2: bytes.removeSubrange(range)
        case 3: bytes.insert(contentsOf: Array(bytes[range]), at: range.upperBound)
        case 4: bytes.removeLast(bytes.count - range.lowerBound)
        case 5: bytes.insert(contentsOf: word(&random), at: range.lowerBound)
        case 6: bytes.replaceSubrange(number(in: bytes, from: range.lowerBound) ?? range, with: word(&random))
        case 7:
            // The beginning of this one, and the end of another.
            let other = examples[Int.random(in: 0..<examples.count, using: &random)]
            bytes = Array(bytes[..<range.lowerBound] + other[self.range(in: other, &random).lowerBound...])
        default:
            let piece = range.isEmpty ? word(&random) : Array(bytes[range].prefix(64))
            let count = 1 << Int.random(in: 1...10, using: &random)
            bytes.insert(contentsOf: (0..<count).flatMap { _ in piece }.prefix(Self.maxByteCount), at: range.lowerBound)
        }
    }

    /// Changes one bit.
    private func flip(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        if let index = index(in: bytes, &random) { bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random) }
    }

    private func word(_ random: inout SeededGenerator) -> [UInt8] {
        words[Int.random(in: 0..<words.count, using: &random)]
    }

    private func index(in bytes: [UInt8], _ random: inout SeededGenerator) -> Int? {
        bytes.isEmpty ? nil : Int.random(in: 0..<bytes.count, using: &random)
    }

    private func range(in bytes: [UInt8], _ random: inout SeededGenerator) -> Range<Int> {
        let start = Int.random(in: 0...bytes.count, using: &random)
        // Short pieces mostly, as those that mean something are.
        let longest = min(bytes.count - start, 1 << Int.random(in: 0...10, using: &random))
        return start..<start + Int.random(in: 0...longest, using: &random)
    }

    /// The next number in decimal digits.
    private func number(in bytes: [UInt8], from start: Int) -> Range<Int>? {
        let isDigit = { (byte: UInt8) in (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        guard let first = bytes[start...].firstIndex(where: isDigit) else { return nil }
        return first..<(bytes[first...].firstIndex { !isDigit($0) } ?? bytes.endIndex)
    }
}

/// Damages bytes as a disk does: changes up to 32 of them, clears a piece, or cuts off the end.
package func damage(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
    guard !bytes.isEmpty else { return }
    for _ in 0..<(1 << Int.random(in: 0...5, using: &random)) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= .random(in: 1...255, using: &random)
    }
    if Int.random(in: 0..<8, using: &random) == 0 {
        let start = Int.random(in: 0..<bytes.count, using: &random)
        for index in start..<min(start + 4096, bytes.count) { bytes[index] = 0 }
    }
    if Int.random(in: 0..<8, using: &random) == 0 { bytes.removeLast(Int.random(in: 1...bytes.count, using: &random)) }
}
