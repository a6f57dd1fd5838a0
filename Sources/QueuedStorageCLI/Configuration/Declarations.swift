import QueuedStorageCore
import QueuedStorageIngest

/// All that a configuration file, or a command's flags, declare.
struct Declarations: Sendable {
    /// The configuration file's path; nil if flags declare everything.
    var file: String?
    /// The database's absolute path.
    var database: String
    /// How many transfers run at the same time.
    var workers: Int?
    /// How long running transfers may go on after a worker was asked to stop.
    var drainTimeout: Duration?
    /// How long events are kept.
    var eventRetention: Duration?
    /// The storages, in their order.
    var storages: [StorageDeclaration] = []
    /// The drop folders, in their order.
    var dropFolders: [DropFolderDeclaration] = []

    /// How workers work.
    var workerOptions: WorkerOptions {
        var options = WorkerOptions()
        if let workers { options.concurrency = workers }
        if let drainTimeout { options.drainTimeout = drainTimeout }
        if let eventRetention { options.eventRetention = eventRetention }
        return options
    }
}

/// A storage as it is declared.
struct StorageDeclaration: Sendable {
    var alias: String
    /// The local directory's absolute path.
    var local: String
    var remote: RemoteDeclaration
    var isDelayed = false
    var task = TaskName.transfer
    var options = QueuedStorageOptions()
    /// The address under which clients reach the remote.
    var baseURL: String?
    /// The address under which clients reach the local directory.
    var localBaseURL: String?
    /// Where it is declared.
    var origin: Origin
    /// Where its local directory is declared.
    var localOrigin: Origin
    /// Where its remote is declared.
    var remoteOrigin: Origin
}

/// The tasks that a declaration can name.
enum TaskName: String, CaseIterable, Sendable {
    case transfer = "Transfer"
    case transferAndDelete = "TransferAndDelete"

    /// The task itself.
    var task: any TransferTask {
        switch self {
        case .transfer: Transfer()
        case .transferAndDelete: TransferAndDelete()
        }
    }
}

/// A drop folder as it is declared.
struct DropFolderDeclaration: Sendable {
    var alias: String
    /// The folder's absolute path.
    var path: String
    /// The alias of the storage that its files go to.
    var storage: String
    var options = DropFolderOptions()
    var origin: Origin
}

/// Where something is declared.
struct Origin: Sendable {
    /// The file, the line, and the key; or the flag.
    var text: String

    /// An error about what is declared here.
    func failure(_ message: String) -> CommandFailure { CommandFailure(.configuration, "\(text): \(message)") }
}
