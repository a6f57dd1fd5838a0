import CLinux
import FoundationEssentials
public import Logging
import CoreMetrics
public import QueuedStorageCore
public import ServiceLifecycle
import Synchronization

/// A directory whose files are taken, stored, and transferred: drop a file there, and it will be safe elsewhere.
///
/// A file is taken exactly once, when its writer is done, also across restarts and lost events. What can't be taken
/// stays where it is and is listed in ``problems``, or lies in quarantine with its reason beside it (``Quarantine``).
/// ```swift
/// let inbox = try DropFolder("/srv/inbox", into: sink, options: DropFolderOptions(mode: .after(.seconds(600))))
/// try await ServiceGroup(services: [inbox], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
/// The folder gets a private part `.qstore`, which is never taken.
public final class DropFolder: Service {
    /// The folder's path, as it was given.
    public let path: String
    /// What is taken, when, and what becomes of it.
    public let options: DropFolderOptions

    let source: any FileEventSource
    let context: Context
    let takesLock: Bool
    let returnInterval: Duration
    let stop = StopSignal()

    private let state = Mutex(State())

    struct State {
        var summary = DropFolderSummary()
        var problems: [DropFolderProblem] = []
    }

    /// Describes a drop folder; nothing is opened or watched yet.
    ///
    /// - Parameters:
    ///   - path: The folder's path; symbolic links in it are resolved when it is opened.
    ///   - sink: Where the files go.
    ///   - options: What is taken, when, and what becomes of it.
    ///   - eventSource: What tells of new files.
    ///   - logger: Where to say what happened.
    public convenience init(
        _ path: String,
        into sink: any DropSink,
        options: DropFolderOptions = DropFolderOptions(),
        eventSource: any FileEventSource = .automatic,
        logger: Logger = Logger(label: "DropFolder")
    ) {
        self.init(path, into: sink, options: options, eventSource: eventSource, logger: logger, time: .system)
    }

    /// Describes a drop folder with its time and its observer.
    ///
    /// - Parameters:
    ///   - path: The folder's path.
    ///   - sink: Where the files go.
    ///   - options: What is taken, when, and what becomes of it.
    ///   - eventSource: What tells of new files.
    ///   - logger: Where to say what happened.
    ///   - time: The time to go by.
    ///   - takesLock: Whether other watchers are kept out; without, each file is still taken once.
    ///   - returnInterval: How often to look whether a folder that is gone is back; and, a fifth as often, whether one is there still.
    ///   - observe: Is told what happens, on any thread.
    package init(
        _ path: String,
        into sink: any DropSink,
        options: DropFolderOptions = DropFolderOptions(),
        eventSource: any FileEventSource = .automatic,
        logger: Logger = Logger(label: "DropFolder"),
        time: Timekeeper,
        takesLock: Bool = true,
        returnInterval: Duration = .seconds(2),
        observe: @escaping @Sendable (DropFolderEvent) -> Void = { _ in }
    ) {
        self.path = path
        self.options = options
        self.takesLock = takesLock
        self.returnInterval = returnInterval
        source = eventSource
        context = Context(
            sink: sink,
            logger: logger,
            time: time,
            observe: observe,
            metrics: Counters(alias: sink.alias),
            count: { _ in }
        )
        // A writer that opens a file just while we ask whether somebody writes it would send us the signal that kills.
        clinux_ignore_sigio()
    }

    /// What keeps files from being taken at the moment, by name.
    public var problems: [DropFolderProblem] { state.withLock { $0.problems } }

    /// Watches the folder and takes its files until the service is shut down.
    ///
    /// If the folder goes away, this waits until it is back. At a graceful shutdown, the files in hand are saved first;
    /// large ones are given up and taken on at the next start.
    ///
    /// - Throws: ``DropFolderError`` if the folder can't be watched to begin with: with
    ///   ``DropFolderError/Code/alreadyWatched``, ``DropFolderError/Code/overlapping``,
    ///   ``DropFolderError/Code/unavailable`` or ``DropFolderError/Code/denied``.
    public func run() async throws {
        try await withTaskCancellationOrGracefulShutdownHandler {
            var isOver = try await watch { try await self.open() }
            while !isOver { isOver = try await watch { try await self.awaitReturn() } }
        } onCancelOrGracefulShutdown: {
            self.stop.raise()
        }
    }

    /// Watches a folder for as long as it is there; when this returns, nothing of it is open any more.
    ///
    /// - Returns: Whether it is time to stop.
    private func watch(_ open: () async throws -> Inbox?) async throws -> Bool {
        guard let inbox = try await open() else { return true }
        let work = DropFolderWork(self, inbox, isOnce: false, summary: { _ in }, problems: show)
        do {
            try await work.run()
            return true
        } catch is InboxGone { return false }
    }

    /// Takes everything that lies there and is done being written, and returns.
    ///
    /// - Returns: What was done, and what is left.
    /// - Throws: ``DropFolderError``, as ``run()``.
    public func takeOnce() async throws -> DropFolderSummary {
        let summary = Mutex(DropFolderSummary())
        let box = SummaryBox(summary)
        let work = try await DropFolderWork(
            self,
            open(),
            isOnce: true,
            summary: { change in box.summary.withLock { change(&$0) } },
            problems: show
        )
        do { try await work.run() } catch is InboxGone {
            throw DropFolderError(.unavailable, path, "the drop folder \"\(path)\" went away")
        }
        return box.summary.withLock { $0 }
    }

    private func open() async throws -> Inbox {
        try await blocking { [self] in
            let real = try Inbox.realPath(path)
            try Overlap.check(real, against: context.sink.occupiedPaths)
            return try Inbox(opening: real, takesLock: takesLock)
        }
    }

    /// Waits until the folder is there again; nil if it is time to stop.
    private func awaitReturn() async throws -> Inbox? {
        context.logger.warning("The drop folder went away; waiting for it", metadata: ["inbox": "\(path)"])
        context.observe(.gone)
        while !stop.isRaised {
            await stop.signal.wait(until: context.time.now() + returnInterval, context.time)
            guard !stop.isRaised else { return nil }
            do {
                let inbox = try await open()
                context.logger.notice("The drop folder is back", metadata: ["inbox": "\(path)"])
                context.observe(.back)
                return inbox
            } catch let error as DropFolderError where error.code != .overlapping {
                let problem = DropFolderProblem(name: "", reason: "\(error)", at: context.time.date())
                show([problem])
            }
        }
        return nil
    }

    private func show(_ problems: [DropFolderProblem]) { state.withLock { $0.problems = problems } }

    private final class SummaryBox: Sendable {
        let summary: Mutex<DropFolderSummary>
        init(_ summary: consuming Mutex<DropFolderSummary>) { self.summary = summary }
    }
}

extension DropFolder {
    /// What all parts of a drop folder share.
    struct Context: Sendable {
        let sink: any DropSink
        let logger: Logger
        let time: Timekeeper
        let observe: @Sendable (DropFolderEvent) -> Void
        let metrics: Counters
        var count: @Sendable ((inout DropFolderSummary) -> Void) -> Void
    }

    /// The counters of a drop folder, by the alias of its storage.
    struct Counters: Sendable {
        let taken: Counter
        let quarantined: Counter
        let overflows: Counter
        let scans: Counter

        init(alias: String) {
            let dimensions = [("storage", alias)]
            taken = Counter(label: "queued_storage_taken_files", dimensions: dimensions)
            quarantined = Counter(label: "queued_storage_quarantined_files", dimensions: dimensions)
            overflows = Counter(label: "queued_storage_event_overflows", dimensions: dimensions)
            scans = Counter(label: "queued_storage_folder_scans", dimensions: dimensions)
        }
    }
}

/// Says that it is time to stop, to whoever waits.
final class StopSignal: Sendable {
    let signal = WakeSignal()
    private let raised = Atomic(false)

    var isRaised: Bool { raised.load(ordering: .sequentiallyConsistent) }

    func raise() {
        raised.store(true, ordering: .sequentiallyConsistent)
        signal.raise()
    }
}
