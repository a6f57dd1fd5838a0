import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import Synchronization
import TestSupport
import Testing

/// Rules 13, 14 and 16: what can't be taken, and what the reasons are.
@Suite(.timeLimit(.minutes(5))) struct QuarantineTests {
    /// A sink that refuses names once and for all.
    private func refusing(_ directory: String, _ names: String...) -> DirectorySink {
        DirectorySink(
            "\(directory)/sink",
            before: { drop in
                if names.contains(drop.name) { throw StorageError(.invalidName, name: drop.name, "no such name here") }
            }
        )
    }

    @Test func `lists what the storage refuses, with its reason`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            mkdir("\(inbox)/sub", 0o755)
            write("12345", to: "\(inbox)/sub/bad")

            let summary = try await takeOnce(inbox, into: refusing(directory, "sub/bad"))

            let files = try await Quarantine(inbox: inbox).files()
            #expect(summary.quarantined == 1)
            #expect(files.map(\.entry) == ["bad"])
            #expect(files.map(\.name) == ["sub/bad"])
            #expect(files.map(\.size) == [5])
            #expect(files.map(\.reason) == ["no such name here"])
            #expect(left(inbox, "quarantine").sorted() == ["bad", "bad.reason.json"])
        }
    }

    @Test func `retries a file where it was dropped, without a watcher`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            mkdir("\(inbox)/sub", 0o755)
            write("x", to: "\(inbox)/sub/bad")
            _ = try await takeOnce(inbox, into: refusing(directory, "sub/bad"))
            rmdir("\(inbox)/sub")
            let quarantine = Quarantine(inbox: inbox)

            let path = try await quarantine.retry("bad")

            #expect(path == "\(inbox)/sub/bad")
            #expect(isThere(path))
            #expect(left(inbox, "quarantine") == [])
            let sink = DirectorySink("\(directory)/sink")
            #expect(try await takeOnce(inbox, into: sink).taken == 1)
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes a file that is retried while it watches`(_ kernel: KernelSource) async throws {
        let refusals = Countdown(1)
        let refuseOnce: @Sendable (DroppedFile) async throws -> Void = { drop in
            if refusals.count() { throw StorageError(.notSupported, name: drop.name, "not now") }
        }
        try await withDropFolder(kernel.source, sink: { DirectorySink($0, before: refuseOnce) }) { it in
            write("x", to: it.path("a"))
            await it.log.wait { $0.quarantined == "a" }

            _ = try await Quarantine(inbox: it.inbox).retry("a")

            await it.log.waitForTaken("a")
        }
    }

    @Test func `doesn't retry over a new file`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("old", to: "\(inbox)/bad")
            _ = try await takeOnce(inbox, into: refusing(directory, "bad"))
            write("new", to: "\(inbox)/bad")

            let error = await #expect(throws: DropFolderError.self) { try await Quarantine(inbox: inbox).retry("bad") }

            #expect(error?.code == .nameTaken)
            #expect(try await Quarantine(inbox: inbox).files().count == 1)
        }
    }

    @Test func `removes a file for good`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/bad")
            _ = try await takeOnce(inbox, into: refusing(directory, "bad"))

            try await Quarantine(inbox: inbox).remove("bad")

            #expect(left(inbox, "quarantine") == [])
            let error = await #expect(throws: DropFolderError.self) { try await Quarantine(inbox: inbox).remove("bad") }
            #expect(error?.code == .notFound)
        }
    }

    @Test(arguments: ["../id", "", "..", "/etc/passwd", "nothing"])
    func `has no file that isn't in quarantine`(_ entry: String) async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/bad")
            _ = try await takeOnce(inbox, into: refusing(directory, "bad"))

            let error = await #expect(throws: DropFolderError.self) { try await Quarantine(inbox: inbox).remove(entry) }

            #expect(error?.code == .notFound)
        }
    }

    @Test func `keeps files of one name apart`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            for content in ["one", "two", "three"] {
                write(content, to: "\(inbox)/bad")
                _ = try await takeOnce(inbox, into: refusing(directory, "bad"))
            }

            let files = try await Quarantine(inbox: inbox).files()

            #expect(Set(files.map(\.entry)) == ["bad", "bad~2", "bad~3"])
        }
    }

    @Test func `removes and retries nothing else than what it is asked to`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            let names = ["x", "x.meta.json", "y", "y.meta.json"]
            for name in names {
                write(name, to: "\(inbox)/\(name)")
                _ = try await takeOnce(inbox, into: refusing(directory, "x", "x.meta.json", "y", "y.meta.json"))
            }
            let quarantine = Quarantine(inbox: inbox)
            func entry(_ name: String) async throws -> String {
                try #require(try await quarantine.files().first { $0.name == name }).entry
            }

            try await quarantine.remove(entry("x"))
            _ = try await quarantine.retry(entry("y"))

            #expect(try await Set(quarantine.files().map(\.name)) == ["x.meta.json", "y.meta.json"])
            for name in ["x.meta.json", "y.meta.json"] {
                let path = try await quarantine.retry(entry(name))
                #expect(try String(contentsOfFile: path, encoding: .utf8) == name)
            }
        }
    }

    @Test(arguments: [["x", "x.meta.json"], ["x.meta.json", "x"]])
    func `keeps a file apart from the sidecar of another one`(_ order: [String]) async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            for name in order {
                // A sidecar that isn't JSON is why its file is refused; the other is refused by its name.
                write("x", to: "\(inbox)/\(name)")
                if name == "x" { write("sidecar", to: "\(inbox)/x.meta.json") }
                _ = try await takeOnce(
                    inbox,
                    into: refusing(directory, "x.meta.json"),
                    options: DropFolderOptions(sidecar: name == "x" ? .optional : .none)
                )
            }
            let quarantine = Quarantine(inbox: inbox)
            let files = try await quarantine.files()
            let file = try #require(files.first { $0.name == "x" })
            #expect(files.count == 2)

            try await quarantine.remove(file.entry)

            #expect(try await quarantine.files().map(\.name) == ["x.meta.json"])
            #expect(left(inbox, "quarantine").count == 2)
        }
    }

    @Test func `keeps a name of 255 bytes`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            let name = String(repeating: "é", count: 127)
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/\(name)")

            _ = try await takeOnce(inbox, into: refusing(directory, name))

            #expect(try await Quarantine(inbox: inbox).files().map(\.name) == [name])
        }
    }

    @Test func `keeps a name that isn't UTF-8, byte by byte`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            let path: [CChar] = inbox.utf8.map { CChar(bitPattern: $0) } + [47, 99, -23, 0]
            close(open(path, O_WRONLY | O_CREAT, 0o644))

            let summary = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"))

            #expect(summary.quarantined == 1)
            #expect(try await Quarantine(inbox: inbox).files().map(\.name) == [#"c\xE9"#])
            _ = try await Quarantine(inbox: inbox).retry(#"c\xE9"#)
            #expect(access(path, F_OK) == 0)
        }
    }

    // MARK: 14. Taken names

    @Test(arguments: DroppedFile.Collision.allCases)
    func `tells the sink what to do about a taken name`(_ rule: DroppedFile.Collision) async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            mkdir("\(directory)/inbox", 0o755)
            write("x", to: "\(directory)/inbox/a")

            _ = try await takeOnce("\(directory)/inbox", into: sink, options: DropFolderOptions(onCollision: rule))

            #expect(sink.taken.map(\.onCollision) == [rule])
        }
    }

    @Test func `keeps a skipped file in quarantine`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")

            let summary = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink", skips: ["a"]))

            #expect(summary.skipped == 1)
            #expect(summary.quarantined == 0)
            #expect(try await Quarantine(inbox: inbox).files().map(\.reason) == ["its name was taken"])
        }
    }

    // MARK: 16. Sidecars

    @Test func `hands a sidecar over as metadata`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            let sink = DirectorySink("\(directory)/sink")
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a.pdf")
            write(#"{"title": "A"}"#, to: "\(inbox)/a.pdf.meta.json")

            let summary = try await takeOnce(inbox, into: sink, options: DropFolderOptions(sidecar: .optional))

            #expect(summary.taken == 1)
            #expect(sink.taken.map(\.metadata) == [#"{"title": "A"}"#])
            #expect(!isThere("\(inbox)/a.pdf.meta.json"))
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test func `takes a sidecar as a file where there are none`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            let sink = DirectorySink("\(directory)/sink")
            mkdir(inbox, 0o755)
            write("{}", to: "\(inbox)/a.meta.json")

            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.savedNames == ["a.meta.json"])
        }
    }

    @Test(arguments: ["[1]", "{", "", "\"text\""])
    func `puts a file with an invalid sidecar into quarantine, with the sidecar`(_ sidecar: String) async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")
            write(sidecar, to: "\(inbox)/a.meta.json")

            let summary = try await takeOnce(
                inbox,
                into: DirectorySink("\(directory)/sink"),
                options: DropFolderOptions(sidecar: .optional)
            )

            #expect(summary.quarantined == 1)
            #expect(left(inbox, "quarantine").sorted() == ["a", "a.meta.json", "a.reason.json"])
        }
    }

    @Test func `leaves a new drop its sidecar where an old one can't be retried`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("old", to: "\(inbox)/a")
            write("[]", to: "\(inbox)/a.meta.json")
            let options = DropFolderOptions(sidecar: .optional)
            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"), options: options)
            // It never came into quarantine, though it was meant to.
            #expect(unlink("\(inbox)/.qstore/quarantine/a.meta.json") == 0)
            write("new", to: "\(inbox)/a")
            write("{}", to: "\(inbox)/a.meta.json")

            await #expect(throws: DropFolderError.self) { try await Quarantine(inbox: inbox).retry("a") }

            #expect(isThere("\(inbox)/a.meta.json"))
            #expect(left(inbox, "quarantine").sorted() == ["a", "a.reason.json"])
        }
    }

    @Test func `brings a file and its sidecar together that were parted on the way into quarantine`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            let options = DropFolderOptions(sidecar: .optional)
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")
            write("[]", to: "\(inbox)/a.meta.json")
            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"), options: options)
            // The process died after it had moved the file, before it moved the sidecar.
            let dead = "\(inbox)/.qstore/taken/dead"
            mkdir(dead, 0o700)
            write("a", to: "\(dead)/1.name")
            #expect(rename("\(inbox)/.qstore/quarantine/a.meta.json", "\(dead)/1.meta") == 0)

            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"), options: options)
            _ = try await Quarantine(inbox: inbox).retry("a")

            #expect(isThere("\(inbox)/a"))
            #expect(isThere("\(inbox)/a.meta.json"))
            #expect(left(inbox, "taken") == [])
            #expect(left(inbox, "quarantine") == [])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `waits for a sidecar that is required`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source, options: DropFolderOptions(sidecar: .required)) { it in
            write("x", to: it.path("a"))
            await it.log.wait { $0.isWaiting("a", .sidecar) }
            #expect(it.sink.saved == [])

            write("{}", to: it.path("a.meta.json"))

            await it.log.waitForTaken("a")
            #expect(it.sink.taken.map(\.metadata) == ["{}"])
        }
    }
}

/// Says yes so many times.
final class Countdown: Sendable {
    private let rest: Mutex<Int>

    init(_ times: Int) { rest = Mutex(times) }

    func count() -> Bool {
        rest.withLock { rest in
            rest -= 1
            return rest >= 0
        }
    }
}
