import FoundationEssentials
public import Logging
import Metrics
public import ServiceLifecycle
import Synchronization

/// Brings files from local to remote, and removes the copies of deleted ones: a service that runs until it is asked to
/// stop, and then ends what it is at.
///
/// As many workers as wanted share a catalog, in one process or several. A worker claims only jobs of storages and tasks
/// that it was given. What a worker that died had claimed is taken back by another, or by its successor.
/// ```swift
/// let worker = TransferWorker(catalog: catalog, storages: [photos])
/// try await ServiceGroup(services: [worker], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
/// ```
public final class TransferWorker: Service {
    let catalog: any Catalog
    let storages: [String: QueuedStorage]
    let options: WorkerOptions
    let time: any TimeSource
    let logger: Logger
    let schedule: Mutex<WorkerSchedule>
    private let wakes: AsyncStream<Void>
    private let waking: AsyncStream<Void>.Continuation
    private let busy: AsyncStream<Void>
    private let gettingBusy: AsyncStream<Void>.Continuation

    /// Makes a worker.
    ///
    /// - Parameters:
    ///   - catalog: The catalog whose jobs to do.
    ///   - storages: The storages whose jobs to do, all of that catalog.
    ///   - options: How to work.
    ///   - time: Where time comes from.
    ///   - logger: Where the worker logs.
    public init(
        catalog: any Catalog,
        storages: [QueuedStorage],
        options: WorkerOptions = WorkerOptions(),
        time: any TimeSource = .system,
        logger: Logger = Logger(label: "TransferWorker")
    ) {
        self.catalog = catalog
        self.storages = Dictionary(storages.map { ($0.alias, $0) }) { first, _ in first }
        self.options = options
        self.time = time
        self.logger = logger
        schedule = Mutex(
            WorkerSchedule(
                concurrency: options.concurrency,
                quickConcurrency: options.quickConcurrency,
                prefetch: options.prefetch,
                quickTasks: self.storages.filter(\.value.hasDirectoryRemote).mapValues { storage in
                    Set(storage.tasks.filter { $0.value is Transfer || $0.value is TransferAndDelete }.keys)
                },
                intervals: self.storages.compactMapValues { $0.options.rateLimit?.interval }
            )
        )
        (wakes, waking) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
        (busy, gettingBusy) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Works until asked to stop.
    ///
    /// A graceful shutdown lets running transfers end, for ``WorkerOptions/drainTimeout`` at most; what was only claimed
    /// is given back. Cancelling stops at once; what was running is taken up by the next worker.
    public func run() async throws {
        try await start()
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                let changes = catalog.changes
                group.addTask { for await _ in changes { self.wake() } }
                group.addTask { try await self.keepLeases() }
                group.addTask { try await self.rescueNowAndThen() }
                try await work(untilIdle: false)
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.shutDown()
        }
    }

    /// Does what is due, and what falls due meanwhile at once, and returns when nothing is left that could be done now.
    public func runUntilIdle() async throws {
        try await start()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.keepLeases() }
            try await work(untilIdle: true)
            group.cancelAll()
        }
    }

    /// Starts nothing more, and ends when what runs has ended.
    package func shutDown() {
        let claimed = schedule.withLock { $0.drain() }
        logger.debug("the worker drains", metadata: ["released": "\(claimed.count)"])
        toRelease.withLock { $0 += claimed.map(\.ticket) }
        wake()
    }

    let toRelease = Mutex<[JobTicket]>([])

    func wake() { waking.yield() }

    private func start() async throws {
        for storage in storages.values {
            try await storage.start()
            try await storage.recover()
        }
        try await rescue()
        wake()
    }

    // MARK: The loop

    private func work(untilIdle: Bool) async throws {
        var alarm: Task<Void, Never>?
        var drainLimit: Task<Void, Never>?
        defer {
            alarm?.cancel()
            drainLimit?.cancel()
        }
        // A group that forgets what has ended: a worker works for months.
        try await withThrowingDiscardingTaskGroup { group in
            wake()
            for await _ in wakes {
                try await release()
                if schedule.withLock({ $0.isDraining }) {
                    if schedule.withLock({ $0.isIdle }) { break }
                    if drainLimit == nil { drainLimit = stopRunning(after: options.drainTimeout) }
                    continue
                }
                let now = time.bootMilliseconds
                // What ends while we claim may free another job for claiming, and wakes us once more.
                let wasIdle = schedule.withLock { $0.isIdle }
                let claimed = await claim(now: now)
                while let started = schedule.withLock({ $0.start(now: time.bootMilliseconds) }) {
                    group.addTask {
                        await self.process(started)
                        self.schedule.withLock { $0.end(started.job.ticket) }
                        self.wake()
                    }
                }
                if !schedule.withLock({ $0.isIdle }) { gettingBusy.yield() }
                if claimed > 0 { wake() }
                // As of the same moment: what a limit held back then may be free to start by now, and would be left behind.
                if untilIdle, wasIdle, claimed == 0, await !hasLimitedWork(now: now) { break }
                alarm?.cancel()
                alarm = try await claimed == 0 ? setAlarm() : nil
            }
            // Leaving the loop by cancellation: what runs is told, and waited for.
            if Task.isCancelled { stopAll(.shutdown) }
        }
        try? await release()
    }

    /// Claims as many jobs as there is room for; of a storage with a rate limit, one transfer at a time.
    ///
    /// - Parameter now: The time since the machine started, which the limits go by.
    /// - Returns: How many were claimed. A catalog that can't be asked now is asked again after the next change.
    private func claim(now: Int64) async -> Int {
        let (wanted, startable) = schedule.withLock { ($0.wanted, $0.startable(now: now)) }
        var count = 0
        do {
            // What is claimed is kept at once: the next claim may fail, and jobs that nobody knows stand still.
            if wanted > 0 {
                let tasks = knownTasks.filter { storages[$0.key]?.options.rateLimit == nil }
                count += try await claim(Array(storages.keys), tasks, limit: wanted)
            }
            for alias in startable.sorted() { count += try await claim([alias], knownTasks, limit: 1) }
        } catch {
            logger.warning("no jobs could be claimed; trying again soon", metadata: ["error": "\(error)"])
        }
        return count
    }

    private func claim(_ aliases: [String], _ tasks: [String: Set<String>], limit: Int) async throws -> Int {
        let jobs = try await catalog.claim(try await claimRequest(aliases, tasks, limit: limit))
        let unwanted = schedule.withLock { $0.add(jobs) }
        if !unwanted.isEmpty { toRelease.withLock { $0 += unwanted.map(\.ticket) } }
        return jobs.count
    }

    private func claimRequest(
        _ aliases: [String],
        _ tasks: [String: Set<String>],
        limit: Int
    ) async throws -> ClaimRequest {
        let until = time.bootMilliseconds + options.lease.milliseconds
        let storages = storages
        let leases = try await blocking {
            try storages.mapValues { Lease(token: try $0.local.token(), bootID: Boot.id, until: until) }
        }
        return ClaimRequest(storages: aliases, tasks: tasks, limit: limit, leases: leases, now: time.now)
    }

    /// Whether transfers are due that only wait for their storages' rate limits.
    private func hasLimitedWork(now: Int64) async -> Bool {
        let limited = schedule.withLock { $0.limited(now: now) }
        guard !limited.isEmpty else { return false }
        let dueAt = try? await catalog.nextDueAt(storages: Array(limited), tasks: knownTasks)
        return dueAt.map { $0 <= time.now } ?? false
    }

    var knownTasks: [String: Set<String>] {
        storages.mapValues { options.transfersFiles ? Set($0.tasks.keys) : [] }
    }

    /// Wakes the loop when the next job falls due, or its storage's rate limit lets it start.
    private func setAlarm() async throws -> Task<Void, Never>? {
        var delays: [Int64] = []
        do {
            // What waits for a rate limit has an alarm of its own; and who wants no job now asks again when one ends.
            let (limited, wanted) = schedule.withLock { ($0.limited(now: time.bootMilliseconds), $0.wanted) }
            let tasks = knownTasks.filter { !limited.contains($0.key) }
            if wanted > 0, let dueAt = try await catalog.nextDueAt(storages: Array(storages.keys), tasks: tasks) {
                let delay = dueAt.timeIntervalSince(time.now) * 1000
                // What is due, and wasn't to be had, is asked for again, but not without a pause. The wall clock may be
                // set meanwhile, so look again after a minute at the latest.
                delays.append(delay <= 0 ? 50 : Int64(min(60_000, delay + 1)))
            }
        } catch {
            delays.append(1000)
        }
        if let delay = schedule.withLock({ $0.rateLimitDelay(now: time.bootMilliseconds) }) { delays.append(delay) }
        guard let delay = delays.min() else { return nil }
        // Not structured: each round of the loop replaces it.
        return Task {
            guard (try? await time.sleep(for: .milliseconds(delay))) != nil else { return }
            wake()
        }
    }

    private func stopRunning(after limit: Duration) -> Task<Void, Never> {
        // Not structured: the loop cancels it when all has ended in time.
        Task {
            guard (try? await time.sleep(for: limit)) != nil else { return }
            stopAll(.shutdown)
        }
    }

    private func stopAll(_ reason: RunningJob.StopReason) {
        for running in schedule.withLock({ Array($0.running.values) }) { running.stop(reason) }
    }

    private func release() async throws {
        let tickets = toRelease.withLock { tickets in
            defer { tickets = [] }
            return tickets
        }
        guard !tickets.isEmpty else { return }
        try await catalog.release(tickets)
    }

    // MARK: Leases

    /// Prolongs the leases of all claimed jobs, in one commit, as long as there are any.
    private func keepLeases() async throws {
        for await _ in busy {
            while !schedule.withLock({ $0.isIdle }) {
                try await time.sleep(for: options.heartbeat)
                await beat()
            }
        }
    }

    /// Prolongs leases, and stops what was lost or stands still.
    package func beat() async {
        let (running, waiting) = schedule.withLock { (Array($0.running.values), $0.waiting) }
        var byteCounts: [JobTicket: Int64] = [:]
        for running in running {
            if let attempt = running.attempt, let options = storages[running.job.storage]?.options {
                let stillness = attempt.stillness
                if stillness.milliseconds > options.stallTimeout.milliseconds {
                    running.stop(.stalled(stillness.phase, options.stallTimeout))
                    continue
                }
                if let limit = options.attemptTimeout, attempt.age > limit {
                    running.stop(.overdue(limit))
                    continue
                }
            }
            byteCounts[running.job.ticket] = running.attempt?.byteCount ?? 0
        }
        for job in waiting { byteCounts[job.ticket] = 0 }
        guard !byteCounts.isEmpty else { return }
        do {
            let lost = try await catalog.renew(
                byteCounts,
                until: time.bootMilliseconds + options.lease.milliseconds
            )
            for running in running where lost.contains(running.job.ticket) { running.stop(.lost) }
            for ticket in lost where schedule.withLock({ $0.forget(ticket) }) {
                try await catalog.acknowledgeLoss(of: ticket)
            }
        } catch {
            logger.warning("leases could not be prolonged; trying again", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Rescue

    private func rescueNowAndThen() async throws {
        while true {
            try await time.sleep(for: options.rescueInterval)
            do {
                for storage in storages.values {
                    try await storage.settle()
                    try await storage.recover()
                }
                if try await rescue() > 0 { wake() }
                try await catalog.trimEvents(before: time.now.addingTimeInterval(-options.eventRetention.seconds))
            } catch is CancellationError {
                return
            } catch {
                logger.warning("what dead processes left could not be looked for", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Takes back what dead workers had claimed.
    @discardableResult
    package func rescue() async throws -> Int {
        let aliases = Array(storages.keys)
        var dead: Set<String> = []
        for (alias, tokens) in try await catalog.leaseholders(storages: aliases) {
            guard let local = storages[alias]?.local else { continue }
            dead.formUnion(try await blocking { try tokens.filter { try !local.isAlive($0) } })
        }
        let count = try await catalog.rescue(
            deadTokens: dead,
            storages: aliases,
            bootID: Boot.id,
            now: time.bootMilliseconds
        )
        if count > 0 {
            Counter(label: "queued_storage_rescued_jobs").increment(by: count)
            logger.notice("took back what dead workers had claimed", metadata: ["jobs": "\(count)"])
        }
        return count
    }
}
