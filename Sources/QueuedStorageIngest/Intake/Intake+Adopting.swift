import FoundationEssentials
import Glibc
import QueuedStorageCore

// What dead processes left.
extension Intake {
    /// Takes over what dead processes had taken.
    func adopt() -> [TakenEntry] {
        releaseAdopted()
        var entries: [TakenEntry] = []
        do {
            let tokens = Set(try inbox.owners.textNames()).union(try inbox.taken.textNames())
            for name in tokens where name != inbox.token.name && adopted[name] == nil {
                // One that can't be taken over keeps no other from it.
                do {
                    entries += try adopt(name)
                    solved(.token(name))
                } catch {
                    report(
                        .token(name),
                        "what another process left in \(Inbox.privateName)/taken/\(name) can't be taken over (\(error))"
                    )
                }
            }
            solved(.recovery)
        } catch {
            report(.recovery, "what other processes left can't be looked for (\(error))")
        }
        if entries.isEmpty { releaseAdopted() }
        return entries
    }

    /// Whether something couldn't be taken over, and is to be tried again.
    var hasUnadopted: Bool { problems.keys.contains(where: \.isRecovery) }

    private func adopt(_ name: String) throws -> [TakenEntry] {
        guard let token = try HeldToken.take(name, in: inbox.owners) else { return [] }
        guard try inbox.taken.status(name.utf8) != nil else {
            try token.drop(from: inbox.owners)
            return []
        }
        let directory = try inbox.taken.directory(name)
        let left = try TakenEntry.left(in: directory, token: name, inbox: inbox, companionKinds: companionKinds)
        adopted[name] = (token, directory)
        for stray in left.strays { returnCompanions(of: stray) }
        return left.files
    }

    /// Makes the moves of entries last where whoever moved them may not have come to that.
    ///
    /// Until then nothing may be saved: after a power failure a file may be where it was dropped, and would be taken again.
    ///
    /// - Returns: The entries that may be saved; the others are reported.
    func makeLast(_ entries: [TakenEntry]) -> [TakenEntry] {
        var owns: [String: Result<Void, any Error>] = [:]
        var parents: [DropPath: Result<Void, any Error>] = [:]
        return entries.filter { entry in
            let (token, parent) = (entry.token, entry.path.parent)
            if owns[token] == nil { owns[token] = Result { try entry.directory.sync() } }
            if parents[parent] == nil { parents[parent] = Result { try syncNearest(parent) } }
            do {
                try owns[token]?.get()
                try parents[parent]?.get()
                return true
            } catch {
                report(entry.path, "the drop folder can't be synced, so that the file can't be saved (\(error))")
                return false
            }
        }
    }

    /// Syncs a directory; if it is gone, the one that it was in.
    private func syncNearest(_ path: DropPath) throws {
        do { try inbox.root.directory(path, crossesMounts: false).sync() } catch let error as SystemError
            where path != .root && (error.errno == ENOENT || error.errno == ENOTDIR)
        { try syncNearest(path.parent) }
    }

    /// Forgets dead processes that left nothing any more.
    func releaseAdopted() {
        for (name, held) in adopted where (try? inbox.taken.removeDirectory(name.utf8)) == true {
            try? held.token.drop(from: inbox.owners)
            adopted[name] = nil
        }
    }
}
