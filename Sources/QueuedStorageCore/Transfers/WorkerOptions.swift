/// How a worker works.
public struct WorkerOptions: Hashable, Sendable {
    /// How many transfers run at the same time; setting it sets ``quickConcurrency``, too.
    public var concurrency: Int { didSet { quickConcurrency = concurrency } }
    /// How many run at the same time, if that is more, while most only copy files below 1 MiB to a directory of this machine: those
    /// wait for its disk, which makes many files durable as fast as one.
    public var quickConcurrency: Int
    /// How many jobs are claimed ahead of the running ones, so that small files needn't wait for commits.
    public var prefetch: Int
    /// How long a claimed job stays this worker's without a sign of life.
    public var lease: Duration
    /// How often leases are prolonged, and standing transfers looked for.
    public var heartbeat: Duration
    /// How often the worker looks for what dead processes left.
    public var rescueInterval: Duration
    /// How long running transfers may go on after the worker was asked to stop.
    public var drainTimeout: Duration
    /// How long events are kept.
    public var eventRetention: Duration
    /// Whether transfers are done; a worker without only removes copies of deleted files.
    public var transfersFiles: Bool

    /// Makes options.
    ///
    /// - Parameters:
    ///   - concurrency: How many transfers run at the same time; 4 if nil.
    ///   - quickConcurrency: How many, while most only copy small files to a directory of this machine; if nil, as many as
    ///     `concurrency` says, and 64 if that says nothing.
    ///   - prefetch: How many jobs are claimed ahead of the running ones.
    ///   - lease: How long a claimed job stays this worker's without a sign of life.
    ///   - heartbeat: How often leases are prolonged.
    ///   - rescueInterval: How often the worker looks for what dead processes left.
    ///   - drainTimeout: How long running transfers may go on after the worker was asked to stop.
    ///   - eventRetention: How long events are kept.
    ///   - transfersFiles: Whether transfers are done.
    public init(
        concurrency: Int? = nil,
        quickConcurrency: Int? = nil,
        prefetch: Int = 60,
        lease: Duration = .seconds(60),
        heartbeat: Duration = .seconds(1),
        rescueInterval: Duration = .seconds(15),
        drainTimeout: Duration = .seconds(30),
        eventRetention: Duration = .seconds(7 * 86400),
        transfersFiles: Bool = true
    ) {
        self.concurrency = concurrency ?? 4
        self.quickConcurrency = quickConcurrency ?? concurrency ?? 64
        self.prefetch = prefetch
        self.lease = lease
        self.heartbeat = heartbeat
        self.rescueInterval = rescueInterval
        self.drainTimeout = drainTimeout
        self.eventRetention = eventRetention
        self.transfersFiles = transfersFiles
    }
}
