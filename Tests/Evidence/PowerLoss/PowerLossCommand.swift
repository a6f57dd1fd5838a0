import ArgumentParser
import Foundation
import Synchronization
import TestSupport

/// Cuts the power at every moment, and takes each sync away.
struct PowerLossCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "powerloss",
        abstract: "Build what a power loss may leave of qstore's work, recover, and check; then without each sync.",
        discussion: """
            Each scenario runs once, and every call that changes something is written down. A model says what a disk may hold \
            after any of them: what was synced, and any choice of the rest. Each such state is built, a fresh qstore recovers, \
            and it is checked. Then, for each sync: would anybody have noticed that it is missing?
            """
    )

    @OptionGroup var tools: Tools

    @Option(help: "The scenario; those that show every sync if none is given.")
    var scenario: [String] = []

    @Option(help: "How many states are chosen at random at each moment.")
    var samples = 3

    @Option(help: "How many states at most are tried without each sync.")
    var bound = 120

    @Flag(help: "Leave out what happens without each sync.")
    var statesOnly = false

    @Flag(help: "Leave out the states with all syncs.")
    var syncsOnly = false

    @Flag(help: "Say what each state did.")
    var verbose = false

    private static let standard = ["transfer", "transfer-and-delete", "replace", "rm", "drop"]

    func run() async throws {
        let names = scenario.isEmpty ? Self.standard : scenario
        let chosen = Scenario.all.filter { $0.meanwhile == nil && names.contains($0.name) }
        guard !chosen.isEmpty else { throw ValidationError("there is no such scenario without a race") }
        let queue = Queue(chosen)
        let failures = try await withThrowingTaskGroup(of: Int.self) { group in
            for lane in 0..<min(tools.lanes, chosen.count) {
                group.addTask {
                    // One after the other in one box: the catalog knows its directories by their paths.
                    try await tools.withBox(lane) { box in
                        var failures = 0
                        while let scenario = queue.next() { failures += try await attack(scenario, box) }
                        return failures
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        if failures > 0 { throw ExitCode(1) }
    }

    private func attack(_ scenario: Scenario, _ box: Box) async throws -> Int {
        let attack = PowerLossAttack(box: box, scenario: scenario)
        let disk = try await attack.record()
        let syncs = disk.events.indices.filter { disk.isSync($0) }
        let states = syncsOnly ? [] : States(disk: disk, samples: samples).all()
        var lines: [String] = []
        var failures = 0
        for state in states {
            let broken = try await attack.recover(from: state)
            if verbose { say("\(scenario.name), moment \(state.moment): \(broken)") }
            guard !broken.isEmpty else { continue }
            failures += 1
            lines.append("BROKEN: \(scenario.name), after call \(state.moment): \(after(state.moment, disk))")
            lines.append("  " + broken.joined(separator: "\n  "))
        }
        lines.insert(
            "\(scenario.name): \(disk.events.count) calls, \(syncs.count) of them syncs; \(states.count) states, "
                + "\(failures) broke a promise",
            at: 0
        )
        if !statesOnly {
            let known = Set(states.map(\.key))
            for moment in syncs { lines.append(try await takeAway(moment, disk, attack, known)) }
        }
        say(lines.joined(separator: "\n"))
        return failures
    }

    /// Tries what happens without one sync; returns a row.
    private func takeAway(_ moment: Int, _ disk: Disk, _ attack: PowerLossAttack, _ known: Set<Int>) async throws
        -> String
    {
        guard case .sync(let sync) = disk.events[moment] else { return "" }
        // What was right with the sync is right without it.
        // Moments in the middle of the database's writes are many, and alike.
        let lost = States(disk: disk).losing(moment).filter { !known.contains($0.key) }
        let likely =
            lost.filter { !disk.isDatabaseWrite($0.moment - 1) } + lost.filter { disk.isDatabaseWrite($0.moment - 1) }
        let tried = known.union(likely.map(\.key))
        var random = SeededGenerator(seed: 1)
        let others = States(disk: disk, without: moment, samples: samples).all(from: moment)
            .filter { !tried.contains($0.key) }
        let states = likely + others.shuffled(using: &random)
        var verdict = "nothing differs: another sync makes the same durable"
        if !states.isEmpty { verdict = "unnoticed in \(min(bound, states.count)) of \(states.count) states" }
        for state in likely.prefix(bound * 2 / 3) + states.dropFirst(likely.count).prefix(bound / 3) {
            let broken = try await attack.recover(from: state)
            if verbose { say("without sync \(moment), after call \(state.moment): \(broken)") }
            if let first = broken.first {
                verdict = first
                break
            }
        }
        let caller = await Symbols(tools.qstorePath).caller(sync.record.frames)
        let path = (sync.record.path.components(separatedBy: "/box/").last ?? sync.record.path).shortened
        return "  \(sync.record.call.padding(to: 10))\(path.padding(to: 48)) \(caller.padding(to: 40)) \(verdict)"
    }

    private func after(_ moment: Int, _ disk: Disk) -> String {
        guard moment > 0 else { return "nothing" }
        switch disk.events[moment - 1] {
        case .act(let act):
            return "\(disk.acts[act].entries.map(\.entry.name))\(disk.acts[act].change == nil ? "" : " a write")"
        case .sync(let sync): return "\(sync.record.call) \(sync.record.path)"
        case .said(_, let text): return "it said \(text)"
        }
    }
}

/// What is handed to who has time.
private final class Queue: Sendable {
    private let state: Mutex<[Scenario]>

    init(_ scenarios: [Scenario]) { state = Mutex(scenarios.reversed()) }

    func next() -> Scenario? { state.withLock { $0.popLast() } }
}

extension String {
    /// Without the random parts of names.
    fileprivate var shortened: String {
        replacing(/[0-9a-f]{24,32}/, with: "…").replacing(/#\d+ \(deleted\)/, with: "(a file without a name)")
    }
}
