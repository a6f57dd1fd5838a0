import QueuedStorageCore
import QueuedStorageIngest

/// What `--json` prints; the shapes are in `Schemas/json`.
extension JSONValue {
    /// A line of `qstore files`: `files.schema.json`.
    static func file(_ file: StoredFile) -> Self {
        .object([
            ("storage", .string(file.storage)), ("name", .string(file.name)), ("remoteName", .text(file.remoteName)),
            ("state", .string(file.state.rawValue)), ("size", .integer(file.size)), ("sha256", .text(file.sha256)),
            ("attempts", .integer(file.attempts)), ("error", .text(file.error)),
            ("createdAt", .instant(file.createdAt)), ("transferredAt", .instant(file.transferredAt)),
            ("owner", .owner(file.owner)),
        ])
    }

    /// A line of `qstore events`: `event.schema.json`.
    static func event(_ event: StorageEvent) -> Self {
        .object([
            ("type", .string(event.type.rawValue)), ("id", .integer(event.id)), ("at", .instant(event.at)),
            ("storage", .string(event.storage)), ("name", .string(event.name)),
            ("generation", .integer(event.generation)), ("remoteName", .text(event.remoteName)),
            ("size", .integer(event.size)), ("byteCount", .number(event.byteCount)),
            ("attempts", .number(event.attempts.map(Int64.init))), ("error", .text(event.error)),
            ("owner", .owner(event.owner)),
        ])
    }

    /// A line of `qstore quarantine ls`: `quarantine.schema.json`.
    static func quarantined(_ file: QuarantinedFile, in inbox: String) -> Self {
        .object([
            ("inbox", .string(inbox)), ("entry", .string(file.entry)), ("name", .string(file.name)),
            ("reason", .string(file.reason)), ("at", .instant(file.at)), ("size", .integer(file.size)),
        ])
    }

    /// The result of `qstore status`: `status.schema.json`.
    static func status(_ counts: [StorageCounts], quarantined: Int) -> Self {
        func member<Number: BinaryInteger>(_ numbers: [FileState: Number]) -> JSONValue {
            .object(FileState.allCases.map { ($0.rawValue, .integer(Int64(numbers[$0] ?? 0))) })
        }
        let storages = counts.map {
            JSONValue.object([
                ("alias", .string($0.alias)), ("counts", member($0.counts)), ("bytes", member($0.bytes)),
            ])
        }
        return .object([("storages", .array(storages)), ("quarantined", .integer(quarantined))])
    }

    private static func owner(_ owner: FileOwner?) -> Self {
        guard let owner else { return .null }
        return .object([
            ("model", .string(owner.model)), ("row", .string(owner.row)), ("field", .string(owner.field)),
        ])
    }
}
