import TestSupport

/// The states that a power loss may leave, at any moment of what a disk was told.
///
/// All are tried where few acts are open; else those in which all, none, all but one or only one came to the disk, those in
/// which the last write came there half, and some that a seeded generator chooses.
struct States {
    let disk: Disk
    /// A sync that is taken not to have happened, by its place among the events.
    var without: Int?
    /// How many states are chosen at random at each moment.
    var samples = 3

    /// A state, and what had been said by then.
    struct State {
        var image: Image
        /// How many events had happened.
        var moment: Int
        /// What each command had said.
        var said: [Int: String]

        /// Tells states apart by what lies on the disk and what was promised.
        let key: Int

        init(image: Image, moment: Int, said: [Int: String]) {
            (self.image, self.moment, self.said) = (image, moment, said)
            var hasher = Hasher()
            hasher.combine(image)
            hasher.combine(said)
            key = hasher.finalize()
        }
    }

    /// Each state once, from a moment on.
    func all(from: Int = 0) -> [State] {
        var states: [State] = []
        var durable = disk.durable
        var happened = Array(0..<disk.initial)
        var said: [Int: String] = [:]
        var seen: Set<Int> = []
        var random = SeededGenerator(seed: 1)
        for moment in 0...disk.events.count {
            let isBeforeSync = moment < disk.events.count && disk.isSync(moment)
            if moment >= from {
                let pending = happened.filter { !durable.contains($0) }
                for kept in choices(pending, isThorough: isBeforeSync || moment == disk.events.count, &random) {
                    let image = disk.image(of: durable.union(kept.acts), torn: kept.torn)
                    let state = State(image: image, moment: moment, said: said)
                    if seen.insert(state.key).inserted { states.append(state) }
                }
            }
            guard moment < disk.events.count else { break }
            switch disk.events[moment] {
            case .act(let act): happened.append(act)
            case .sync(let sync): if moment != without { durable.formUnion(sync.acts.intersection(happened)) }
            case .said(let command, let text): said[command, default: ""] += text
            }
        }
        return states
    }

    /// The states in which what one sync made durable is lost, and all else came to the disk; those after which more had been
    /// said come last.
    ///
    /// - Parameter sync: The sync, by its place among the events.
    /// - Returns: Each state once: without all that the sync made durable, and without each of its acts.
    func losing(_ sync: Int) -> [State] {
        guard case .sync(let lost) = disk.events[sync] else { return [] }
        var states: [State] = []
        var isWhole: [Bool] = []
        var durable = disk.durable
        var happened = Array(0..<disk.initial)
        var said: [Int: String] = [:]
        var seen: [Int: Int] = [:]
        for moment in 0...disk.events.count {
            if moment > sync {
                let open = lost.acts.intersection(happened).subtracting(durable)
                let pending = happened.filter { !durable.contains($0) }
                for acts in [open] + open.sorted().map({ [$0] }) where !acts.isEmpty {
                    let image = disk.image(of: durable.union(dropping(acts, of: pending)))
                    let state = State(image: image, moment: moment, said: said)
                    // The disk may hold the same a while later; that is when it may be missed.
                    if let index = seen[state.key] {
                        states[index].moment = moment
                    } else {
                        seen[state.key] = states.count
                        states.append(state)
                        isWhole.append(acts == open)
                    }
                }
            }
            guard moment < disk.events.count else { break }
            switch disk.events[moment] {
            case .act(let act): happened.append(act)
            case .sync(let other): if moment != sync { durable.formUnion(other.acts.intersection(happened)) }
            case .said(let command, let text): said[command, default: ""] += text
            }
        }
        return states.indices.filter { isWhole[$0] }.map { states[$0] }
            + states.indices.filter { !isWhole[$0] }.map { states[$0] }
    }

    private struct Choice {
        var acts: Set<Int>
        var torn: Int?
    }

    private func choices(_ pending: [Int], isThorough: Bool, _ random: inout SeededGenerator) -> [Choice] {
        let all = Set(pending)
        // The database's frames have checksums of their own, and are many: what is tried one by one are the others.
        let single = pending.filter { !disk.acts[$0].isDatabase }
        let frames = all.subtracting(single)
        var choices = [Choice(acts: all), Choice(acts: [])]
        if let last = pending.last, case .write(_, let bytes)? = disk.acts[last].change?.change, bytes.count > 1 {
            choices.append(Choice(acts: all, torn: last))
        }
        if single.count <= 4 {
            for bits in 0..<(1 << single.count) {
                let kept = Set(single.indices.filter { bits & 1 << $0 != 0 }.map { single[$0] })
                choices.append(Choice(acts: kept))
                choices.append(Choice(acts: kept.union(frames)))
            }
        } else {
            for act in single {
                choices.append(Choice(acts: [act]))
                choices.append(Choice(acts: dropping([act], of: pending)))
            }
        }
        if !frames.isEmpty || single.count > 4 {
            for _ in 0..<(isThorough ? samples * 2 : samples) {
                choices.append(Choice(acts: all.filter { _ in Bool.random(using: &random) }))
            }
        }
        return choices.map { Choice(acts: disk.closed($0.acts, among: pending), torn: $0.torn) }
    }

    /// All but some acts, and but those that need them.
    private func dropping(_ acts: Set<Int>, of pending: [Int]) -> Set<Int> {
        var dropped = acts
        for act in pending where !dropped.contains(act) {
            if !disk.closed([act], among: pending).isDisjoint(with: dropped) { dropped.insert(act) }
        }
        return Set(pending).subtracting(dropped)
    }
}

extension Disk {
    func isDatabaseWrite(_ moment: Int) -> Bool {
        guard moment >= 0, case .act(let act) = events[moment] else { return false }
        return acts[act].isDatabase
    }

    func isSync(_ moment: Int) -> Bool {
        if case .sync = events[moment] { return true }
        return false
    }
}
