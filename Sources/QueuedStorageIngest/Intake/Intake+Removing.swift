import FoundationEssentials
import Glibc
import QueuedStorageCore

/// A taken file whose bytes were copied, and what it was then.
struct CopiedFile: Sendable {
    var entry: TakenEntry
    var before: CopiedEntry
}

// What becomes of taken files whose bytes were copied.
extension Intake {
    /// What became of entries that were to be removed.
    struct Removal: Sendable {
        /// Those that are gone, durably, and may be forgotten.
        var gone: [TakenEntry] = []
        /// What was written since: new drops.
        var renewed: [TakenEntry] = []
        /// Those that are there still, or may be there again after a power failure.
        var left: [TakenEntry] = []
    }

    /// Removes entries whose bytes were copied; what was written since becomes a new drop.
    func remove(_ copied: [CopiedFile]) -> Removal {
        var removal = Removal()
        var removed: [String: [(entry: TakenEntry, renewed: TakenEntry?)]] = [:]
        for copied in copied {
            let entry = copied.entry
            do {
                let renewed = try entry.wasWritten(since: copied.before) ? entry.renewed(as: newID()) : nil
                if renewed == nil { try entry.remove() }
                removed[entry.token, default: []].append((entry, renewed))
            } catch {
                removal.left.append(entry)
                report(entry.path, Self.unremoved(error))
            }
        }
        for entries in removed.values {
            do {
                try entries.first?.entry.directory.sync()
                for (entry, _) in entries {
                    removal.gone.append(entry)
                    solved(entry.path)
                    prune(entry.path)
                }
                removal.renewed += entries.compactMap(\.renewed)
            } catch {
                removal.left += entries.flatMap { [$0.entry] + [$0.renewed].compactMap(\.self) }
                for (entry, _) in entries { report(entry.path, Self.unremoved(error)) }
            }
        }
        return removal
    }

    private static func unremoved(_ error: any Error) -> String {
        "the file is saved, but what was copied can't be removed from \(Inbox.privateName)/taken (\(error))"
    }
}
