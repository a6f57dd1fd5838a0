import FoundationEssentials
import QueuedStorageCore

/// An application that does one thing, and says what it was told.
struct Client: Sendable {
    let world: World
    let process: SimulatedProcess
    let storage: QueuedStorage

    /// Does something with a name.
    func act(on name: String, number: Int) async {
        let act = world.simulator.pick([
            "save", "save", "save", "replace", "replace", "store", "delete", "delete", "open", "open", "transfer",
            "cancel", "pause",
        ])
        world.note("\(process.name) begins #\(number): \(act) \(name)")
        do {
            switch act {
            case "save": try await save(name, number, replacing: false)
            case "replace": try await save(name, number, replacing: true)
            case "store":
                let bytes = content(name, number)
                _ = try await storage.store(.bytes(bytes), as: name, options: StoreOptions())
                acknowledge(bytes, number)
            case "delete": try await delete(name)
            case "open": try await open(name)
            case "transfer":
                let task = world.simulator.pick([nil, "Transfer", "TransferAndDelete"])
                let delay = world.simulator.happens(0.3) ? Double(world.simulator.pick(1...600)) : 0
                try await storage.transfer(name, task: task, notBefore: world.wallClock.addingTimeInterval(delay))
            case "cancel": try await storage.cancelTransfer(name)
            default: try await pause()
            }
            world.note("\(process.name) ends #\(number)")
        } catch {
            world.note("\(process.name) ends #\(number): \(error)")
            refuse(content(name, number), error, number)
        }
    }

    /// The bytes of the client's number: nobody else has the same.
    private func content(_ name: String, _ number: Int) -> [UInt8] {
        let text = "#\(number) of \(name). "
        return Array(String(repeating: text, count: number % 7 + 1).utf8)
    }

    private func save(_ name: String, _ number: Int, replacing: Bool) async throws {
        let bytes = content(name, number)
        _ = try await storage.save(name, .bytes(bytes), options: StoreOptions(replaces: replacing))
        acknowledge(bytes, number)
    }

    /// It was told that it is saved.
    private func acknowledge(_ bytes: [UInt8], _ number: Int) {
        guard !process.isDead else { return }
        if world.ledger.versions[bytes] == nil { world.broken("P1", "#\(number) was said to be saved, and isn't") }
    }

    /// It was told that it isn't saved.
    private func refuse(_ bytes: [UInt8], _ error: any Error, _ number: Int) {
        guard !process.isDead, world.ledger.versions[bytes] != nil else { return }
        if let error = error as? CatalogError, error.code == .outcomeUnknown { return }
        world.broken("P1", "#\(number) was said not to be saved, and is: \(error)")
    }

    private func delete(_ name: String) async throws {
        world.ledger.askToDelete(name)
        try await storage.delete(name)
    }

    private func pause() async throws {
        try await storage.pause()
        try? await SimulatedTime(process: process).sleep(for: .seconds(world.simulator.pick(1...30)))
        try await storage.resume()
    }

    /// Reads, and compares with what the name meant meanwhile.
    private func open(_ name: String) async throws {
        let first = world.ledger.commits
        let result: Result<[UInt8], any Error>
        do {
            let bytes = try await Reading.$isForClient.withValue(true) { try await storage.open(name).collect() }
            result = .success(bytes)
        } catch {
            result = .failure(error)
        }
        guard !process.isDead else { return }
        let meanings = world.ledger.meanings(of: name, from: first, to: world.ledger.commits)
        switch result {
        case .success(let bytes):
            let isForeign = bytes.starts(with: World.foreignMark)
            let isMeant = meanings.contains { $0.flatMap { world.ledger.contents[$0] } == bytes }
            let isDamaged = world.ledger.versions[bytes] == nil
            // What was damaged there, or on the way when it was compared, may have been taken for a stranger's, and stay.
            let isLeftOver = isDamaged ? !world.server.tainted.isEmpty : world.server.tainted.contains(name)
            if !isMeant, !isForeign, !isLeftOver {
                world.broken("P3", "\"\(name)\" was read, and had bytes that it didn't mean then")
            }
        case .failure(let error as StorageError) where error.code == .notFound || error.code == .damaged:
            if !meanings.contains(where: { $0 == nil }) {
                world.broken("P3", "\"\(name)\" couldn't be read, and was there all the time: \(error)")
            }
        case .failure: break
        }
    }
}
