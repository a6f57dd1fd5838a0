import Foundation
import GRDB
import QueuedStorageCore

/// Everything that a history happens to: clocks, the disk, the remote, the catalog's database, the processes, and who
/// watches them.
final class World: @unchecked Sendable /* the simulator's thread alone touches it */ {
    let simulator: Simulator
    let pool: DatabasePool
    let mutant: Mutant?
    let disk = SimulatedDisk()
    let ledger = Ledger()
    private(set) lazy var server = RemoteServer(self)
    private(set) var snapshot = Snapshot()
    var weather: Weather
    /// How far the wall clock is from where it should be, in seconds.
    var clockError = 0.0
    /// What others put into the local directory.
    private(set) var foreignLocal: [String: [UInt8]] = [:]
    /// All processes that ever were.
    private(set) var processes: [SimulatedProcess] = []

    // What the remote is like.
    let vouches: Bool
    let hasChecksums: Bool
    let takesPieces: Bool
    let isRemoteDurable: Bool

    /// Whether each line of the log is printed at once.
    var saysAll = false

    // What happened.
    private(set) var log: [String] = []
    private(set) var failures: [String] = []
    var isBroken: Bool { !failures.isEmpty }
    private(set) var deaths = 0
    private(set) var pauses = 0

    init(simulator: Simulator, path: String, mutant: Mutant?) throws {
        self.simulator = simulator
        self.mutant = mutant
        weather = Weather(simulator)
        vouches = simulator.happens(0.2)
        hasChecksums = simulator.happens(0.5)
        takesPieces = simulator.happens(0.3)
        isRemoteDurable = simulator.happens(0.5)
        let clock = SharedClock()
        pool = try Self.pool(path, clock)
        clock.world = self
    }

    /// A database in which the time that its triggers ask for is simulated, too.
    private static func pool(_ path: String, _ clock: SharedClock) throws -> DatabasePool {
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            db.add(
                function: DatabaseFunction("julianday", argumentCount: 1) { _ in
                    (clock.world?.wallClock ?? Date()).timeIntervalSince1970 / 86400 + 2_440_587.5
                }
            )
        }
        return try DatabasePool(path: path, configuration: configuration)
    }

    // MARK: Time

    /// What the machine's wall clock says: right, unless somebody has set it.
    var wallClock: Date {
        // Whole milliseconds, as the catalog keeps them.
        Date(timeIntervalSince1970: 1_800_000_000 + Double(simulator.now / 1000) / 1000 + clockError)
    }

    // MARK: What is watched

    /// Writes a line into the history's log.
    func note(_ line: @autoclosure () -> String) {
        log.append("\(simulator.now / 1000) \(line())")
        if let last = log.last, saysAll { say(last) }
    }

    /// Writes down that a promise was broken.
    func broken(_ promise: String, _ what: String) {
        guard failures.count < 5 else { return }
        failures.append("\(promise): \(what)")
        note("BROKEN \(promise): \(what)")
        simulator.stop()
    }

    /// Looks at a commit, before anybody else hears of it.
    func committed(_ db: Database, by process: SimulatedProcess) {
        do {
            let new = try Snapshot(db)
            for (promise, what) in ledger.take(new, after: snapshot, disk) { broken(promise, what) }
            snapshot = new
            note("\(process.name) has committed")
            look()
        } catch {
            broken("P6", "the catalog can't be read: \(error)")
        }
        for other in processes where !other.isDead {
            simulator.after(other === process ? 0 : simulator.pick(0...50_000)) { other.announce() }
        }
    }

    // MARK: What is done to it

    /// What the bytes of strangers begin with.
    static let foreignMark = Array("a stranger's ".utf8)

    func add(_ process: SimulatedProcess) { processes.append(process) }

    /// Perhaps kills or pauses a process, where it is now.
    func strike(_ process: SimulatedProcess, _ what: @autoclosure () -> String) {
        guard !process.isDead, !process.isPaused else { return }
        if simulator.happens(weather.dies) {
            note("\(process.name) dies at: \(what())")
            deaths += 1
            process.die()
        } else if simulator.happens(weather.pauses) {
            let longest: Int64 = simulator.pick([100, 10_000, 120_000, 2_000_000])
            let length = simulator.pick(1...longest)
            note("\(process.name) is paused for \(length) ms at: \(what())")
            pauses += 1
            process.pause()
            simulator.after(length * 1000) { [self] in
                note("\(process.name) wakes")
                process.wake()
            }
        }
    }

    /// Somebody else puts a file into the local directory, under a free name.
    func putForeignLocally(_ bytes: [UInt8], as name: String) {
        guard (try? disk.put(bytes, as: name, replacing: false)) != nil else { return }
        foreignLocal[name] = bytes
        note("a stranger puts \(name) into the local directory")
    }

    /// A fault on purpose: the local copy goes before the catalog knows that the remote has the file.
    func deleteEarly(_ job: Int64) {
        guard let file = snapshot.jobs[job].flatMap({ snapshot.files[$0.file] }) else { return }
        if let place = file.place { disk.staged[place] = nil }
        disk.files[file.name] = nil
        look()
    }
}

/// The time that a database asks for; there is none before the history begins.
private final class SharedClock: @unchecked Sendable /* the simulator's thread alone touches it */ {
    weak var world: World?
}
