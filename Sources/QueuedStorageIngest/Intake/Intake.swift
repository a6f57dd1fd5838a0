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
    var problems: [DropPath: DropFolderProblem] = [:]
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
}

/// The drop folder isn't where it was.
struct InboxGone: Error {}
