import Synchronization

/// What was dropped, and under which name it must be found.
final class DropLedger: Sendable {
    /// What a writer may rely on.
    enum Naming: Sendable {
        /// The path below the drop folder is the name.
        case exactly(String)
        /// It, or what becomes of it where that name was used before.
        case like(String)
        /// One of the names that the file had.
        case any
    }

    struct Entry: Sendable {
        var writer: Writer
        var naming: Naming
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var next: Int
        /// How often a writer didn't find its own open file where it was, for a moment.
        var absences = 0
        /// How often a file was taken before `mv` had looked at it again.
        var hastes = 0
        var isStalled = false
        var isOver = false
    }

    private let state: Mutex<State>

    /// - Parameter planned: How many files the plan has; others get numbers after these.
    init(planned: Int) { state = Mutex(State(next: planned)) }

    /// A number for a file that isn't in the plan.
    func newFile() -> Int {
        state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Notes a file that its writer is done with.
    func note(_ file: Int, _ writer: Writer, _ naming: Naming) {
        state.withLock { $0.entries[file] = Entry(writer: writer, naming: naming) }
    }

    func noteHaste() { state.withLock { $0.hastes += 1 } }
    func noteAbsence() { state.withLock { $0.absences += 1 } }

    var entries: [Int: Entry] { state.withLock { $0.entries } }
    var count: Int { state.withLock { $0.entries.count } }
    var hastes: Int { state.withLock { $0.hastes } }
    var absences: Int { state.withLock { $0.absences } }

    /// Whether the watcher is stopped, and nobody may wait for it.
    var isStalled: Bool {
        get { state.withLock { $0.isStalled } }
        set { state.withLock { $0.isStalled = newValue } }
    }

    /// Whether all writers are done.
    var isOver: Bool {
        get { state.withLock { $0.isOver } }
        set { state.withLock { $0.isOver = newValue } }
    }
}
