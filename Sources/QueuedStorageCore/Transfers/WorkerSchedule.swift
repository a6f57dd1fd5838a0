/// Which jobs a worker has, runs and wants: what the worker decides, without doing it.
struct WorkerSchedule {
    /// Transfers of files at least this large leave one slot to smaller ones, so that they don't wait behind them.
    static let largeSize: Int64 = 64 << 20
    /// Smaller files are quick to bring to a directory of this machine: nearly all of the time goes into waiting for disks.
    static let quickSize: Int64 = 1 << 20

    let concurrency: Int
    /// How many jobs run at a time, with the quick ones.
    let totalConcurrency: Int
    let prefetch: Int
    /// The storages whose remotes are directories of this machine, each with the tasks that do no more than to copy.
    let quickTasks: [String: Set<String>]
    /// The shortest time between two starts, in milliseconds, of the storages that have a limit.
    let intervals: [String: Int64]

    private(set) var waiting: [TransferJob] = []
    private(set) var running: [JobTicket: RunningJob] = [:]
    private(set) var isDraining = false
    private var runningLarge = 0
    private var runningQuick = 0
    private var nextStarts: [String: Int64] = [:]

    init(
        concurrency: Int,
        quickConcurrency: Int,
        prefetch: Int,
        quickTasks: [String: Set<String>],
        intervals: [String: Int64]
    ) {
        self.concurrency = max(1, concurrency)
        totalConcurrency = max(self.concurrency, quickConcurrency)
        self.prefetch = max(0, prefetch)
        self.quickTasks = quickTasks
        self.intervals = intervals
    }

    /// How many jobs to claim now: a whole load once half of the last is used up, so that claims come in batches.
    var wanted: Int {
        guard !isDraining, waiting.count <= prefetch / 2 else { return 0 }
        // More are claimed for quick ones once there are any: what nobody starts here, another process could.
        let hasQuick = runningQuick > 0 || waiting.contains(where: isQuick)
        return max(0, (hasQuick ? totalConcurrency : concurrency) + prefetch - waiting.count - running.count)
    }

    var isIdle: Bool { waiting.isEmpty && running.isEmpty }

    /// The storages whose next transfer must wait for their rate limit.
    func limited(now: Int64) -> Set<String> {
        Set(nextStarts.filter { $0.value > now }.keys)
    }

    /// The storages with a rate limit that lets one transfer start now, and of which none is claimed yet.
    func startable(now: Int64) -> Set<String> {
        let claimed = Set(waiting.filter { $0.kind == .transfer }.map(\.storage))
        return isDraining ? [] : Set(intervals.keys).subtracting(limited(now: now)).subtracting(claimed)
    }

    /// Takes on what was claimed.
    ///
    /// - Returns: What it has no use for: all, if the worker was asked to stop while the claim was on its way.
    mutating func add(_ jobs: [TransferJob]) -> [TransferJob] {
        if isDraining { return jobs }
        waiting += jobs
        return []
    }

    /// The next job to start, if one may start now.
    mutating func start(now: Int64) -> RunningJob? {
        guard !isDraining, running.count < totalConcurrency else { return nil }
        let largeAllowed = max(1, concurrency - 1)
        let index = waiting.firstIndex { job in
            (isQuick(job) || running.count - runningQuick < concurrency)
                && (!isLarge(job) || runningLarge < largeAllowed)
                && (job.kind != .transfer || (nextStarts[job.storage] ?? 0) <= now)
        }
        guard let index else { return nil }
        let job = waiting.remove(at: index)
        if job.kind == .transfer, let interval = intervals[job.storage] { nextStarts[job.storage] = now + interval }
        if isLarge(job) { runningLarge += 1 }
        if isQuick(job) { runningQuick += 1 }
        let started = RunningJob(job)
        running[job.ticket] = started
        return started
    }

    /// How many milliseconds it takes until a storage's rate limit lets its next transfer start; nil if none has to wait.
    func rateLimitDelay(now: Int64) -> Int64? {
        nextStarts.values.filter { $0 > now }.min().map { $0 - now }
    }

    mutating func end(_ ticket: JobTicket) {
        guard let ended = running.removeValue(forKey: ticket) else { return }
        if isLarge(ended.job) { runningLarge -= 1 }
        if isQuick(ended.job) { runningQuick -= 1 }
    }

    /// Takes back a job that was claimed but not started.
    mutating func forget(_ ticket: JobTicket) -> Bool {
        guard let index = waiting.firstIndex(where: { $0.ticket == ticket }) else { return false }
        waiting.remove(at: index)
        return true
    }

    /// Starts nothing more; what is handed back was claimed and not started.
    mutating func drain() -> [TransferJob] {
        isDraining = true
        defer { waiting = [] }
        return waiting
    }

    private func isLarge(_ job: TransferJob) -> Bool {
        job.kind == .transfer && (job.file?.size ?? 0) >= Self.largeSize
    }
    private func isQuick(_ job: TransferJob) -> Bool {
        switch job.kind {
        case .transfer:
            quickTasks[job.storage]?.contains(job.task) == true && (job.file?.size ?? .max) < Self.quickSize
        case .deleteRemote: quickTasks[job.storage] != nil
        case .deleteLocal: true
        }
    }
}
