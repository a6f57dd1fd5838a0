import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// What a process that dies, or pauses, at any step leaves to others.
@Suite(.serialized) struct CrashTests {
    /// A save has some seven steps; each number beyond them is a run that nothing interrupts, as the last one must be.
    static let steps = Array(1...12)

    /// Expects that a run which is over was stopped at its step, or had fewer, and that no run has more than are tried.
    private func expectStop(_ agent: Agent, at step: Int, paused: Bool? = nil) {
        if let count = agent.stepCount {
            #expect(count < Self.steps.count, "there are more steps than are tried")
            #expect(
                paused == nil ? count < step : paused == (step <= count),
                "it wasn't stopped at step \(step) of \(count)"
            )
        } else {
            #expect(agent.isKilled && paused == nil, "\(agent.ending)")
            #expect(step < Self.steps.count, "there are more steps than are tried")
        }
    }

    @Test(arguments: steps)
    func `a save that dies before any step leaves the file whole or absent`(_ step: Int) async throws {
        try await withTemporaryDirectory { directory in
            let agent = try Agent(directory, step: step, "save", "d/f.txt", "content")
            let said = await agent.end()
            expectStop(agent, at: step)

            let bench = try Bench(directory, alias: "crash")
            try await bench.work()

            if let file = try await bench.catalog.file("d/f.txt", in: "crash") {
                #expect(file.state == .remote)
                #expect(file.place == nil)
                #expect(bench.bytes("local/d/f.txt") == "content")
                #expect(bench.bytes("remote/d/f.txt") == "content")
            } else {
                #expect(!said.contains { $0.hasPrefix("saved") }, "a save that returned was lost")
                #expect(bench.tree("local").isEmpty)
                #expect(bench.tree("remote").isEmpty)
            }
            #expect(bench.litter.isEmpty)
        }
    }

    @Test(arguments: steps)
    func `a replacement that dies before any step leaves the old or the new content`(_ step: Int) async throws {
        try await withTemporaryDirectory { directory in
            _ = try await Agent(directory, step: 0, "save", "f.txt", "old").end()
            _ = try await Agent(directory, step: 0, "work", "f.txt").end()
            let agent = try Agent(directory, step: step, "replace", "f.txt", "new, and longer")
            let said = await agent.end()
            expectStop(agent, at: step)

            let bench = try Bench(directory, alias: "crash")
            let read = try await bench.text("f.txt")
            try await bench.work()
            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "crash"))
            let wanted = file.generation == 1 ? "old" : "new, and longer"
            #expect(read == wanted)
            #expect(!said.contains { $0.hasPrefix("saved") } || file.generation == 2)
            #expect(file.state == .remote)
            #expect(bench.bytes("local/f.txt") == wanted)
            #expect(bench.bytes("remote/\(file.remoteName ?? "")") == wanted)
            #expect(bench.tree("remote").count == 1)
            #expect(bench.litter.isEmpty)
        }
    }

    @Test(arguments: steps, ["work", "work-and-delete"])
    func `a transfer that dies before any step is done by the next worker`(_ step: Int, _ work: String) async throws {
        try await withTemporaryDirectory { directory in
            _ = try await Agent(directory, step: 0, "save", "f.txt", "content").end()
            if work == "work-and-delete" {
                _ = try await Agent(directory, step: 0, "transfer-and-delete", "f.txt").end()
            }
            let agent = try Agent(directory, step: step, work, "f.txt")
            _ = await agent.end()
            expectStop(agent, at: step)

            let bench = try Bench(directory, alias: "crash", task: work == "work" ? .transfer : .transferAndDelete)
            #expect(try await bench.text("f.txt") == "content")
            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "crash"))
            #expect(file.state == .remote)
            #expect(file.remoteName == "f.txt")
            #expect(bench.tree("remote") == ["f.txt"])
            #expect(bench.bytes("remote/f.txt") == "content")
            #expect(try await bench.text("f.txt") == "content")
        }
    }

    @Test(arguments: steps)
    func `a deletion that dies before any step is ended by the next worker`(_ step: Int) async throws {
        try await withTemporaryDirectory { directory in
            _ = try await Agent(directory, step: 0, "save", "f.txt", "content").end()
            _ = try await Agent(directory, step: 0, "work", "f.txt").end()
            let agent = try Agent(directory, step: step, "delete", "f.txt")
            _ = await agent.end()
            expectStop(agent, at: step)

            let bench = try Bench(directory, alias: "crash")
            try await bench.work()

            #expect(try await bench.catalog.files(FileQuery()).isEmpty)
            #expect(bench.tree("local").isEmpty)
            #expect(bench.tree("remote").isEmpty)
        }
    }

    @Test(arguments: steps)
    func `recovery leaves alone what a live process holds, at every step of its save`(_ step: Int) async throws {
        try await withTemporaryDirectory { directory in
            let saver = try Agent(directory, step: step, pauses: true, "save", "f.txt", "content")
            let before = await saver.pause()

            // Another process starts, recovers, and works while the first one pauses.
            let bench = try Bench(directory, alias: "crash")
            try await bench.work()
            try await bench.storage.recover()
            if before.last?.hasPrefix("paused") == true { saver.goOn() }
            let rest = await saver.end()
            expectStop(saver, at: step, paused: before.last?.hasPrefix("paused") == true)
            try await bench.work()

            #expect((before + rest).contains("saved f.txt"))
            #expect(try await bench.state("f.txt") == .remote)
            #expect(bench.bytes("local/f.txt") == "content")
            #expect(bench.bytes("remote/f.txt") == "content")
            #expect(try await bench.catalog.unsettled(in: "crash").isEmpty)
        }
    }

    @Test(arguments: Array(1...6))
    func `a worker that wakes late changes nothing`(_ step: Int) async throws {
        try await withTemporaryDirectory { directory in
            _ = try await Agent(directory, step: 0, "save", "f.txt", "old").end()
            let zombie = try Agent(directory, step: step, pauses: true, "work", "f.txt")
            let before = await zombie.pause()

            let bench = try Bench(directory, alias: "crash")
            _ = try await bench.storage.save("f.txt", .text("new one"), options: StoreOptions(replaces: true))
            try await bench.work()
            if before.last?.hasPrefix("paused") == true { zombie.goOn() }
            _ = await zombie.end()
            expectStop(zombie, at: step, paused: before.last?.hasPrefix("paused") == true)
            try await bench.work()
            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "crash"))
            #expect(file.state == .remote)
            #expect(try await bench.text("f.txt") == "new one")
            #expect(bench.tree("remote").count == 1)
            #expect(bench.bytes("remote/\(file.remoteName ?? "")") == "new one")
        }
    }
}
