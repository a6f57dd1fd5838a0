import Foundation
import Glibc
import TestSupport

/// The watchers and workers: started, killed, stopped for a while, and started again.
actor Fleet {
    struct Member {
        let name: String
        let arguments: [String]
        let isWatcher: Bool
        var process: TestProcess?
        /// How it may end, as it was asked to.
        var endings: Set<Int32> = []
        var end: Task<Void, Never>?
    }

    private let ground: Ground
    private(set) var members: [Member] = []
    private(set) var watcherKills = 0
    private(set) var workerKills = 0
    /// How often a watcher was kept out of a folder that another one watches.
    private(set) var refusals = 0
    /// How often a watcher said that events were lost.
    private(set) var overflows = 0
    /// What ended that should not have.
    private(set) var failures: [String] = []
    /// The warnings of all logs, and how often each was given.
    private(set) var warnings: [String: Int] = [:]

    init(_ ground: Ground, watchers: Int, workers: Int) {
        self.ground = ground
        for number in 0..<watchers {
            let inbox = ground.inboxes[number % ground.inboxes.count]
            let arguments = ["watch", inbox] + ground.storageFlags + ["--log-level", "debug"]
            members.append(Member(name: "watcher \(number + 1)", arguments: arguments, isWatcher: true))
        }
        for number in 0..<workers {
            let arguments = ["worker"] + ground.storageFlags + ["--log-level", "info"]
            members.append(Member(name: "worker \(number + 1)", arguments: arguments, isWatcher: false))
        }
    }

    /// Those that run, as far as is known.
    var running: (watchers: [Int], workers: [Int]) {
        let running = members.indices.filter { members[$0].process != nil }
        return (running.filter { members[$0].isWatcher }, running.filter { !members[$0].isWatcher })
    }

    var watching: [TestProcess] { members.filter(\.isWatcher).compactMap(\.process) }

    /// Starts those that don't run, in an order of one's choice.
    func start(_ indices: [Int]) throws {
        for index in indices where members[index].process == nil {
            let process = try ground.start(members[index].arguments)
            members[index].process = process
            members[index].endings = []
            members[index].end = Task { ended(index, process, await process.end()) }
        }
    }

    /// Kills one.
    func kill(_ index: Int) async {
        if members[index].isWatcher { watcherKills += 1 } else { workerKills += 1 }
        await end(index, by: SIGKILL, [SIGKILL])
    }

    /// Asks all to end, and waits until they have.
    func stop() async {
        // One that has only just been started doesn't listen yet.
        for index in members.indices { await end(index, by: SIGTERM, [0, SIGTERM]) }
    }

    /// Kills all that is left of a run that went wrong.
    func killAll() async {
        for index in members.indices { await end(index, by: SIGKILL, [SIGKILL]) }
    }

    private func end(_ index: Int, by signal: Int32, _ endings: Set<Int32>) async {
        guard let process = members[index].process else { return }
        members[index].endings = endings
        process.send(signal)
        let limit = Task {
            try await Task.sleep(for: .seconds(120))
            process.send(SIGKILL)
        }
        await members[index].end?.value
        limit.cancel()
    }

    private func ended(_ index: Int, _ process: TestProcess, _ said: ProcessOutput) {
        let errors = String(decoding: said.errors, as: UTF8.self)
        try? said.errors.write(
            to: URL(fileURLWithPath: "\(ground.path)/logs/\(members[index].name), \(process.id).log")
        )
        for line in errors.split(separator: "\n") {
            if line.hasPrefix("debug: ") {
                if line.hasPrefix(Self.overflow) { overflows += 1 }
            } else if ["warning: ", "error: ", "critical: "].contains(where: { line.hasPrefix($0) }) {
                warnings[Self.kind(of: line), default: 0] += 1
            }
        }
        members[index].process = nil
        if members[index].isWatcher, said.status == 75, errors.contains("is being watched by another process") {
            refusals += 1
        } else if !members[index].endings.contains(said.status ?? -1) {
            failures.append("\(members[index].name) ended otherwise than it was asked to: \(said.ending)")
        }
    }

    /// A line of the log without the names and numbers that are its own.
    private static func kind(of line: Substring) -> String {
        let message = line.prefix { $0 != "=" }.split(separator: " ").dropLast().joined(separator: " ")
        let error = line.firstMatch(of: /error="((?:[^"\\]|\\.)*)"/).map { ": \($0.1)" } ?? ""
        return (message + error).replacing(/\\"[^"]*\\"/, with: "…").replacing(/\d+/, with: "N")
    }

    /// What a watcher logs when events were lost.
    static let overflow = "debug: Events were lost"
}
