import CoreMetrics
import FoundationEssentials
import Logging
import QueuedStorageCore

// What becomes of a taken file that isn't saved: back to where it was, or into quarantine.
extension Intake {
    /// Puts a file back where it was dropped, and leaves it alone for a while.
    ///
    /// - Returns: False if that can't be done: the entry stays.
    func putBack(_ entry: TakenEntry, for reason: String?) -> Bool {
        let now = context.time.now()
        do {
            let status = try entry.directory.status(entry.name)
            let delay = reason == nil ? Duration.milliseconds(200) : options.retryInterval
            hold(entry.path, status, now + delay)
            try entry.putBack()
            returnCompanions(of: entry)
            if let reason { report(entry.path, reason) }
            return true
        } catch {
            candidates.remove(entry.path)
            report(entry.path, reason ?? "the file can't be put back (\(error))")
            return false
        }
    }

    @discardableResult
    func quarantine(_ entry: TakenEntry, _ reason: String) -> Bool {
        do {
            note(try inbox.quarantine.add(entry, reason: reason, at: context.time.date()))
            returnCompanions(of: entry)
            return true
        } catch {
            report(entry.path, "the file can't be put into quarantine (\(error))")
            return false
        }
    }

    /// Puts companions back whose file isn't here, beside where it was dropped; into quarantine if that can't be done.
    ///
    /// What can't be put anywhere stays, and is found again at the next start.
    func returnCompanions(of entry: TakenEntry) {
        guard entry.hasSideFiles else { return }
        do { try entry.putBackDrafts() } catch {
            do {
                for companion in try entry.drafts() {
                    let reason = "its file wasn't taken, and it can't be put back (\(error))"
                    let date = context.time.date()
                    note(try inbox.quarantine.add(companion, of: entry, reason: reason, at: date))
                }
            } catch {
                return report(entry.path, "what was taken with the file can't be put back (\(error))")
            }
        }
        try? entry.removeCompanions()
    }

    private func note(_ file: QuarantinedFile) {
        context.metrics.quarantined.increment()
        context.logger.notice(
            "A dropped file was put into quarantine",
            metadata: ["inbox": "\(inbox.path)", "name": "\(file.name)", "reason": "\(file.reason)"]
        )
        context.observe(.quarantined(name: file.name, reason: file.reason))
        context.count { $0.quarantined += 1 }
    }

    func newID() -> String {
        lastID += 1
        return "\(String(lastID, radix: 36))-\(randomDigits(4))"
    }

    /// Removes directories that the take of a file emptied.
    func prune(_ path: DropPath) {
        guard options.prune else { return }
        var directory = path.parent
        while directory != .root {
            guard let parent = try? inbox.root.directory(directory.parent),
                (try? parent.removeDirectory(directory.name)) == true
            else { return }
            directory = directory.parent
        }
    }
}
