import Foundation
import Glibc
import QueuedStorageCore
import TestSupport
import Testing

@testable import QueuedStorageIngest

/// What can lie in a drop folder, and what can be said about it.
@Suite(.serialized, .timeLimit(.minutes(60))) struct HostileInputTests {
    @Test func `options, patterns and paths`() async throws {
        let examples = [
            "automatic", "after: 10m", "after: 9223372036854775807d", "window: 22:00-06:00", "window: 24:00-00:00",
            "still: 0s",
            "lease", "marker: .done", "marker: ../x", "**/a*b?[!c-]\\", "*/*/*/**/**/**/**/*x", "[", "[]]", "[a-", "\\",
            String(repeating: "*a", count: 40) + "b", String(repeating: "a", count: 200),
            "**/" + String(repeating: "**/*a", count: 6),
        ]
        try await HostileInput(
            "drop-folder-options",
            examples,
            words: ["*", "**", "[", "]", "\\", "after:"]
        )
        .attack { bytes, random in
            let text = String(decoding: bytes.prefix(400), as: UTF8.self)
            if let mode = try? DropFolderOptions.Mode(parsing: text) {
                let again = try? DropFolderOptions.Mode(parsing: "\(mode)")
                try hold(again == mode, "\(text) is \(mode)")
            }
            if let done = try? DropFolderOptions.Done(parsing: text) {
                let again = try? DropFolderOptions.Done(parsing: "\(done)")
                try hold(again == done, "\(text) is \(done)")
            }
            let path = DropPath(String((examples.randomElement(using: &random) ?? "").prefix(200)))
            _ = Glob(text).matches(path)
            let other = DropPath(bytes: bytes)
            _ = (other.name, other.parent, other.isPlain, other.isWithin(path), path.isWithin(other), other.description)
            _ = other.removingSuffix(".meta.json")
        }
    }

    @Test func `names and sidecars`() async throws {
        let examples = [
            "cat.jpg\n{\"title\":\"x\"}", "..\n{\"name\":\"../../secret\"}", "a.meta.json\n[]", "\u{301}\n{}",
            "-rf\n" + "[",
            "new\u{7F}\n{\"file\":\"/etc/passwd\"}", "cat.jpg\n" + String(repeating: "[", count: 20_000),
            "cat.jpg.meta.json\nnull",
        ]
        try await withTemporaryDirectory { directory in
            try "the secret".write(toFile: "\(directory)/secret", atomically: false, encoding: .utf8)
            let sink = DirectorySink("\(directory)/sink")
            var options = DropFolderOptions()
            options.sidecar = .optional
            var round = 0
            try await HostileInput("sidecars", examples, words: ["\n", ".meta.json", ".done", "\"title\":"], cost: 10)
                .attack { bytes in
                    round += 1
                    let inbox = "\(directory)/inbox-\(round)"
                    mkdir(inbox, 0o755)
                    symlink("../secret", "\(inbox)/link")
                    symlink("..", "\(inbox)/up")
                    let parts = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false)
                    // A name as a file system can have it: any bytes but two.
                    let name = Array(parts[0].filter { $0 != 0 && $0 != UInt8(ascii: "/") }.prefix(240))
                    for (leaf, content) in [
                        (name, Array("content".utf8)), (name + ".meta.json".utf8, Array(parts.last ?? [])),
                    ] {
                        let path = (Array("\(inbox)/".utf8) + leaf + [0]).map { CChar(bitPattern: $0) }
                        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
                        guard file >= 0 else { continue }
                        _ = Glibc.write(file, content, content.count)
                        close(file)
                    }
                    do { _ = try await takeOnce(inbox, into: sink, options: options) } catch is DropFolderError {}
                    for file in try await Quarantine(inbox: inbox).files() {
                        do { _ = try await Quarantine(inbox: inbox).retry(file.entry) } catch is DropFolderError {}
                    }
                    let secret = try? String(contentsOfFile: "\(directory)/secret", encoding: .utf8)
                    try hold(secret == "the secret", "what lies beside the drop folder was changed")
                    let beside = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                    try hold(
                        beside == ["inbox-\(round)", "secret", "sink"].sorted(),
                        "beside the drop folder are \(beside)"
                    )
                    try FileManager.default.removeItem(atPath: inbox)
                }
        }
    }

    @Test func `reasons in quarantine`() async throws {
        let examples = [
            #"{"entry":"bad","name":"sub/bad","reason":"x","at":"2026-11-20T12:00:00Z","size":5,"hasSidecar":true}"#,
            #"{"entry":"bad","name":"../up","reason":"x","at":"2026-11-20T12:00:00Z","size":5,"hasSidecar":false}"#,
            #"{"entry":"bad","name":"x","nameBytes":"Li4vdXA=","reason":"x","at":"9999-99-99T99:99:99Z","size":-5,"hasSidecar":true}"#,
            #"{"entry":"../../x","name":"/etc/x","reason":"x","at":"2026-11-20T12:00:00Z","size":9223372036854775808,"hasSidecar":true}"#,
            #"{"entry":"bad","name":".qstore/taken/x","reason":"","at":"2026-11-20T12:00:00Z","size":5,"hasSidecar":true}"#,
            #"{"entry":"bad","name":"up/moved","reason":"","at":"2026-11-20T12:00:00Z","size":5,"hasSidecar":true}"#,
        ]
        try await withTemporaryDirectory { directory in
            try "the secret".write(toFile: "\(directory)/secret", atomically: false, encoding: .utf8)
            try await HostileInput("quarantine", examples, words: ["\"name\":\"", "\"nameBytes\":\""], cost: 4).attack {
                bytes in
                let inbox = "\(directory)/inbox"
                let folder = "\(inbox)/.qstore/quarantine"
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                symlink("..", "\(inbox)/up")
                write("bad", to: "\(folder)/bad")
                write("{}", to: "\(folder)/bad.meta.json")
                // What lies beside the quarantine is no entry of it, though its name joins the slash in one character.
                for file in ["\u{301}", "\u{301}.reason.json"] { write(examples[0], to: "\(inbox)/.qstore/\(file)") }
                _ = FileManager.default.createFile(atPath: "\(folder)/bad.reason.json", contents: Data(bytes))
                let quarantine = Quarantine(inbox: inbox)
                _ = try await quarantine.files()
                let noise = String(decoding: bytes.prefix(100), as: UTF8.self)
                for entry in ["bad", "../../../secret", "../\u{301}", "..", "", noise] {
                    do { _ = try await quarantine.retry(entry) } catch is DropFolderError {} catch is SystemError {}
                    do { try await quarantine.remove(entry) } catch is DropFolderError {} catch is SystemError {}
                }
                let beside = try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
                try hold(beside == ["inbox", "secret"], "beside the drop folder are \(beside)")
                let ours = try FileManager.default.contentsOfDirectory(atPath: "\(inbox)/.qstore")
                try hold(
                    Set(ours) == ["quarantine", "\u{301}", "\u{301}.reason.json"],
                    "the private folder has \(ours)"
                )
                try FileManager.default.removeItem(atPath: inbox)
            }
        }
    }
}
