import QueuedStorageCore
import QueuedStorageIngest

/// What a command ends with.
enum ExitStatus: Int32, Sendable {
    case success = 0
    /// Something failed.
    case failure = 1
    /// The command was used wrongly.
    case usage = 2
    /// The configuration is wrong, or not that of the database.
    case configuration = 3
    /// Trying again later may help (EX_TEMPFAIL of sysexits.h).
    case temporary = 75
}

/// Why a command can't go on: one line for the user, and the exit status.
struct CommandFailure: Error {
    let status: ExitStatus
    /// The line; nil if all was said already.
    let message: String?

    init(_ status: ExitStatus, _ message: String?) {
        self.status = status
        self.message = message
    }

    /// Says in a line what an error means to the user of a command.
    init(_ error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as CatalogError: self.init(Self.status(of: error.code), "\(error)")
        case let error as StorageError: self.init(Self.status(of: error.code), "\(error)")
        case let error as DropFolderError: self.init(Self.status(of: error.code), "\(error)")
        case let error as TransferError: self.init(error.code == .timedOut ? .temporary : .failure, "\(error)")
        case is CancellationError: self.init(.failure, "interrupted")
        default: self.init(.failure, "\(error)")
        }
    }

    private static func status(of code: CatalogError.Code) -> ExitStatus {
        switch code {
        case .wrongLocation, .wrongRemote, .newerSchema, .notACatalog, .missing, .notDurable: .configuration
        case .busy, .unavailable, .full: .temporary
        default: .failure
        }
    }

    private static func status(of code: StorageError.Code) -> ExitStatus {
        switch code {
        case .invalidConfiguration: .configuration
        case .offline, .throttled, .timedOut: .temporary
        default: .failure
        }
    }

    private static func status(of code: DropFolderError.Code) -> ExitStatus {
        switch code {
        case .alreadyWatched: .temporary
        case .overlapping, .invalidOption, .unavailable, .denied: .configuration
        default: .failure
        }
    }
}
