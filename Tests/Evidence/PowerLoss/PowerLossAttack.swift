import Foundation

/// A scenario on a disk whose power goes.
struct PowerLossAttack {
    let box: Box
    let scenario: Scenario

    /// Runs the scenario once, and writes down what the disk was told.
    func record() async throws -> Disk {
        try box.clear()
        for command in scenario.before { try await run(command) }
        var files: Set<String> = []
        for command in scenario.commands {
            for (name, text) in command.files {
                try box.write(text, to: name)
                // Who drops a file need not have synced it.
                if name.hasPrefix("inbox/") { files.insert(name) }
            }
        }
        var disk = try Disk(path: box.path, unsynced: files)
        for (index, command) in scenario.commands.enumerated() {
            try box.clearTrace()
            try await run(command, traces: true)
            try disk.run(Trace.read(box.trace), command: index)
        }
        return disk
    }

    private func run(_ command: Command, traces: Bool = false) async throws {
        for (name, text) in command.files where !traces { try box.write(text, to: name) }
        let run = try await box.run(command, Box.Fault(traces: traces))
        guard run.status == 0 else { throw EvidenceError("\(scenario.name) can't be recorded: \(run.ending)") }
    }

    /// Builds what a power loss left, recovers, and says which promises are broken.
    func recover(from state: States.State) async throws -> [String] {
        try state.image.write(to: box.path)
        var checker = Checker(scenario, runs(state), afterPowerLoss: true)
        var broken: [String] = []
        for command in scenario.recovery {
            for (name, text) in command.files { try box.write(text, to: name) }
            let run = try await box.run(command)
            if run.status != 0 { broken.append("the recovery: \(run.ending)") }
            checker.add(command, hasHappened: command.hasHappened(run))
        }
        do {
            return try checker.checkInTheEnd(BoxState(of: box)) + broken
        } catch {
            return broken + ["what is left can't be read: \(error)"]
        }
    }

    /// How far each command had come when the power went, as far as it said so.
    private func runs(_ state: States.State) -> [(command: Command, hasHappened: Bool)] {
        var runs = scenario.before.map { ($0, true) }
        for (index, command) in scenario.commands.enumerated() {
            let said = state.said[index] ?? ""
            // A command that takes several files says each.
            for content in command.saves {
                var part = command
                part.saves = [content]
                let says = command.tells[content] ?? command.says
                runs.append((part, says.map { said.contains($0) } ?? false))
            }
            if command.saves.isEmpty { runs.append((command, command.says.map { said.contains($0) } ?? false)) }
        }
        return runs
    }
}
