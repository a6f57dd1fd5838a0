import QueuedStorageCore

/// The process died: whatever it was about to do, it doesn't.
struct Died: Error {}

/// A process that can be paused anywhere, and die anywhere.
///
/// Every act that others could see goes through a point: there it waits, is paused, or dies. What it does between two
/// points, it does at once.
final class SimulatedProcess: @unchecked Sendable /* the simulator's thread alone touches it */ {
    /// The process that the present task belongs to.
    @TaskLocal static var current: SimulatedProcess?

    let name: String
    let world: World
    private(set) var isDead = false
    private(set) var isPaused = false
    private var parked: [UnsafeContinuation<Void, Never>] = []
    private var parkedWork: [@Sendable () -> Void] = []
    private var tasks: [Task<Void, Never>] = []
    private var listeners: [AsyncStream<Void>.Continuation] = []
    /// Is done when it dies.
    var onDeath: () -> Void = {}

    init(name: String, world: World) {
        self.name = name
        self.world = world
    }

    // MARK: Points

    /// A place where the process may be paused, or die.
    ///
    /// - Throws: ``Died``.
    func point(_ what: @autoclosure () -> String) async throws {
        try check()
        let simulator = world.simulator
        if simulator.happens(0.3) {
            await simulator.wait(simulator.pick(1...(simulator.happens(0.1) ? 2_000_000 : 5_000)))
        } else {
            await simulator.yield()
        }
        world.strike(self, what())
        await waitWhilePaused()
        try check()
    }

    /// Waits as long as the process is paused.
    func waitWhilePaused() async {
        while isPaused, !isDead {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
                parked.append(continuation)
            }
        }
    }

    /// Does nothing for the living.
    ///
    /// - Throws: ``Died``.
    func check() throws { if isDead { throw Died() } }

    /// Has work of this process run; not while it is paused.
    func perform(_ work: @escaping @Sendable () -> Void) {
        world.simulator.perform { [self] in
            if isPaused, !isDead { parkedWork.append(work) } else { work() }
        }
    }

    // MARK: Life

    /// Runs a task of the process.
    func run(_ body: @escaping @Sendable () async -> Void) {
        guard !isDead else { return }
        tasks.append(Self.$current.withValue(self) { Task { await body() } })
    }

    /// Stops it where it is.
    func pause() { isPaused = true }

    /// Lets it go on, if it was paused.
    func wake() {
        isPaused = false
        let (waiting, work) = (parked, parkedWork)
        (parked, parkedWork) = ([], [])
        for continuation in waiting { continuation.resume() }
        for work in work { world.simulator.perform(work) }
    }

    /// Ends it at once.
    func die() {
        guard !isDead else { return }
        isDead = true
        onDeath()
        // What is left of its tasks has no effect any more; it only has to come to an end.
        for task in tasks { task.cancel() }
        for listener in listeners { listener.finish() }
        wake()
    }

    // MARK: Commits

    /// Tells it of commits, its own and others'.
    var changes: AsyncStream<Void> {
        let (stream, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        listeners.append(continuation)
        return stream
    }

    func announce() { for listener in listeners { listener.yield() } }
}
