import FoundationEssentials
import Logging
import QueuedStorageCore

/// What is done with a drop folder's directories: watching, looking, moving files out.
///
/// All methods block.
final class Intake: @unchecked Sendable /* the drop folder's loop calls it, one call at a time */ {
    /// How long after it appeared a file is looked at, if no other event comes first.
    static let newFileDelay = Duration.milliseconds(100)
    /// How long a large file waits while others of its kind are being saved.
    static let largeFileDelay = Duration.seconds(1)
    static let longestOpenDelay = Duration.seconds(30)
    /// How many files are looked at before others get their turn.
    static let mostLooks = 4096
    static let mostProblems = 1000

    let inbox: Inbox
    let isOnce: Bool
    let options: DropFolderOptions
    let context: DropFolder.Context
    let selection: Selection
    let probe: Probe
    let companionKinds: [Companion]
    let events = EventBuffer()
    let wake: WakeSignal

    var stream: (any FileEventStream)?
    var sourceName = "polling"
    var polls = true
    var watches: [Int32: DropPath] = [:]
    var armed: Set<Int32> = []
    var scanner = Scanner()
    var isFullScan = false
    var wantsScan = true
    var nextScan: Duration = .zero
    /// Whether the whole folder was looked through once.
    var hasLookedThrough = false
    var fresh: [DropPath] = []
    var candidates = Candidates()
    private(set) var problems: [ProblemSubject: DropFolderProblem] = [:]
    var lastID = 0
    var adopted: [String: (token: HeldToken, directory: Directory)] = [:]
    /// How many files wait for a marker or a sidecar, as far as a pass saw them.
    var waitingForCompanions = 0

    init(_ inbox: Inbox, options: DropFolderOptions, context: DropFolder.Context, wake: WakeSignal, isOnce: Bool) {
        self.inbox = inbox
        self.options = options
        self.context = context
        self.wake = wake
        self.isOnce = isOnce
        selection = Selection(options)
        probe = Probe(options: options, fileSystem: inbox.fileSystem)
        var kinds: [Companion] = options.sidecar == .none ? [] : [.sidecar]
        if let suffix = options.done.markerSuffix { kinds.append(.marker(suffix)) }
        companionKinds = kinds
    }

    // MARK: Problems

    func report(_ path: DropPath, _ reason: String) { report(.path(path), reason) }

    func report(_ subject: ProblemSubject, _ reason: String) {
        let problem = DropFolderProblem(name: subject.path.description, reason: reason, at: context.time.date())
        if problems[subject]?.reason != reason {
            context.logger.warning(
                "Something in the drop folder can't be taken; it will be tried again",
                metadata: ["inbox": "\(inbox.path)", "name": "\(problem.name)", "reason": "\(reason)"]
            )
        }
        if problems.count < Self.mostProblems || problems[subject] != nil { problems[subject] = problem }
        context.observe(.problem(problem))
    }

    /// Forgets a problem that is none any more.
    func solved(_ path: DropPath) { solved(.path(path)) }

    func solved(_ subject: ProblemSubject) { if problems[subject] != nil { problems[subject] = nil } }
}

/// What a problem is about: each is known by itself, so that solving one leaves the others.
enum ProblemSubject: Hashable {
    /// A file or a directory.
    case path(DropPath)
    /// The room that is left; files wait meanwhile, and nothing is wrong with them.
    case room
    /// What all dead processes left.
    case recovery
    /// What the dead process of a token left.
    case token(String)

    var path: DropPath { if case .path(let path) = self { path } else { .root } }

    var isRecovery: Bool {
        switch self {
        case .path, .room: false
        case .recovery, .token: true
        }
    }
}

/// The drop folder isn't where it was.
struct InboxGone: Error {}
