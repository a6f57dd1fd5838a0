import CLinux
import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import TestSupport
import Testing

/// Rules 2, 3, 17 to 22: what waits, for what, and what is refused.
@Suite(.timeLimit(.minutes(5))) struct WaitingTests {
    // MARK: Stillness

    @Test func `takes a file only after it stood still for the whole time`() async throws {
        let script = ScriptedEventSource()
        let time = ManualTime()
        let options = DropFolderOptions(done: .still(.seconds(10)))
        try await withDropFolder(script, options: options, time: time.timekeeper) { it in
            write("one", to: it.path("a"))
            script.send(.closedAfterWriting, "a", in: it.inbox)
            await time.waitForSleeper(until: .seconds(10))

            write("three", to: it.path("a"))
            time.advance(by: .seconds(10))
            await time.waitForSleeper(until: .seconds(20))
            #expect(it.sink.saved == [])
            time.advance(by: .seconds(10))

            await it.log.waitForTaken("a")
            #expect(it.sink.saved.map(\.bytes) == [Array("three".utf8)])
        }
    }

    @Test func `looks at an open file again, less and less often`() async throws {
        let script = ScriptedEventSource()
        let time = ManualTime()
        try await withDropFolder(script, time: time.timekeeper) { it in
            let descriptor = openToWrite(it.path("a"))
            script.send(.created, "a", in: it.inbox)
            await time.waitForSleeper(until: .milliseconds(100))
            time.advance(by: .milliseconds(100))
            await time.waitForSleeper(until: .milliseconds(200))
            time.advance(by: .milliseconds(100))
            await time.waitForSleeper(until: .milliseconds(400))

            close(descriptor)
            time.advance(by: .milliseconds(200))

            await it.log.waitForTaken("a")
        }
    }

    @Test func `waits for stillness where this user may not ask the kernel`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            for path in [inbox, "\(directory)/sink"] {
                mkdir(path, 0o755)
                try #require(chown(path, 65534, 65534) == 0)
            }
            write("x", to: "\(inbox)/of-root")

            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try #require(setgid(65534) == 0 && setuid(65534) == 0)
                let sink = DirectorySink("\(directory)/sink")
                let log = EventLog()
                let options = DropFolderOptions(settleTime: .milliseconds(20))
                let summary = try await takeOnce("\(directory)/inbox", into: sink, options: options, log: log)
                #expect(summary.taken == 1)
                #expect(sink.taken.map(\.isOurs) == [false])
                #expect(log.events.contains { $0.isWaiting("of-root", .unsettled) })
            }
        }
    }

    // MARK: 20. What may not be read or moved

    @Test func `reports a file that it may not read and one that it may not move`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            for path in [inbox, "\(directory)/sink", "\(inbox)/locked"] { mkdir(path, 0o755) }
            for path in [inbox, "\(directory)/sink"] { try #require(chown(path, 65534, 65534) == 0) }
            write("x", to: "\(inbox)/secret")
            chmod("\(inbox)/secret", 0o600)
            write("x", to: "\(inbox)/locked/a")

            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try #require(setgid(65534) == 0 && setuid(65534) == 0)
                let sink = DirectorySink("\(directory)/sink")
                let log = EventLog()
                let options = DropFolderOptions(settleTime: .milliseconds(20))
                let summary = try await takeOnce("\(directory)/inbox", into: sink, options: options, log: log)
                #expect(summary.failed == 2)
                #expect(summary.taken == 0)
                #expect(Set(log.events.compactMap(\.problem)) == ["secret", "locked/a"])
            }
            #expect(isThere("\(inbox)/secret"))
            #expect(isThere("\(inbox)/locked/a"))
        }
    }

    @Test func `puts a file back that couldn't be saved, and tries again slowly`() async throws {
        let script = ScriptedEventSource()
        let time = ManualTime()
        let failures = Countdown(1)
        let failOnce: @Sendable (DroppedFile) async throws -> Void = { _ in
            if failures.count() { throw StorageError(.full, "no room") }
        }
        try await withDropFolder(
            script,
            time: time.timekeeper,
            sink: { DirectorySink($0, before: failOnce) }
        ) { it in
            write("x", to: it.path("a"))
            script.send(.closedAfterWriting, "a", in: it.inbox)
            await it.log.wait { $0.problem == "a" }
            await time.waitForSleeper(until: .seconds(60))
            #expect(it.exists("a"))
            #expect(it.folder.problems.map(\.name) == ["a"])

            time.advance(by: .seconds(60))

            await it.log.waitForTaken("a")
        }
    }

    @Test func `asks what was committed before it tries again after an error`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")
            let sink = DirectorySink(
                "\(directory)/sink",
                after: { _ in throw StorageError(.failed, "the answer was lost") }
            )

            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.savedNames == ["a"])
            #expect(sink.remembered == [])
            #expect(!isThere("\(inbox)/a"))
        }
    }

    // MARK: 17. Markers

    @Test(arguments: KernelSource.allCases)
    func `takes a file when its marker appears, and the marker with it`(_ kernel: KernelSource) async throws {
        let options = DropFolderOptions(done: .marker(suffix: ".done"))
        try await withDropFolder(kernel.source, options: options) { it in
            write("x", to: it.path("a"))
            await it.log.wait { $0.isWaiting("a", .marker) }
            #expect(it.sink.saved == [])

            write("", to: it.path("a.done"))

            await it.log.waitForTaken("a")
            #expect(it.sink.savedNames == ["a"])
            #expect(!it.exists("a.done"))
        }
    }

    // MARK: 18. Modes

    @Test func `says when to transfer`() async throws {
        let now = Date(timeIntervalSince1970: 1_800_000_000)
        let expected: [(DropFolderOptions.Mode, DroppedFile.Schedule)] = [
            (.automatic, .automatic), (.delayed, .delayed), (.after(.seconds(600)), .at(now.addingTimeInterval(600))),
            (.window(TimeWindow(start: 0, end: 1439)), .at(TimeWindow(start: 0, end: 1439).next(from: now))),
        ]
        for (mode, schedule) in expected {
            try await withTemporaryDirectory { directory in
                let sink = DirectorySink("\(directory)/sink")
                mkdir("\(directory)/inbox", 0o755)
                write("x", to: "\(directory)/inbox/a")

                _ = try await takeOnce(
                    "\(directory)/inbox",
                    into: sink,
                    options: DropFolderOptions(mode: mode),
                    time: ManualTime(date: now).timekeeper
                )

                #expect(sink.taken.map(\.schedule) == [schedule])
            }
        }
    }

    // MARK: 19. Room

    @Test func `leaves files where they are while the disk is short`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            let sink = DirectorySink("\(directory)/sink")
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")

            let summary = try await takeOnce(inbox, into: sink, options: DropFolderOptions(minimumFreeBytes: .max))

            #expect(summary.waiting == 1)
            #expect(!summary.isComplete)
            #expect(isThere("\(inbox)/a"))
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test func `lets small files pass large ones`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            for number in 0..<10 { write("s", to: "\(inbox)/small\(number)") }
            for number in 0..<10 { write("large", to: "\(inbox)/large\(number)") }
            let log = EventLog()
            let sink = DirectorySink(
                "\(directory)/sink",
                before: { drop in
                    // Each large file takes until all small ones are saved.
                    if drop.name.hasPrefix("large") { await log.wait(10) { $0.taken?.hasPrefix("small") == true } }
                }
            )

            let summary = try await takeOnce(
                inbox,
                into: sink,
                options: DropFolderOptions(largeFileSize: 5),
                log: log
            )

            #expect(summary.taken == 20)
        }
    }

    // MARK: 21. The folder goes away

    @Test(arguments: KernelSource.allCases)
    func `notices that the folder was deleted, and goes on when it is back`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source, returnInterval: .milliseconds(200)) { it in
            try FileManager.default.removeItem(atPath: it.inbox)
            await it.log.wait { $0.isGone }

            mkdir(it.inbox, 0o755)
            await it.log.wait { $0.isBack }
            write("x", to: it.path("a"))

            await it.log.waitForTaken("a")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `notices that the folder was replaced`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            mkdir("\(it.directory)/new", 0o755)
            write("x", to: "\(it.directory)/new/a")

            #expect(rename(it.inbox, "\(it.directory)/old") == 0)
            #expect(rename("\(it.directory)/new", it.inbox) == 0)

            await it.log.waitForTaken("a")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `notices that a directory above the folder was replaced`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source, below: "above") { it in
            mkdir("\(it.directory)/new", 0o755)
            mkdir("\(it.directory)/new/inbox", 0o755)
            write("x", to: "\(it.directory)/new/inbox/a")

            #expect(rename("\(it.directory)/above", "\(it.directory)/old") == 0)
            #expect(rename("\(it.directory)/new", "\(it.directory)/above") == 0)

            await it.log.waitForTaken("a")
        }
    }

    // MARK: 22. Overlaps

    @Test(arguments: ["inbox", "inbox/media", "", "link", "link/not/yet"])
    func `refuses a folder that overlaps with its storage`(_ place: String) async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inbox", 0o755)
            mkdir("\(directory)/inbox/media", 0o755)
            symlink("inbox/media", "\(directory)/link")
            let sink = DirectorySink("\(directory)/sink", occupiedPaths: ["\(directory)/\(place)"])

            let error = await #expect(throws: DropFolderError.self) {
                try await takeOnce("\(directory)/inbox", into: sink)
            }

            #expect(error?.code == .overlapping)
        }
    }

    @Test func `says that a folder isn't there`() async throws {
        try await withTemporaryDirectory { directory in
            let error = await #expect(throws: DropFolderError.self) {
                try await takeOnce("\(directory)/nowhere", into: DirectorySink("\(directory)/sink"))
            }

            #expect(error?.code == .unavailable)
        }
    }
}
