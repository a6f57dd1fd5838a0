import ArgumentParser
import Foundation

/// Lets each call fail once.
struct FaultsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "faults",
        abstract: "Let each call of qstore fail once, with each error, and check what is left.",
        discussion: """
            After the fault, the command must have ended by itself and have said why if it couldn't do its work; nothing may \
            be lost; and once the fault is gone, what was interrupted goes on. Then the database is locked by another \
            process, and damaged.
            """
    )

    @OptionGroup var tools: Tools

    @Option(help: "The scenario; those without a race if none is given.")
    var scenario: [String] = []

    @Option(help: "The kind of fault; all if none is given.")
    var kind: [String] = []

    @Option(help: "Of the scenario, the command whose calls fail, from 1.")
    var command: Int?

    @Option(help: "The call, from 1; all if none is given.")
    var step: Int?

    @Option(help: "Only every so many calls.")
    var every = 1

    @Flag(help: "Say what each run did, and what it complained of.")
    var verbose = false

    func run() async throws {
        let chosen = Scenario.all.filter { $0.meanwhile == nil && (scenario.isEmpty || scenario.contains($0.name)) }
        let kinds = FaultKind.all.filter { kind.isEmpty || kind.contains($0.name) }
        guard !(chosen.isEmpty && scenario != ["database"]), !kinds.isEmpty else {
            throw ValidationError("the kinds are \(FaultKind.all.map(\.name).joined(separator: ", "))")
        }
        var faults = 0
        var failures = 0
        for scenario in chosen {
            for index in scenario.commands.indices where command == nil || command == index + 1 {
                var line = ""
                for kind in kinds {
                    let result = try await attack(scenario, index, kind)
                    faults += result.points
                    failures += result.failures
                    line += " \(kind.name) \(result.points)"
                }
                say("\(scenario.name.padding(to: 20)) \(scenario.commands[index].arguments[0].padding(to: 10))\(line)")
            }
        }
        if step == nil, scenario.isEmpty || scenario.contains("database") {
            let result = try await tools.withBox(0) { try await DatabaseAttack(box: $0).run() }
            faults += result.faults
            failures += result.broken.count
            for broken in result.broken { say("BROKEN: \(broken)") }
        }
        say("\(faults) faults, \(failures) broke a promise.")
        if failures > 0 { throw ExitCode(1) }
    }

    private func attack(_ scenario: Scenario, _ index: Int, _ kind: FaultKind) async throws -> (
        points: Int, failures: Int
    ) {
        let steps = Steps(first: step ?? 1, every: step == nil ? every : .max)
        return try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for lane in 0..<(step == nil ? tools.lanes : 1) {
                group.addTask {
                    try await tools.withBox(lane) { box in
                        try await CrashAttack(box: box, scenario: scenario, index: index).prepare()
                        let attack = FaultAttack(box: box, scenario: scenario, index: index, kind: kind)
                        var counts = (0, 0)
                        while let step = steps.next() {
                            let result = try await attack.run(step: step)
                            if result.wasReached { steps.reached() } else { steps.missed() }
                            counts.0 += result.wasReached ? 1 : 0
                            counts.1 += result.broken.isEmpty ? 0 : 1
                            report(result, scenario, index, kind, step)
                        }
                        return counts
                    }
                }
            }
            return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
    }

    private func report(
        _ result: FaultAttack.Result,
        _ scenario: Scenario,
        _ index: Int,
        _ kind: FaultKind,
        _ step: Int
    ) {
        let place =
            "\(scenario.name), command \(index + 1), \(kind.name) of call \(step): \(result.call ?? "not reached")"
        if verbose { say("\(place)\n  \(result.run.ending.replacing("\n", with: "\n  "))") }
        guard !result.broken.isEmpty else { return }
        say(
            """
            BROKEN: \(place)
              \(result.broken.joined(separator: "\n  "))
              again: qstore-evidence faults --scenario \(scenario.name) --command \(index + 1) --kind \(kind.name) \
            --step \(step) --verbose --keep
            """
        )
    }
}
