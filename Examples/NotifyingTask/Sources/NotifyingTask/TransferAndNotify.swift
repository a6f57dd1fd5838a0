import QueuedStorageKit

/// Transfers a file, and tells somebody that it is over there.
struct TransferAndNotify: TransferTask {
    /// What does the transfer: another task, not a superclass.
    var transfer: any TransferTask = .transfer
    /// Whom to tell.
    let notify: @Sendable (Notification) async throws -> Void

    /// What is told.
    ///
    /// The identifier and the generation are the same whenever the same bytes are told of again.
    struct Notification: Sendable {
        let id: Int64
        let generation: Int64
        let name: String
        let remoteName: String
    }

    /// Jobs keep this name: a worker runs them if it knows a task of the name.
    var name: String { "TransferAndNotify" }

    func transfer(_ file: TransferContext) async throws -> Bool {
        guard try await transfer.transfer(file) else { return false }
        try await notify(
            Notification(
                id: file.file.id,
                generation: file.file.generation,
                name: file.name,
                remoteName: file.remoteName
            )
        )
        return true
    }
}
