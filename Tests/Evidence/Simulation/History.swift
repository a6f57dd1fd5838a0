import FoundationEssentials
import GRDB
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport

/// One history: a seed, and all that follows from it.
final class History: @unchecked Sendable /* the simulator's thread alone touches it */ {
    static let alias = "files"
    /// More than any history needs that ends at all.
    static let mostSteps = 1_000_000

    let seed: UInt64
    let world: World
    let simulator: Simulator
    private var nextProcess = 0
    private var nextContent = 0
    /// No process is started again.
    private var isEnding = false
    private var saves = 0
    private(set) var transfers = 0

    // What the application is like.
    private let processCount: Int64
    private let workersOnlyWork: Bool
    private let isDelayed: Bool
    private let task: any TransferTask
    private let options: QueuedStorageOptions
    private let lease: Duration
    private let names: [String]
    private let hasStrangers: Bool
    private let setsClock: Bool

    init(seed: UInt64, path: String, mutant: Mutant? = nil) throws {
        self.seed = seed
        simulator = Simulator(seed: seed)
        world = try World(simulator: simulator, path: path, mutant: mutant)
        processCount = simulator.pick(1...4)
        workersOnlyWork = simulator.happens(0.5)
        isDelayed = simulator.happens(0.15)
        task = simulator.happens(0.6) ? .transferAndDelete : .transfer
        options = QueuedStorageOptions(
            retries: .count(Int(simulator.pick(0...6))),
            retryDelay: .seconds(simulator.pick(1...20)),
            localGrace: simulator.happens(0.3) ? .seconds(simulator.pick(1...60)) : .zero,
            rateLimit: simulator.happens(0.15) ? try RateLimit("\(simulator.pick(1...5))/s") : nil,
            preferredSide: simulator.happens(0.3) ? .local : .remote,
            hashesOnSave: simulator.happens(0.5),
            stallTimeout: .seconds(simulator.pick(20...300))
        )
        lease = .seconds(simulator.pick(5...60))
        names = Array(["a.txt", "d/b.txt", "c", "d", "d/e/f.txt"].prefix(Int(simulator.pick(1...5))))
        hasStrangers = simulator.happens(0.3)
        setsClock = simulator.happens(0.3)
    }

    /// Lives it.
    func live() {
        let isOver = simulator.run(steps: Self.mostSteps) { [self] in
            await act()
            await calmDown()
            for process in world.processes { process.die() }
        }
        if !isOver { world.broken("P6", "nothing came to an end in \(Self.mostSteps) steps") }
    }

    // MARK: Processes

    private struct Running {
        var process: SimulatedProcess
        var storage: QueuedStorage
    }
    private var running: [Int64: Running] = [:]

    /// Starts a process in a slot, and another one whenever it has died.
    @discardableResult
    private func start(_ slot: Int64) -> QueuedStorage? {
        nextProcess += 1
        let process = SimulatedProcess(name: "p\(nextProcess)", world: world)
        world.add(process)
        world.note("\(process.name) starts")
        let time = SimulatedTime(process: process)
        let local = SimulatedLocal(process)
        do {
            let catalog = try SimulatedCatalog(process)
            let storage = try QueuedStorage(
                Self.alias,
                local: local,
                remote: SimulatedRemote(process),
                catalog: catalog,
                delayed: isDelayed,
                task: task,
                options: options,
                environment: [:],
                time: time,
                logger: world.logger(process)
            )
            running[slot] = Running(process: process, storage: storage)
            process.onDeath = { [self] in
                local.end()
                running[slot] = nil
                guard !isEnding else { return }
                simulator.after(simulator.pick(1...30_000_000)) { [self] in if !isEnding { start(slot) } }
            }
            // The first slot always works.
            if slot == 0 || slot % 2 == 0 || !workersOnlyWork {
                let worker = TransferWorker(
                    catalog: catalog,
                    storages: [storage],
                    options: WorkerOptions(
                        concurrency: Int(simulator.pick(1...4)),
                        prefetch: Int(simulator.pick(0...8)),
                        lease: lease,
                        heartbeat: .seconds(simulator.pick(1...4)),
                        rescueInterval: .seconds(simulator.pick(5...30))
                    ),
                    time: time,
                    logger: world.logger(process)
                )
                process.run { [self] in
                    do {
                        try await worker.run()
                    } catch {
                        world.note("\(process.name) ends: \(error)")
                    }
                    // As under a supervisor: who ends is started again.
                    process.die()
                }
            }
            return storage
        } catch {
            world.broken("P6", "\(process.name) can't start: \(error)")
            return nil
        }
    }

    // MARK: What happens

    private func act() async {
        for slot in 0..<processCount { start(slot) }
        let count = simulator.pick(3...30)
        let pace: Int64 = simulator.pick([10_000, 1_000_000, 10_000_000])
        for _ in 0..<count {
            await simulator.wait(simulator.pick(0...pace))
            if hasStrangers, simulator.happens(0.15) { interfere() }
            if setsClock, simulator.happens(0.1) { setClock() }
            if simulator.happens(world.weather.requestFails / 5) {
                world.server.isBackAt = simulator.now + simulator.pick(1...300) * 1_000_000
                world.note("the remote is away")
            }
            let awake = running.values.filter { !$0.process.isPaused }.sorted { $0.process.name < $1.process.name }
            guard !awake.isEmpty else { continue }
            let chosen = simulator.pick(awake)
            let client = Client(world: world, process: chosen.process, storage: chosen.storage)
            let name = simulator.pick(names)
            let number = nextContent
            nextContent += 1
            chosen.process.run { await client.act(on: name, number: number) }
        }
    }

    private func interfere() {
        let name = simulator.pick(names)
        let number: Int64 = simulator.pick(0...9)
        let bytes = World.foreignMark + Array("\(number)".utf8)
        if simulator.happens(0.7) {
            world.server.putForeign(bytes, as: name)
        } else if world.snapshot.files.values.allSatisfy({ $0.name != name }) {
            world.putForeignLocally(bytes, as: name)
        }
    }

    private func setClock() {
        let seconds = simulator.pick([-3_600, -60, 60, 3_600])
        world.clockError = simulator.happens(0.3) ? 0 : world.clockError + Double(seconds)
        world.note("the wall clock is set, it is off by \(world.clockError) s")
    }

    // MARK: Its end

    /// Faults stop: from here everything has to come to its end, in bounded time.
    private func calmDown() async {
        world.weather = .calm
        world.server.isBackAt = 0
        world.note("nothing goes wrong any more")
        guard await comesToRest(within: 12 * 3600) else { return }
        // What was given up is listed with its reason, and somebody asks for it again.
        if let storage = running[0]?.storage {
            world.note("what failed is asked for again")
            for file in world.snapshot.files.values.sorted(by: { $0.id < $1.id }) where file.state == "failed" {
                _ = try? await storage.transfer(file.name)
            }
            _ = try? await storage.catalog.retryDeletions(in: Self.alias)
        }
        guard await comesToRest(within: 3600) else { return }
        // One process after all others: it finds what they left.
        isEnding = true
        for process in world.processes { process.die() }
        isEnding = false
        guard let last = start(0) else { return }
        isEnding = true
        await simulator.wait(120_000_000)
        guard await comesToRest(within: 3600) else { return }
        let look = LastLook(world: world, storage: last)
        await look.read()
        // Whoever reads what the remote has lost has it sent again.
        guard await comesToRest(within: 3600) else { return }
        look.check()
        transfers = world.ledger.contents.count
    }

    /// Waits until nothing is left to be done; who paused the storage may have died before the end of the pause.
    private func comesToRest(within seconds: Int64) async -> Bool {
        let end = simulator.now + seconds * 1_000_000
        var round = 0
        while simulator.now < end {
            await simulator.wait(30_000_000)
            if round == 0 { try? await running[0]?.storage.resume() }
            let isBusy = world.snapshot.jobs.values.contains { $0.state != "failed" }
            // A process that couldn't give a file its name leaves that to who comes after it.
            let isUnsettled = isEnding && world.snapshot.files.values.contains { $0.place != nil }
            let isPaused = world.processes.contains { $0.isPaused && !$0.isDead }
            if running[0] == nil || isBusy || isUnsettled || isPaused { continue }
            round += 1
            if round > 2 { return true }
        }
        let jobs = world.snapshot.jobs.values.sorted { $0.id < $1.id }.map { "\($0)" }
        world.broken("P6", "after \(seconds) s there is still something to be done: \(jobs.joined(separator: ", "))")
        return false
    }
}
