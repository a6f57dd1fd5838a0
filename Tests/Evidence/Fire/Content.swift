import Foundation
import TestSupport

/// The bytes of the files that are dropped: each says which one it is, how long it is, and has bytes of its own.
struct Contents: Sendable {
    let seed: UInt64

    /// What a file holds.
    func bytes(of file: Int) -> [UInt8] {
        let size = size(of: file)
        let head = Array("qstore-fire \(seed) \(file) \(size)\n".utf8)
        let own = UInt32(truncatingIfNeeded: seed &* 2_654_435_761 &+ UInt64(file) &+ 1)
        return head + pattern(max(0, size - head.count), seed: own)
    }

    /// Most are small; one in two hundred is up to 256 KiB, and one in thirty thousand is large to a drop folder.
    private func size(of file: Int) -> Int {
        var generator = SeededGenerator(seed: seed ^ UInt64(file) &* 0x9E37_79B9_7F4A_7C15)
        if file % 30_000 == 29_999 { return (16 << 20) + Int.random(in: 1...(1 << 20), using: &generator) }
        return switch Int.random(in: 0..<200, using: &generator) {
        case 0: Int.random(in: (16 << 10)...(256 << 10), using: &generator)
        case 1..<20: Int.random(in: 2000...(16 << 10), using: &generator)
        default: Int.random(in: 64...2000, using: &generator)
        }
    }

    /// Which file bytes are, by what their first line says.
    func file(of bytes: Data) -> Int? {
        guard let end = bytes.prefix(128).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ")
        guard words.count == 4, words[0] == "qstore-fire", UInt64(words[1]) == seed else { return nil }
        return Int(words[2])
    }
}
