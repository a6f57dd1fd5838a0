import QueuedStorageCore
import Synchronization

/// A progress bar over all transfers of some storages.
///
/// What is done is what left the states `queued` and `transferring` since the beginning, and what the workers of this
/// process report of the files in hand.
final class TransferProgress: Sendable {
    private let catalog: any Catalog
    private let storages: [QueuedStorage]
    private let aliases: Set<String>?
    private let bar: ProgressBar
    private let inHand = Mutex<[String: Int64]>([:])

    /// Makes a bar.
    ///
    /// - Parameters:
    ///   - catalog: The catalog.
    ///   - aliases: The storages that count; all if nil.
    ///   - storages: The storages of which this process has a worker.
    init(_ catalog: any Catalog, aliases: [String]?, storages: [QueuedStorage] = []) {
        self.catalog = catalog
        self.aliases = aliases.map { Set($0) }
        self.storages = storages
        bar = ProgressBar("")
    }

    /// Shows the bar until cancelled.
    func run() async {
        guard Console.shared.showsBars else { return }
        defer { bar.end() }
        await withTaskGroup(of: Void.self) { group in
            for storage in storages {
                let progress = storage.hub.listen()
                group.addTask {
                    for await event in progress {
                        guard let byteCount = event.byteCount else { continue }
                        let key = "\(event.storage)/\(event.name)"
                        self.inHand.withLock { $0[key] = byteCount >= event.size ? nil : byteCount }
                    }
                }
            }
            group.addTask { await self.show() }
            await group.next()
            group.cancelAll()
        }
    }

    private func show() async {
        var leftBefore: Int64 = 0
        var done: Int64 = 0
        while !Task.isCancelled {
            if let counts = try? await catalog.counts() {
                let mine = counts.filter { aliases?.contains($0.alias) ?? true }
                let states = [FileState.queued, .transferring]
                let left = mine.reduce(Int64(0)) { sum, storage in
                    states.reduce(sum) { $0 + (storage.bytes[$1] ?? 0) }
                }
                let files = mine.reduce(0) { sum, storage in states.reduce(sum) { $0 + (storage.counts[$1] ?? 0) } }
                if left < leftBefore { done += leftBefore - left }
                leftBefore = left
                let moving = min(left, inHand.withLock { $0.values.reduce(0, +) })
                if done + left > 0 {
                    bar.update(done + moving, of: done + left, suffix: "\(Text.count(files, "file")) to go")
                }
            }
            guard (try? await Task.sleep(for: .milliseconds(200))) != nil else { return }
        }
    }
}
