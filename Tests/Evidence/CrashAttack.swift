import Glibc
import TestSupport

/// One command of a scenario, interrupted at one step after the other in one box.
struct CrashAttack {
    let box: Box
    let scenario: Scenario
    let index: Int

    struct Result {
        var wasReached: Bool
        /// What the call was.
        var call: String?
        var broken: [String] = []
    }

    private var command: Command { scenario.commands[index] }
    /// What was done before the command that is interrupted.
    private var former: [Command] { scenario.before + scenario.commands[..<index] }

    /// Brings the box to where the command begins.
    func prepare() async throws {
        try box.clear()
        for command in former {
            let run = try await self.run(command)
            guard run.status == 0 else { throw EvidenceError("\(scenario.name) can't be prepared: \(run.ending)") }
        }
        for (name, text) in command.files { try box.write(text, to: name) }
        try await box.remember()
    }

    private func run(_ command: Command) async throws -> Box.Run {
        for (name, text) in command.files { try box.write(text, to: name) }
        return try await box.run(command)
    }

    /// Interrupts the command before a step, recovers, and checks.
    func run(step: Int) async throws -> Result {
        try await box.putBack()
        return scenario.meanwhile == nil ? try await kill(step) : try await pause(step)
    }

    private func kill(_ step: Int) async throws -> Result {
        let run = try await box.run(command, Box.Fault(step: step, act: "kill"))
        var result = Result(wasReached: run.hit != nil, call: run.hit)
        if run.status == nil || (run.hit == nil && run.status != endStatus) {
            result.broken.append("the command: \(run.ending)")
        }
        let checker = Checker(
            scenario,
            former.map { ($0, true) } + [(command, command.hasHappened(run))]
        )
        result.broken += try checker.checkAtOnce(BoxState(of: box)).map { "at once: " + $0 }
        try await recover(checker, &result)
        return result
    }

    private func pause(_ step: Int) async throws -> Result {
        guard let meanwhile = scenario.meanwhile else { return Result(wasReached: false) }
        let sleeper = try box.start(command, Box.Fault(step: step, act: "stop", counts: "l"))
        let isPaused = await sleeper.wait { said in
            String(decoding: said.errors, as: UTF8.self).contains("stopped at the step") ? true : nil
        }
        var runs = former.map { ($0, true) }
        var result = Result(wasReached: isPaused == true)
        if isPaused == true {
            result.call = box.counted.call.replacing(box.path + "/", with: "")
            result.broken += try Checker(scenario, runs + [(command, false)]).checkAtOnce(BoxState(of: box)).map {
                "while it is paused: " + $0
            }
            for (name, text) in meanwhile.files { try box.write(text, to: name) }
            let other = try box.start(meanwhile)
            // Who is paused with a lock in its hands keeps the other waiting: then it must wake first.
            let patience = Task {
                try await Task.sleep(for: .seconds(2))
                sleeper.wake()
            }
            let run = await box.end(other)
            patience.cancel()
            result.broken += try Checker(scenario, runs + [(command, false), (meanwhile, meanwhile.hasHappened(run))])
                .checkAtOnce(BoxState(of: box)).map { "before it wakes: " + $0 }
            if ![0, 75].contains(run.status) { result.broken.append("the other process: \(run.ending)") }
            sleeper.wake()
            runs.append((meanwhile, meanwhile.hasHappened(run)))
        }
        let run = await box.end(sleeper)
        if ![0, 1, 75].contains(run.status) { result.broken.append("the paused process: \(run.ending)") }
        // Whose save was the last isn't known; but none may be lost that was said to be done.
        runs.insert((command, command.hasHappened(run)), at: former.count)
        let checker = Checker(scenario, runs)
        result.broken += try checker.checkAtOnce(BoxState(of: box)).map { "when it has woken: " + $0 }
        try await recover(checker, &result)
        return result
    }

    private func recover(_ checker: Checker, _ result: inout Result) async throws {
        var checker = checker
        for command in scenario.recovery {
            let run = try await self.run(command)
            if run.status != endStatus { result.broken.append("the recovery: \(run.ending)") }
            checker.add(command, hasHappened: command.hasHappened(run))
        }
        result.broken += try checker.checkInTheEnd(BoxState(of: box)).map { "in the end: " + $0 }
    }

    /// The exit status of what ends well: 1 says that something lies in quarantine.
    private var endStatus: Int32 { scenario.quarantined.isEmpty ? 0 : 1 }
}

extension TestProcess {
    /// Lets it go on if it was stopped.
    func wake() { send(SIGCONT) }
}
