/// Says which promises the contents of a box break.
struct Checker {
    let scenario: Scenario
    /// Every content that anything in the scenario writes.
    let contents: Set<String>
    private(set) var duties: [String: Duty]
    /// Whether bytes that somebody else had dropped, and not synced, may have been lost before they were taken.
    let hasLostPower: Bool

    init(_ scenario: Scenario, _ runs: [(command: Command, hasHappened: Bool)], afterPowerLoss: Bool = false) {
        self.scenario = scenario
        hasLostPower = afterPowerLoss
        let commands = scenario.before + scenario.commands + scenario.recovery + [scenario.meanwhile].compactMap { $0 }
        var contents = Set(commands.flatMap(\.saves)).union(scenario.dropped)
        var duties = scenario.duties(runs)
        if afterPowerLoss {
            for content in scenario.dropped
            where !runs.contains(where: { $0.hasHappened && $0.command.saves.contains(content) }) {
                duties[content] = .either
                // What is left of it may be nothing, or half, before anybody took it.
                contents.insert("")
                contents.insert(String(content.prefix(content.utf8.count / 2)))
            }
        }
        (self.contents, self.duties) = (contents, duties)
    }

    /// Takes in what was done since.
    mutating func add(_ command: Command, hasHappened: Bool) {
        scenario.add(command, hasHappened, to: &duties)
    }

    /// What must hold at every moment, whoever is dead or asleep.
    func checkAtOnce(_ state: BoxState) -> [String] {
        var broken: [String] = []
        for row in state.rows where row.state != "deleting" {
            switch state.bytes(row) {
            case nil: broken.append("P3: no bytes are to be had of \"\(row.name)\", which is \(row.state)")
            case let bytes? where !contents.contains(bytes) || bytes.utf8.count != row.size:
                broken.append("P2: what is to be had of \"\(row.name)\" are other bytes than were saved")
            default: break
            }
        }
        let names = Set(state.rows.map(\.name))
        for (name, bytes) in state.files(below: "local") {
            if !names.contains(name) { broken.append("P2: local/\(name) has no row") }
            if !contents.contains(bytes) { broken.append("P2: local/\(name) is half a file") }
        }
        for (name, bytes) in state.files(below: "remote") {
            if !state.remoteNames.contains(name) { broken.append("P5: remote/\(name) belongs to nobody") }
            if !contents.contains(bytes) { broken.append("P2: remote/\(name) is half a file") }
        }
        let known = Set(state.rows.filter { $0.state != "deleting" }.compactMap { state.bytes($0) })
        let inboxes = Set(state.files.filter { $0.key.hasPrefix("inbox/") }.values)
        for (content, duty) in duties where duty == .present {
            let isThere = known.contains(content) || (scenario.dropped.contains(content) && inboxes.contains(content))
            if !isThere { broken.append("P1: \"\(content)\" is lost") }
        }
        broken += checkPhotos(state, isOver: false)
        return broken
    }

    /// What must hold once a fresh process has recovered and transferred.
    func checkInTheEnd(_ state: BoxState) -> [String] {
        var broken = checkAtOnce(state)
        var counts: [String: Int] = [:]
        for row in state.rows {
            let bytes = state.bytes(row) ?? ""
            counts[bytes, default: 0] += 1
            if row.state != "remote" { broken.append("P6: \"\(row.name)\" is \(row.state) in the end") }
            if let place = row.place { broken.append("P2: \"\(row.name)\" still lies at \(place)") }
            if row.remoteName.flatMap({ state.files["remote/\($0)"] }) != bytes {
                broken.append("P3: the remote doesn't hold \"\(row.name)\"")
            }
            let local = state.files["local/\(row.name)"]
            if row.hasLocal != scenario.keepsLocal || local != (scenario.keepsLocal ? bytes : nil) {
                broken.append("P4: the local copy of \"\(row.name)\" is \(local == nil ? "gone" : "there")")
            }
        }
        let remotes = Set(state.rows.compactMap(\.remoteName))
        for name in state.files(below: "remote").keys where !remotes.contains(name) {
            broken.append("P5: remote/\(name) came back")
        }
        for job in state.jobs { broken.append("P6: left to be done: \(job)") }
        broken += checkCounts(counts, state)
        broken += checkLeftovers(state)
        broken += checkPhotos(state, isOver: true)
        return broken
    }

    private func checkCounts(_ counts: [String: Int], _ state: BoxState) -> [String] {
        var broken: [String] = []
        let quarantine = state.files(below: "inbox/.qstore/quarantine")
        for (content, duty) in duties {
            let held = quarantine.values.filter { $0 == content }.count
            if scenario.quarantined.contains(content) {
                if held != 1 || counts[content] != nil { broken.append("P7: \"\(content)\" isn't in quarantine once") }
                if held == 1, !quarantine.keys.contains(where: { $0.hasSuffix(".reason.json") }) {
                    broken.append("P7: \"\(content)\" lies in quarantine without its reason")
                }
                continue
            }
            let count = counts[content] ?? 0
            switch duty {
            case .present where count != 1:
                broken.append("\(count == 0 ? "P1" : "P7"): \"\(content)\" is there \(count) times")
            case .either where count > 1: broken.append("P7: \"\(content)\" is there \(count) times")
            case .absent where count > 0: broken.append("P5: \"\(content)\" came back")
            default: break
            }
        }
        for names in scenario.alternatives where names.compactMap({ counts[$0] }).reduce(0, +) != 1 {
            // Where deleting is among what was done, none need be left.
            broken.append("P2: not exactly one of \(names.joined(separator: ", ")) is there")
        }
        for names in scenario.together where Set(names.map { counts[$0] ?? 0 }).count > 1 {
            broken.append("P2: only one of \(names.joined(separator: ", ")) is there")
        }
        return broken
    }

    /// Files that nobody will ever ask for again.
    private func checkLeftovers(_ state: BoxState) -> [String] {
        var broken: [String] = []
        for path in state.files.keys.sorted() {
            let parts = path.split(separator: "/").map { String($0) }
            guard let index = parts.firstIndex(of: ".qstore") else { continue }
            let isPrivate = parts.count > index + 2 && ["staging", "tmp", "trash", "taken"].contains(parts[index + 1])
            let isTemporary = ["tmp-", "id."].contains { parts[index + 1].hasPrefix($0) }
            if isPrivate || isTemporary { broken.append("litter: \(path)") }
        }
        for name in state.files(below: "inbox").keys { broken.append("P7: inbox/\(name) was not taken") }
        return broken
    }

    private func checkPhotos(_ state: BoxState, isOver: Bool) -> [String] {
        var broken: [String] = []
        let names = Set(state.rows.filter { $0.state != "deleting" }.map(\.name))
        for photo in state.photos {
            for name in [photo.image, photo.thumbnail].compactMap({ $0 }) where !names.contains(name) {
                broken.append("P2: a model's row names \"\(name)\", which isn't there")
            }
        }
        let owned = Set(state.photos.flatMap { [$0.image, $0.thumbnail] }.compactMap { $0 })
        for row in state.rows where row.ownerModel == "photo" && row.state != "deleting" && !owned.contains(row.name) {
            broken.append("P2: no model's row has \"\(row.name)\"")
        }
        if isOver {
            for name in state.ingested where !names.contains(name) {
                broken.append("P2: a drop folder's row names \"\(name)\", which isn't there")
            }
        }
        return broken
    }
}
