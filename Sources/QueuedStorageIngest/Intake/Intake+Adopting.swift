import FoundationEssentials
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
                guard let token = try HeldToken.take(name, in: inbox.owners) else { continue }
                guard try inbox.taken.status(name.utf8) != nil else {
                    try token.drop(from: inbox.owners)
                    continue
                }
                let directory = try inbox.taken.directory(name)
                adopted[name] = (token, directory)
                let left = try TakenEntry.left(
                    in: directory,
                    token: name,
                    inbox: inbox,
                    companionKinds: companionKinds
                )
                for stray in left.strays { returnCompanions(of: stray) }
                entries += left.files
            }
        } catch {
            report(.root, "what another process left can't be taken over (\(error))")
        }
        if entries.isEmpty { releaseAdopted() }
        return entries
    }

    /// Forgets dead processes that left nothing any more.
    func releaseAdopted() {
        for (name, held) in adopted where (try? inbox.taken.removeDirectory(name.utf8)) == true {
            try? held.token.drop(from: inbox.owners)
            adopted[name] = nil
        }
    }
}
