import Foundation
import Glibc
import QueuedStorageIngest
import Testing

@Suite struct OptionsTests {
    @Test(arguments: [
        ("automatic", DropFolderOptions.Mode.automatic), ("delayed", .delayed), ("after: 10m", .after(.seconds(600))),
        ("after 1h30m", .after(.seconds(5400))), ("window 22:00-06:00", .window(TimeWindow(start: 1320, end: 360))),
        ("window: 8:30 - 17:00", .window(TimeWindow(start: 510, end: 1020))),
    ])
    func `reads modes`(_ text: String, _ mode: DropFolderOptions.Mode) throws {
        #expect(try DropFolderOptions.Mode(parsing: text) == mode)
        #expect(try DropFolderOptions.Mode(parsing: "\(mode)") == mode)
    }

    @Test(arguments: [
        "", "now", "after", "after: soon", "after: 5", "window", "window 22-06", "window 22:00", "window 25:00-26:00",
        "window 10:00-10:00", "delayed: 5s", "after: 99999999999999999999d",
    ])
    func `refuses other modes`(_ text: String) {
        let error = #expect(throws: DropFolderError.self) { try DropFolderOptions.Mode(parsing: text) }
        #expect(error?.code == .invalidOption)
    }

    @Test(arguments: [
        ("lease", DropFolderOptions.Done.lease), ("still 30s", .still(.seconds(30))),
        ("still: 250ms", .still(.milliseconds(250))),
        ("marker", .marker(suffix: ".done")), ("marker: .ready", .marker(suffix: ".ready")),
    ])
    func `reads rules for finished files`(_ text: String, _ done: DropFolderOptions.Done) throws {
        #expect(try DropFolderOptions.Done(parsing: text) == done)
        #expect(try DropFolderOptions.Done(parsing: "\(done)") == done)
    }

    @Test(arguments: ["", "still", "still: 0s", "marker: a/b", "lease: 5s", "closed"])
    func `refuses other rules for finished files`(_ text: String) {
        #expect(throws: DropFolderError.self) { try DropFolderOptions.Done(parsing: text) }
    }

    @Test(arguments: [
        ("*.pdf", "a.pdf", true), ("*.pdf", "x/a.pdf", true), ("*.pdf", "a.pdf.txt", false), ("a?c", "abc", true),
        ("a?c", "a🦊c", true), ("a?c", "ac", false), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false),
        ("docs/*.pdf", "docs/a.pdf", true), ("docs/*.pdf", "docs/x/a.pdf", false), ("docs/**", "docs/x/a.pdf", true),
        ("**/a.pdf", "a.pdf", true), ("**/a.pdf", "x/y/a.pdf", true), ("/a.pdf", "a.pdf", true), (#"\*"#, "*", true),
        (#"\*"#, "x", false), ("[", "[", true), ("a*b*c", "axxbxxc", true), ("a*b*c", "axxcxxb", false),
        ("*a*a*a*a*a*a*a*a*b", String(repeating: "a", count: 200), false),
    ])
    func `compares names with patterns`(_ pattern: String, _ path: String, _ matches: Bool) {
        #expect(Glob(pattern).matches(DropPath(path)) == matches)
    }

    @Test(arguments: [
        (12, "22:00-06:00", 22), (23, "22:00-06:00", 23), (5, "22:00-06:00", 5), (6, "22:00-06:00", 22),
        (12, "08:00-10:00", 8), (9, "08:00-10:00", 9),
    ])
    func `finds when a window opens`(_ hour: Int, _ window: String, _ expected: Int) throws {
        var local = tm()
        local.tm_year = 126
        local.tm_mon = 0
        local.tm_mday = 15
        local.tm_hour = Int32(hour)
        local.tm_isdst = -1
        let now = Date(timeIntervalSince1970: Double(mktime(&local)))

        let next = try TimeWindow(parsing: window).next(from: now)

        var seconds = time_t(next.timeIntervalSince1970)
        var result = tm()
        localtime_r(&seconds, &result)
        #expect(Int(result.tm_hour) == expected)
        #expect(next >= now)
        #expect(next.timeIntervalSince(now) < 86_400)
    }
}
