import ArgumentParser
import Foundation

/// Kills, or pauses, `qstore` before each call that changes something.
struct CrashCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash",
        abstract: "Kill qstore before its 1st, 2nd, 3rd … call that changes something, recover, and check.",
        discussion: """
            Each scenario is a few commands. Each command runs again and again, and is killed (in races: paused, while another \
            process does its work) before its first call, its second and so on, until runs end without reaching their step. \
            After each, what lies there is checked at once, then a fresh process recovers, and it is checked again.
            """
    )

    @OptionGroup var tools: Tools

    @Option(help: "The scenario; all if none is given.")
    var scenario: [String] = []

    @Option(help: "Of the scenario, the command that is interrupted, from 1.")
    var command: Int?

    @Option(help: "The step, from 1; all if none is given.")
    var step: Int?

    @Option(help: "Only every so many steps.")
    var every = 1

    @Flag(help: "Only the small scenarios.")
    var small = false

    @Flag(help: "Say what each run did.")
    var verbose = false

    func run() async throws {
        let chosen = Scenario.all.filter {
            (scenario.isEmpty || scenario.contains($0.name)) && (!small || $0.isSmall)
        }
        guard !chosen.isEmpty else {
            throw ValidationError("the scenarios are \(Scenario.all.map(\.name).joined(separator: ", "))")
        }
        var points = 0
        var failures = 0
        for scenario in chosen {
            var line = ""
            for index in scenario.commands.indices where command == nil || command == index + 1 {
                let result = try await attack(scenario, index)
                points += result.points
                failures += result.failures
                line += " \(result.points)"
            }
            say("\(scenario.name.padding(to: 20))\(line.padding(to: 14)) \(scenario.summary)")
        }
        say("\(points) crash points, \(failures) broke a promise.")
        if failures > 0 { throw ExitCode(1) }
    }

    /// Interrupts one command of a scenario at all its steps.
    private func attack(_ scenario: Scenario, _ index: Int) async throws -> (points: Int, failures: Int) {
        let steps = Steps(first: step ?? 1, every: step == nil ? every : .max)
        return try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for lane in 0..<(step == nil ? tools.lanes : 1) {
                group.addTask {
                    try await tools.withBox(lane) { box in
                        let attack = CrashAttack(box: box, scenario: scenario, index: index)
                        try await attack.prepare()
                        var counts = (0, 0)
                        while let step = steps.next() {
                            let result = try await attack.run(step: step)
                            guard result.wasReached else {
                                // A run that isn't interrupted must be right, too.
                                if !result.broken.isEmpty { counts.1 += 1 }
                                report(result, scenario, index, step)
                                steps.missed()
                                continue
                            }
                            steps.reached()
                            counts.0 += 1
                            if !result.broken.isEmpty { counts.1 += 1 }
                            report(result, scenario, index, step)
                        }
                        return counts
                    }
                }
            }
            return try await group.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        }
    }

    private func report(_ result: CrashAttack.Result, _ scenario: Scenario, _ index: Int, _ step: Int) {
        let place = "\(scenario.name), command \(index + 1), step \(step): \(result.call ?? "not reached")"
        if verbose { say(place) }
        guard !result.broken.isEmpty else { return }
        say(
            """
            BROKEN: \(place)
              \(result.broken.joined(separator: "\n  "))
              again: qstore-evidence crash --scenario \(scenario.name) --command \(index + 1) --step \(step) --keep
            """
        )
    }
}
