import Glibc

/// One command of a scenario, one call of which fails once, in one box.
struct FaultAttack {
    let box: Box
    let scenario: Scenario
    let index: Int
    let kind: FaultKind

    struct Result {
        var wasReached: Bool
        var call: String?
        /// How the command ended, and what it complained of.
        var run: Box.Run
        var broken: [String] = []
    }

    private var command: Command { scenario.commands[index] }
    private var former: [Command] { scenario.before + scenario.commands[..<index] }

    /// Lets a call fail, recovers once the fault is gone, and checks.
    func run(step: Int) async throws -> Result {
        try await box.putBack()
        try box.clearTrace()
        let fault = Box.Fault(step: step, act: kind.act, counts: kind.counts, only: kind.only, traces: true)
        let run = try await box.run(command, fault)
        var result = Result(wasReached: run.hit != nil, call: run.hit, run: run)
        result.broken += complaints(run)
        result.broken += try believedSyncs()
        var checker = Checker(scenario, former.map { ($0, true) } + [(command, command.hasHappened(run))])
        result.broken += try checker.checkAtOnce(BoxState(of: box)).map { "at once: " + $0 }
        for command in scenario.recovery {
            for (name, text) in command.files { try box.write(text, to: name) }
            let again = try await box.run(command)
            if again.status != (scenario.quarantined.isEmpty ? 0 : 1) {
                result.broken.append("the service doesn't go on: \(again.ending)")
            }
            checker.add(command, hasHappened: command.hasHappened(again))
        }
        result.broken += try checker.checkInTheEnd(BoxState(of: box)).map { "in the end: " + $0 }
        return result
    }

    /// Whether the command ended as a command does, and said why if it couldn't do its work.
    private func complaints(_ run: Box.Run) -> [String] {
        var broken: [String] = []
        if run.status == nil || ![0, 1, 3, 75].contains(run.status) { broken.append("the command: \(run.ending)") }
        if run.status != 0, run.errors.allSatisfy(\.isWhitespace) { broken.append("the command failed without a word") }
        for word in ["Fatal error", "Thread 0", "Optional(", "Stack dump", "backtrace"] where run.errors.contains(word)
        {
            broken.append("the command says \"\(word)\": \(run.errors)")
        }
        return broken
    }

    /// Files that were synced once more after that had failed, as if it said anything.
    ///
    /// A directory can't be written anew; and the database's files are SQLite's, which redoes them from its log.
    private func believedSyncs() throws -> [String] {
        var failed: Set<UInt64> = []
        var broken: [String] = []
        for record in try Trace.read(box.trace) where !record.path.contains("q.sqlite") {
            // A new file may get the number of one that is gone.
            if ["create", "tmpfile"].contains(record.call), record.error == 0 { failed.remove(record.inode) }
            guard record.isSync, record.other == 0 else { continue }
            if record.error != 0 {
                failed.insert(record.inode)
            } else if failed.contains(record.inode) {
                broken.append("P1: \(record.path) is synced once more after its sync had failed")
            }
        }
        return broken
    }
}
