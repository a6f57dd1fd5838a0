import QueuedStorageCore
import QueuedStorageIngest
import Synchronization

/// Says in a line each what happens to files while a worker or a drop folder runs.
final class Reporter: Sendable {
    private let catalog: any Catalog
    private let aliases: Set<String>
    private let namesStorages: Bool
    private let lastID: Mutex<Int64>
    private let isOpen = Mutex(true)

    /// Begins with the events from now on.
    ///
    /// - Parameters:
    ///   - catalog: The catalog whose events to tell.
    ///   - aliases: The storages whose events to tell.
    /// - Throws: What the catalog throws.
    init(_ catalog: any Catalog, aliases: [String]) async throws {
        self.catalog = catalog
        self.aliases = Set(aliases)
        namesStorages = aliases.count > 1
        lastID = Mutex(try await catalog.lastEventID())
    }

    /// Tells events until cancelled.
    func run() async {
        let changes = catalog.changes
        await tellNew()
        for await _ in changes { await tellNew() }
    }

    /// Tells the events that weren't told yet.
    func tellNew() async {
        // Not sent twice: only one task at a time gets here, ``run()`` or, after it, whoever ends.
        while let events = try? await catalog.events(after: lastID.withLock { $0 }, limit: 256), let last = events.last
        {
            lastID.withLock { $0 = last.id }
            for event in events where aliases.contains(event.storage) {
                if let line = line(for: event) { add(line) }
            }
            await flush()
        }
    }

    /// Tells what a drop folder reports.
    func tell(_ event: DropFolderEvent, inbox: String) {
        switch event {
        case .taken(let name, let stored):
            let isOther = !stored.name.utf8.elementsEqual(name.utf8)
            add("taken \(Text.escaped(name))\(isOther ? " as \(Text.escaped(stored.name))" : "")")
        case .quarantined(let name, let reason):
            add("quarantined \(Text.escaped(name)): \(Text.escaped(reason))")
        case .polling(let reason):
            Console.shared.note("\(Text.escaped(inbox)) is looked through again and again: \(Text.escaped(reason))")
        default: return
        }
        Task { await flush() }
    }

    /// Says a line as a result.
    func say(_ line: String) async {
        add(line)
        await flush()
    }

    private func line(for event: StorageEvent) -> String? {
        let name = namesStorages ? "\(event.storage): \(Text.escaped(event.name))" : Text.escaped(event.name)
        switch event.type {
        case .transferred:
            let isOther = event.remoteName.map { !$0.utf8.elementsEqual(event.name.utf8) } ?? false
            return "transferred \(name)\(isOther ? " as \(Text.escaped(event.remoteName ?? ""))" : "")"
        case .failed: return "failed \(name): \(Text.escaped(event.error ?? "unknown"))"
        case .cancelled: return "cancelled \(name)"
        case .deleted: return "deleted \(name)"
        default: return nil
        }
    }

    private func add(_ line: String) {
        guard !Console.shared.isQuiet, isOpen.withLock({ $0 }) else { return }
        Console.shared.line(line)
    }

    /// A reader that went away is no reason to stop working.
    private func flush() async {
        do {
            try await Console.shared.flush()
        } catch {
            isOpen.withLock { $0 = false }
        }
    }
}
