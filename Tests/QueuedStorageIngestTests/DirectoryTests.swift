import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import TestSupport
import Testing

/// Rules 5, 6, 7, 8, 9, 15: what lies where, and how it is noticed.
@Suite(.timeLimit(.minutes(5))) struct DirectoryTests {
    @Test(arguments: KernelSource.allCases)
    func `takes files of new sub-directories`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            try it.makeDirectory("a/b/c")
            write("1", to: it.path("a/1"))
            write("3", to: it.path("a/b/c/3"))

            await it.log.waitForTaken(count: 2)
            write("4", to: it.path("a/b/c/4"))
            await it.log.waitForTaken("a/b/c/4")

            #expect(it.sink.savedNames == ["a/1", "a/b/c/3", "a/b/c/4"])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes the files of a full directory that is moved in`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            try FileManager.default.createDirectory(
                atPath: "\(it.directory)/full/deep",
                withIntermediateDirectories: true
            )
            for number in 0..<100 { write("x", to: "\(it.directory)/full/deep/\(number)") }

            #expect(rename("\(it.directory)/full", it.path("moved")) == 0)

            await it.log.waitForTaken(count: 100)
            #expect(it.sink.savedNames.allSatisfy { $0.hasPrefix("moved/deep/") })
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `names files by where a renamed directory is now`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            try it.makeDirectory("old/sub")
            write("1", to: it.path("old/sub/1"))
            await it.log.waitForTaken("old/sub/1")

            #expect(rename(it.path("old"), it.path("new")) == 0)
            write("2", to: it.path("new/sub/2"))

            await it.log.waitForTaken("new/sub/2")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `leaves a directory alone that is moved out`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            try it.makeDirectory("out")
            write("1", to: it.path("out/1"))
            await it.log.waitForTaken("out/1")

            #expect(rename(it.path("out"), "\(it.directory)/out") == 0)
            write("2", to: "\(it.directory)/out/2")
            write("3", to: it.path("3"))

            await it.log.waitForTaken("3")
            #expect(isThere("\(it.directory)/out/2"))
            #expect(it.sink.savedNames == ["3", "out/1"])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `watches a directory that was deleted and made again`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            for round in 1...3 {
                try it.makeDirectory("d")
                write("x", to: it.path("d/\(round)"))
                await it.log.waitForTaken("d/\(round)")
                #expect(rmdir(it.path("d")) == 0)
            }
        }
    }

    // MARK: 6. Overflow

    @Test func `looks through the folder once after the queue overflowed`() async throws {
        let script = ScriptedEventSource()
        try await withDropFolder(script) { it in
            write("1", to: it.path("unheard"))

            for _ in 0..<1000 { script.send(.overflow) }

            await it.log.waitForTaken("unheard")
            write("2", to: it.path("heard"))
            script.send(.closedAfterWriting, "heard", in: it.inbox)
            await it.log.waitForTaken("heard")
            let overflows = it.log.events.count { $0.isOverflow }
            let scans = it.log.events.count { $0.isScanned }
            #expect(overflows > 0)
            #expect(scans < 100)
        }
    }

    @Test func `loses nothing when more happens than is remembered`() async throws {
        let script = ScriptedEventSource()
        try await withDropFolder(script) { it in
            for number in 0..<500 { write("x", to: it.path("\(number)")) }

            for _ in 0..<20_000 { script.send(.closedAfterWriting, "nothing", in: it.inbox) }
            script.send(.overflow)

            await it.log.waitForTaken(count: 500)
        }
    }

    // MARK: 7. Polling

    @Test func `polls by itself when no more watches are allowed`() async throws {
        let script = ScriptedEventSource(limit: 2)
        let prepare = { (inbox: String) in
            for name in ["a", "b", "c"] { mkdir("\(inbox)/\(name)", 0o755) }
        }
        let options = DropFolderOptions(pollInterval: .milliseconds(20))
        try await withDropFolder(script, options: options, prepare: prepare) { it in
            await it.log.wait { $0.polling != nil }

            write("x", to: it.path("c/unheard"))

            await it.log.waitForTaken("c/unheard")
        }
    }

    @Test func `polls where it is asked to`() async throws {
        let options = DropFolderOptions(pollInterval: .milliseconds(20))
        try await withDropFolder(.polling, options: options) { it in
            write("x", to: it.path("a"))

            await it.log.waitForTaken("a")
        }
    }

    // MARK: 8. Selection

    @Test func `ignores hidden files and files in the making`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            mkdir("\(inbox)/.git", 0o755)
            let ignored = [
                ".hidden", "a.part", "b.tmp", "c.partial", "d.crdownload", "e.filepart", "f~", "g.swp", "h.swx", "4913",
                "#i#", ".git/j",
            ]
            for name in ignored + ["taken"] { write("x", to: "\(inbox)/\(name)") }

            let summary = try await takeOnce(inbox, into: sink)

            #expect(summary.taken == 1)
            #expect(sink.savedNames == ["taken"])
            #expect(ignored.allSatisfy { isThere("\(inbox)/\($0)") })
        }
    }

    @Test func `takes what is included and not excluded`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            let inbox = "\(directory)/inbox"
            for name in ["", "/build", "/docs", "/docs/old"] { mkdir(inbox + name, 0o755) }
            for name in ["a.pdf", "b.txt", "build/c.pdf", "docs/d.pdf", "docs/old/e.pdf"] {
                write("x", to: "\(inbox)/\(name)")
            }
            let options = DropFolderOptions(include: ["*.pdf"], exclude: ["build", "docs/**/e.*"])

            _ = try await takeOnce(inbox, into: sink, options: options)

            #expect(sink.savedNames == ["a.pdf", "docs/d.pdf"])
        }
    }

    // MARK: 9. What isn't a file

    @Test func `leaves links, FIFOs, sockets and devices alone`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            mkdir("\(directory)/outside", 0o755)
            write("secret", to: "\(directory)/outside/secret")
            symlink("\(directory)/outside/secret", "\(inbox)/link")
            symlink("\(directory)/outside", "\(inbox)/linked-directory")
            mkfifo("\(inbox)/fifo", 0o644)
            mknod("\(inbox)/null", S_IFCHR | 0o666, 0x103)

            let summary = try await takeOnce(inbox, into: sink)

            #expect(summary == DropFolderSummary())
            #expect(sink.saved == [])
            #expect(isThere("\(directory)/outside/secret"))
        }
    }

    @Test func `moves nothing from outside when a directory becomes a symbolic link`() async throws {
        let script = ScriptedEventSource()
        try await withDropFolder(script) { it in
            try it.makeDirectory("d")
            script.send([.created, .isDirectory], "d", in: it.inbox)
            write("first", to: it.path("d/first"))
            script.send(.closedAfterWriting, "first", in: it.path("d"))
            script.send(.overflow)
            await it.log.waitForTaken("d/first")
            mkdir("\(it.directory)/outside", 0o755)
            write("secret", to: "\(it.directory)/outside/secret")
            rmdir(it.path("d"))
            symlink("\(it.directory)/outside", it.path("d"))

            script.send(.closedAfterWriting, "secret", in: it.path("d"))
            write("last", to: it.path("last"))
            script.send(.closedAfterWriting, "last", in: it.inbox)

            await it.log.waitForTaken("last")
            #expect(isThere("\(it.directory)/outside/secret"))
            #expect(it.sink.savedNames == ["d/first", "last"])
        }
    }

    // MARK: 15. Emptied directories

    @Test(arguments: [false, true])
    func `keeps emptied directories unless it is to prune`(prune: Bool) async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            let inbox = "\(directory)/inbox"
            for name in ["", "/a", "/a/b"] { mkdir(inbox + name, 0o755) }
            write("x", to: "\(inbox)/a/b/c")

            _ = try await takeOnce(inbox, into: sink, options: DropFolderOptions(prune: prune))

            #expect(sink.savedNames == ["a/b/c"])
            #expect(isThere("\(inbox)/a") == !prune)
        }
    }

    // MARK: Names

    @Test(arguments: KernelSource.allCases)
    func `takes odd names as they are`(_ kernel: KernelSource) async throws {
        let names = [
            "new\nline", "quote\"'`$(x)", "-rf", "🦊 fox.png", String(repeating: "n", count: 255), " ", "a\\b", "%2e%2e",
        ]
        try await withDropFolder(kernel.source) { it in
            for name in names { write("x", to: it.path(name)) }

            await it.log.waitForTaken(count: names.count)

            #expect(it.sink.savedNames.sorted() == names.sorted())
        }
    }

    @Test func `is the same folder by a symbolic link and with a slash at its end`() async throws {
        try await withTemporaryDirectory { directory in
            let sink = DirectorySink("\(directory)/sink")
            mkdir("\(directory)/inbox", 0o755)
            symlink("inbox", "\(directory)/link")
            write("x", to: "\(directory)/inbox/a")

            _ = try await takeOnce("\(directory)/link//", into: sink)

            #expect(sink.taken.map(\.originalPath) == ["\(directory)/inbox/a"])
        }
    }
}
