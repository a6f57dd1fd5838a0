import Foundation
import TestSupport
import Testing

@testable import QueuedStorageCLI

@Suite struct TextTests {
    @Test(arguments: [
        (Int64(0), "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1500, "1.5 kB"), (9949, "9.9 kB"), (12_000_000, "12 MB"),
        (999_999, "1.0 MB"), (.max, "9.2 EB"),
    ])
    func `numbers of bytes are short`(_ count: Int64, _ text: String) { #expect(Text.byteCount(count) == text) }

    @Test(arguments: [
        (0.0, "0s"), (59.0, "59s"), (192, "3m 12s"), (3720, "1h 02m"), (190_800, "2d 05h"),
        (.infinity, "11574074d 01h"),
    ])
    func `spans have two units`(_ seconds: Double, _ text: String) { #expect(Text.span(seconds) == text) }

    @Test(arguments: [
        (0.0, "1970-01-01T00:00:00.000Z"), (1_700_000_000.0625, "2023-11-14T22:13:20.063Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
    ])
    func `instants are UTC with milliseconds`(_ seconds: Double, _ text: String) {
        #expect(Text.instant(Date(timeIntervalSince1970: seconds)) == text)
    }

    @Test(arguments: [("/a/b-1.txt", "/a/b-1.txt"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("", "''")])
    func `words are quoted for shells`(_ word: String, _ quoted: String) { #expect(Text.shellQuoted(word) == quoted) }

    @Test(arguments: [("64MiB", Int64(64 << 20)), ("10", 10), ("3kB", 3000)])
    func `numbers of bytes are read`(_ text: String, _ count: Int64) { #expect(ByteCount.parse(text) == count) }

    @Test(arguments: ["", "MB", "-1", "1.5MB", "99999999999TB", "٣"])
    func `what is no number of bytes isn't read`(_ text: String) { #expect(ByteCount.parse(text) == nil) }

    @Test func `a progress bar tells rate and rest, and fits its terminal`() {
        let wide = ProgressBar.line("a", done: 50, total: 100, rate: 10, suffix: "", width: 80)
        let narrow = ProgressBar.line("a", done: 50, total: 100, rate: 10, suffix: "", width: 20)

        #expect(wide == "[############------------] 50%  a  50 B of 100 B, 10 B/s, 5s left")
        #expect(narrow.count <= 19)
    }

    @Test func `a rate is that of the last seconds`() {
        var meter = RateMeter(startedAt: 0)

        #expect(meter.rate(1000, at: 1000) == 1000)
        _ = meter.rate(1000, at: 7000)
        _ = meter.rate(1000, at: 13_000)
        #expect(meter.rate(3000, at: 14_000) == 2_000_000.0 / 7000)
    }
}
