import FoundationEssentials
import Glibc
import QueuedStorageCore

// Files that are moved out of the folder, and why others are not.
extension Intake {
    func take(
        _ found: FoundFile,
        from directory: Directory,
        _ now: Duration,
        hasRoom: Bool,
        _ batch: inout Gathering
    ) {
        if isHeld(found, now) { return }
        guard hasRoom else { return hold(found.path, found.status, now + min(options.retryInterval, .seconds(30))) }
        guard batch.takesLarge || found.status.size < options.largeFileSize else {
            return candidates.set(found.path, .init(reason: .new, lookAt: now + Self.largeFileDelay, since: now))
        }
        lastID += 1
        let id = String(lastID, radix: 36)
        do {
            let taking = try TakenEntry.take(
                found,
                from: directory,
                into: inbox,
                id: id,
                companionKinds: companionKinds
            )
            candidates.remove(found.path)
            solved(found.path)
            switch taking {
            case .taken(let entry):
                batch.entries.append(entry)
                batch.touched[found.path.parent] = directory
            case .other(let entry):
                report(found.path, "the file was replaced twice while it was taken; it is looked at again later")
                batch.stuck.append(entry)
            case nil: break
            }
        } catch let error as SystemError {
            let advice = error.errno == EXDEV || error.errno == EBUSY ? "; something is mounted there" : ""
            fail(found.path, "the file can't be moved out of the drop folder (\(error))\(advice)", now)
        } catch {
            fail(found.path, "\(error)", now)
        }
    }

    func isText(_ entry: TakenEntry) -> Bool {
        guard entry.path.string == nil else { return true }
        quarantine(entry, "its name isn't UTF-8")
        return false
    }

    func isHeld(_ found: FoundFile, _ now: Duration) -> Bool {
        guard let held = candidates[found.path], held.reason == .held, now < held.lookAt else { return false }
        return held.seen?.isSameFile(as: found.status) == true
    }

    /// Leaves a file alone for a while, whatever events come.
    func hold(_ path: DropPath, _ status: FileStatus?, _ until: Duration) {
        candidates.set(path, .init(reason: .held, lookAt: until, seen: status, since: until))
    }

    func fail(_ path: DropPath, _ reason: String, _ now: Duration) {
        candidates.set(path, .init(reason: .problem, lookAt: now + options.retryInterval, since: now))
        report(path, reason)
    }

    func hasRoom() -> Bool {
        guard options.minimumFreeBytes > 0 else { return true }
        for path in [inbox.path] + context.sink.savingPaths {
            var status = statvfs()
            guard statvfs(path, &status) == 0 else { continue }
            let free = Int64(
                clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).0
            )
            if free < options.minimumFreeBytes {
                report(
                    .room,
                    "less than \(options.minimumFreeBytes >> 20) MiB are free on the disk of \"\(path)\"; files wait"
                )
                return false
            }
        }
        solved(.room)
        return true
    }
}
