/// How a file gets from local to remote.
///
/// Own tasks are made by composition:
/// ```swift
/// struct TransferAndNotify: TransferTask {
///     func transfer(_ file: TransferContext) async throws -> Bool {
///         let done = try await Transfer().transfer(file)
///         if done { await notify(file.name) }
///         return done
///     }
/// }
/// ```
/// A job keeps the task's name, never the task: a worker runs a job only if it knows a task of that name.
public protocol TransferTask: Sendable {
    /// The name under which jobs keep the task; the type's name if not said otherwise.
    var name: String { get }

    /// Brings a file to the remote.
    ///
    /// - Parameter file: The file, and what can be done with it.
    /// - Returns: True if the file is on the remote; false to be tried again later, at the cost of a try.
    /// - Throws: What went wrong; ``RetryPolicy`` decides what that means.
    func transfer(_ file: TransferContext) async throws -> Bool
}

extension TransferTask {
    /// The type's name.
    public var name: String { String(describing: Self.self) }
}

/// Copies the file to the remote and keeps the local copy.
///
/// The remote's copy is compared by what the storage reports, else as ``QueuedStorageOptions/verification`` says.
public struct Transfer: TransferTask {
    /// Makes the task.
    public init() {}

    /// Sends the file and compares.
    ///
    /// - Parameter file: The file.
    /// - Returns: True.
    /// - Throws: What ``TransferContext/send()`` and ``TransferContext/verify()`` throw.
    public func transfer(_ file: TransferContext) async throws -> Bool {
        try await file.send()
        try await file.verify()
        return true
    }
}

/// Copies the file to the remote, proves the copy, and lets the local one be deleted.
///
/// The proof is the strongest checksum that the remote vouches for, else every byte read back. The local copy goes after
/// the switch to the remote is committed, and after the storage's `localGrace`; where the remote is no ``DurableStorage``,
/// not before its `durabilityGrace` and a second look at the remote's copy.
public struct TransferAndDelete: TransferTask {
    /// Makes the task.
    public init() {}

    /// Sends the file, proves it, and asks for the deletion of the local copy.
    ///
    /// - Parameter file: The file.
    /// - Returns: True.
    /// - Throws: What ``TransferContext/send()``, ``TransferContext/verify()`` and ``TransferContext/prove()`` throw; the
    ///   local copy stays then.
    public func transfer(_ file: TransferContext) async throws -> Bool {
        guard try await Transfer().transfer(file) else { return false }
        try await file.prove()
        file.deleteLocalCopy()
        return true
    }
}

extension TransferTask where Self == Transfer {
    /// Copies the file and keeps the local copy.
    public static var transfer: Transfer { Transfer() }
}

extension TransferTask where Self == TransferAndDelete {
    /// Copies the file, proves the copy, and deletes the local one.
    public static var transferAndDelete: TransferAndDelete { TransferAndDelete() }
}
