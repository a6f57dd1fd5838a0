import QueuedStorageCore

/// What must hold when everything has come to its end.
struct LastLook: Sendable {
    let world: World
    let storage: QueuedStorage

    /// Reads each file as an application does.
    func read() async {
        for file in world.snapshot.files.values.sorted(by: { $0.id < $1.id }) {
            guard ["local", "remote"].contains(file.state) else {
                world.broken("P6", "\(describe(file)) is \(file.state) in the end")
                continue
            }
            await read(file)
        }
    }

    /// Looks what is left over.
    func check() {
        for place in world.disk.staged.keys { world.broken("P2", "\(short(place)) is litter") }
        if !world.snapshot.jobs.isEmpty { world.broken("P6", "jobs are left: \(world.snapshot.jobs.values)") }
        let names = Set(world.snapshot.files.values.filter(\.hasLocal).map(\.name))
        for name in names where world.disk.files[name] == nil { world.broken("P2", "\"\(name)\" has no local copy") }
    }

    private func read(_ file: Snapshot.File) async {
        // What a remote has damaged without a word, and nobody had to compare.
        if let name = file.remoteName, world.server.tainted.contains(name) { return }
        do {
            let bytes = try await Reading.$isForClient.withValue(true) { try await storage.open(file.name).collect() }
            guard bytes == world.ledger.contents[file.version] else {
                return world.broken("P3", "\(describe(file)) has other bytes in the end")
            }
        } catch {
            world.broken("P3", "\(describe(file)) can't be read in the end: \(error)")
        }
    }
}
