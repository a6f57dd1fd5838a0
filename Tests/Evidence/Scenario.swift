/// One command of `qstore`, as a scenario runs it.
struct Command: Sendable {
    var arguments: [String]
    /// Files that lie there when it begins, by name below the box.
    var files: [String: String] = [:]
    /// The contents that it saves, once it says so.
    var saves: [String] = []
    /// The contents that it replaces or deletes, once it says so.
    var removes: [String] = []
    /// What it says when it has done that; nil for whatever ends it well.
    var says: String?
    /// What it says of each content, where it saves several.
    var tells: [String: String] = [:]
    /// Whether it is the program with a model, not `qstore`.
    var isModel = false

    init(
        _ line: String,
        files: [String: String] = [:],
        saves: [String] = [],
        removes: [String] = [],
        says: String? = nil,
        tells: [String: String] = [:]
    ) {
        arguments = line.split(separator: " ").map { String($0) }
        (self.files, self.saves, self.removes, self.says, self.tells) = (files, saves, removes, says, tells)
    }

    static func model(_ command: String, saves: [String], removes: [String] = []) -> Command {
        var command = Command(command, saves: saves, removes: removes, says: "saved")
        command.isModel = true
        return command
    }

    var flags: [String] {
        switch arguments.first {
        case "status", "files", "quarantine": ["--database", "q.sqlite"]
        default: ["--local", "local", "--remote", "remote", "--database", "q.sqlite"]
        }
    }

    /// Whether what was said means that the command's effect has happened.
    func hasHappened(_ run: Box.Run) -> Bool {
        says.map { run.output.contains($0) } ?? (run.status == 0)
    }
}

/// A story of a file or two, told by commands; each is interrupted in turn, at each of its steps.
struct Scenario: Sendable {
    let name: String
    let summary: String
    /// What comes before, uninterrupted.
    var before: [Command] = []
    /// What is interrupted.
    let commands: [Command]
    /// What another process does while an interrupted one is paused; nil if nothing is paused, but stopped dead.
    var meanwhile: Command?
    /// What recovers, in fresh processes; the last one must end as the scenario does.
    var recovery = [Command("worker --once")]
    /// Which files keep their local copy in the end.
    var keepsLocal = true
    /// Of each of these, exactly one content is there in the end, as they have one name.
    var alternatives: [[String]] = []
    /// The contents that end in quarantine.
    var quarantined: Set<String> = []
    /// The contents that were dropped, and are nowhere else: they must not be lost, said or not.
    var dropped: Set<String> = []
    /// Pairs of contents that are fields of one row: both are there, or none.
    var together: [[String]] = []
    /// Takes so few steps that it is tried wherever tests run.
    var isSmall = false
}

/// What is known of a content when a scenario is over.
enum Duty: Sendable, Equatable {
    /// It must be there, once.
    case present
    /// It may be there, once, or not.
    case either
    /// It must be gone.
    case absent
}

extension Scenario {
    /// What is owed for each content, by how far the commands came.
    ///
    /// - Parameter runs: Each command that was begun, and whether its effect is known to have happened.
    /// - Returns: The duty of each content that anything was begun with.
    func duties(_ runs: [(command: Command, hasHappened: Bool)]) -> [String: Duty] {
        var duties: [String: Duty] = [:]
        for content in dropped { duties[content] = .present }
        for (command, hasHappened) in runs { add(command, hasHappened, to: &duties) }
        return duties
    }

    /// What is owed once a command was run, beside what was before.
    func add(_ command: Command, _ hasHappened: Bool, to duties: inout [String: Duty]) {
        for content in command.saves {
            if hasHappened { duties[content] = .present } else if duties[content] == nil { duties[content] = .either }
        }
        for content in command.removes { duties[content] = hasHappened ? .absent : .either }
    }
}
