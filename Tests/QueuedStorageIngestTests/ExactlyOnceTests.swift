import CLinux
import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageIngest
import ServiceLifecycle
import TestSupport
import Testing

/// Rules 10 and 11: whatever dies, and whoever else is there, a file is taken once.
@Suite(.timeLimit(.minutes(5))) struct ExactlyOnceTests {
    /// Where a process is killed.
    enum Death: String, CaseIterable, Codable, Sendable {
        case beforeTheSave, afterTheSave, beforeForgetting
    }

    @Test(arguments: Death.allCases)
    func `takes each file once although the process was killed`(_ death: Death) async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            mkdir("\(inbox)/sub", 0o755)
            for number in 0..<20 { write("\(number)", to: "\(inbox)/sub/\(number)") }

            await #expect(processExitsWith: .signal(SIGKILL)) {
                [directory = directory as String, death = death as Death] in
                let sink = DirectorySink(
                    "\(directory)/sink",
                    before: { if death == .beforeTheSave, $0.name == "sub/7" { kill(getpid(), SIGKILL) } },
                    after: { if death == .afterTheSave, $0.name == "sub/7" { kill(getpid(), SIGKILL) } }
                )
                let log = EventLog()
                let folder = DropFolder(
                    "\(directory)/inbox",
                    into: sink,
                    logger: silent,
                    time: .system,
                    observe: {
                        log.append($0)
                        if death == .beforeForgetting, $0.taken == "sub/7" { kill(getpid(), SIGKILL) }
                    }
                )
                _ = try await folder.takeOnce()
            }
            let sink = DirectorySink("\(directory)/sink")
            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.savedNames.sorted() == (0..<20).map { "sub/\($0)" }.sorted())
            #expect(sink.remembered == [])
            #expect(left(inbox, "taken") == [])
            #expect(left(inbox, "owners") == [])
        }
    }

    @Test func `leaves an entry alone that serves as a committed file's bytes`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            write("x", to: "\(inbox)/a")
            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink", leaves: true))
            let sink = DirectorySink("\(directory)/sink", leaves: true)

            let summary = try await takeOnce(inbox, into: sink)

            #expect(summary.taken == 0)
            #expect(left(inbox, "taken").count == 1)
        }
    }

    @Test func `takes on what a dead process had moved where attributes don't do`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"))
            mkdir("\(inbox)/.qstore/taken/dead", 0o700)
            write("x", to: "\(inbox)/.qstore/taken/dead/1")
            write("some/where", to: "\(inbox)/.qstore/taken/dead/1.name")
            let sink = DirectorySink("\(directory)/sink")

            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.savedNames == ["some/where"])
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test(arguments: ["../../escape", "/absolute", "a//b", ".qstore/x", ""])
    func `doesn't believe a noted path that leads elsewhere`(_ path: String) async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            _ = try await takeOnce(inbox, into: DirectorySink("\(directory)/sink"))
            mkdir("\(inbox)/.qstore/taken/dead", 0o700)
            write("x", to: "\(inbox)/.qstore/taken/dead/1")
            write(path, to: "\(inbox)/.qstore/taken/dead/1.name")
            let sink = DirectorySink("\(directory)/sink")

            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.savedNames == ["lost-name-1"])
        }
    }

    @Test(arguments: DropFolderOptions.Sidecar.allCases)
    func `puts a sidecar back whose file never followed`(_ rule: DropFolderOptions.Sidecar) async throws {
        try await withTaken(["1.meta": "{}", "1.name": "a.txt"]) { inbox, sink in
            _ = try await takeOnce(inbox, into: sink, options: DropFolderOptions(sidecar: rule))

            // Where sidecars are files like others, it is taken as one.
            #expect(sink.savedNames == (rule == .none ? ["a.txt.meta.json"] : []))
            #expect(isThere("\(inbox)/a.txt.meta.json") == (rule != .none))
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test func `puts a sidecar into quarantine whose file never followed and whose directory is gone`() async throws {
        try await withTaken(["1.meta": "{}", "1.name": "gone/a.txt"]) { inbox, sink in
            _ = try await takeOnce(inbox, into: sink)

            #expect(try await Quarantine(inbox: inbox).files().map(\.name) == ["gone/a.txt.meta.json"])
            #expect(left(inbox, "taken") == [])
            let path = try await Quarantine(inbox: inbox).retry("a.txt.meta.json")
            #expect(path == "\(inbox)/gone/a.txt.meta.json")
        }
    }

    @Test func `puts a marker into quarantine whose file never followed if markers are called otherwise now`()
        async throws
    {
        try await withTaken(["1.done": "", "1.name": "a.txt"]) { inbox, sink in
            _ = try await takeOnce(inbox, into: sink)

            #expect(try await Quarantine(inbox: inbox).files().map(\.name) == ["a.txt.done"])
        }
    }

    @Test(arguments: ["1.meta", "1.metadata"])
    func `hands a file over with the sidecar that was taken with it, whatever the options say now`(
        _ sidecar: String
    ) async throws {
        try await withTaken(["1": "x", sidecar: "{}", "1.name": "a.txt"]) { inbox, sink in
            _ = try await takeOnce(inbox, into: sink)

            #expect(sink.taken.map(\.metadata) == ["{}"])
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test func `puts a file back with the sidecar that was taken with it, whatever the options say now`() async throws {
        let failing: @Sendable (DroppedFile) async throws -> Void = { _ in throw StorageError(.full, "no room") }
        try await withTaken(["1": "x", "1.metadata": "{}", "1.name": "a.txt"], before: failing) { inbox, sink in
            let summary = try await takeOnce(inbox, into: sink)

            #expect(!summary.isComplete)
            #expect(isThere("\(inbox)/a.txt"))
            #expect(isThere("\(inbox)/a.txt.meta.json"))
            #expect(left(inbox, "taken") == [])
        }
    }

    @Test func `takes each file once although two watch without the lock`() async throws {
        try await withTemporaryDirectory { directory in
            let inbox = "\(directory)/inbox"
            mkdir(inbox, 0o755)
            for number in 0..<300 { write("x", to: "\(inbox)/\(number)") }
            let sinks = (0..<2).map { _ in DirectorySink("\(directory)/sink") }

            try await withThrowingTaskGroup(of: Void.self) { group in
                for sink in sinks {
                    group.addTask { _ = try await takeOnce(inbox, into: sink, takesLock: false) }
                }
                try await group.waitForAll()
            }

            #expect(sinks[0].savedNames.sorted() == (0..<300).map(String.init).sorted())
            #expect(sinks.map(\.taken.count).reduce(0, +) == 300)
        }
    }

    @Test func `says what can't be taken over, and takes over the rest`() async throws {
        try await withTaken(["1": "x", "1.name": "a.txt"]) { inbox, sink in
            for name in ["aaa", "zzz"] { write("in the way", to: "\(inbox)/.qstore/taken/\(name)") }

            let summary = try await takeOnce(inbox, into: sink)

            #expect(summary.taken == 1)
            #expect(summary.failed == 2)
            #expect(!summary.isComplete)
            #expect(sink.savedNames == ["a.txt"])
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `tries again to take over what it couldn't`(_ kernel: KernelSource) async throws {
        let prepare = { (inbox: String) in
            mkdir("\(inbox)/.qstore", 0o700)
            mkdir("\(inbox)/.qstore/taken", 0o700)
            write("in the way", to: "\(inbox)/.qstore/taken/dead")
        }
        let options = DropFolderOptions(retryInterval: .milliseconds(20))
        try await withDropFolder(kernel.source, options: options, prepare: prepare) { it in
            await it.log.wait { $0.problem == "" }
            mkdir("\(it.directory)/later", 0o700)
            write("late", to: "\(it.directory)/later/1.name")
            write("x", to: "\(it.directory)/later/1")
            unlink(it.path(".qstore/taken/dead"))
            rename("\(it.directory)/later", it.path(".qstore/taken/dead"))

            await it.log.waitForTaken("late")
        }
    }

    @Test(arguments: KernelSource.allCases)
    func `takes over from a process that died while this one ran`(_ kernel: KernelSource) async throws {
        let options = DropFolderOptions(rescanInterval: .milliseconds(50))
        try await withDropFolder(kernel.source, options: options) { it in
            mkdir(it.path(".qstore/taken/dead"), 0o700)
            write("late", to: it.path(".qstore/taken/dead/1.name"))
            write("x", to: it.path(".qstore/taken/dead/1"))

            await it.log.waitForTaken(count: 1)
        }
    }

    // MARK: 11. The second watcher

    @Test(arguments: KernelSource.allCases)
    func `keeps a second watcher out`(_ kernel: KernelSource) async throws {
        try await withDropFolder(kernel.source) { it in
            let second = DropFolder(it.inbox, into: it.sink, eventSource: kernel.source, logger: silent)

            let error = await #expect(throws: DropFolderError.self) { try await second.run() }

            #expect(error?.code == .alreadyWatched)
        }
    }

    // MARK: Stopping

    @Test(arguments: KernelSource.allCases)
    func `stops soon at a graceful shutdown`(_ kernel: KernelSource) async throws {
        // In a process of its own: beside all the other tests, the threads are taken.
        await #expect(processExitsWith: .success) { [kernel = kernel as KernelSource] in
            try await withTemporaryDirectory { directory in
                mkdir("\(directory)/inbox", 0o755)
                let log = EventLog()
                let sink = DirectorySink("\(directory)/sink")
                let folder = DropFolder(
                    "\(directory)/inbox",
                    into: sink,
                    eventSource: kernel.source,
                    logger: silent,
                    time: .system,
                    observe: log.append
                )
                let group = ServiceGroup(services: [folder], logger: silent)
                let clock = ContinuousClock()

                let took = try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    await log.wait { $0.isStarted }
                    let start = clock.now
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                    return clock.now - start
                }

                #expect(took < .milliseconds(200))
                #expect(left("\(directory)/inbox", "taken") == [])
            }
        }
    }

    @Test func `serves several folders of one process`() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<5 {
                group.addTask {
                    try await withDropFolder(.automatic) { it in
                        write("\(number)", to: it.path("\(number)"))
                        await it.log.waitForTaken("\(number)")
                        #expect(it.sink.savedNames == ["\(number)"])
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Makes a drop folder in which a dead process left files in `taken`.
func withTaken(
    _ files: [String: String],
    before: @escaping @Sendable (DroppedFile) async throws -> Void = { _ in },
    _ body: (String, DirectorySink) async throws -> Void
) async throws {
    try await withTemporaryDirectory { directory in
        let inbox = "\(directory)/inbox"
        mkdir(inbox, 0o755)
        let sink = DirectorySink("\(directory)/sink", before: before)
        _ = try await takeOnce(inbox, into: sink)
        mkdir("\(inbox)/.qstore/taken/dead", 0o700)
        for (name, text) in files { write(text, to: "\(inbox)/.qstore/taken/dead/\(name)") }
        try await body(inbox, sink)
    }
}

func left(_ inbox: String, _ name: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: "\(inbox)/.qstore/\(name)")) ?? []
}
