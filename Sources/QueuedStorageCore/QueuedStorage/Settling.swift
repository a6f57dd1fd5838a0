import Logging
import Synchronization

/// Files that lie under their names, but not yet durably: their rows still say where the bytes were.
struct Settling {
    /// After so many files, settling doesn't wait any longer.
    static let batchSize = 256
    /// How long settling waits for more files to share its syncs and its commit.
    static let delay = Duration.milliseconds(100)

    var files: [StoredFile] = []
    /// Files that were saved, and couldn't be given their names.
    var unplaced: [(file: StoredFile, request: SaveRequest)] = []
    var isScheduled = false
}

extension QueuedStorage {
    /// Gives a recorded file its name, and leaves it to a later batch to make that durable.
    ///
    /// - Returns: False if something foreign lies under the name, or a file where a directory of it should be.
    func place(_ file: StoredFile) async throws -> Bool {
        guard let place = file.place else { return true }
        let local = local
        do {
            if file.replaces {
                try await noteFormerSHA256(file)
                let isOurs = try await catalog.place(file) {
                    _ = try local.place(place, as: file.name, replacing: true)
                }
                // Somebody else placed it, deleted it or gave it another name, and goes on with it.
                guard isOurs else { return true }
            } else {
                _ = try await blocking { try local.place(place, as: file.name, replacing: false) }
            }
        } catch let error as StorageError where [.alreadyExists, .notADirectory].contains(error.code) {
            return false
        }
        settleSoon(file)
        return true
    }

    /// Settles a file with the next batch.
    func settleSoon(_ file: StoredFile) {
        let (isFull, mustSchedule) = settling.withLock { settling in
            settling.files.append(file)
            defer { settling.isScheduled = true }
            return (settling.files.count % Settling.batchSize == 0, !settling.isScheduled)
        }
        // Not structured: a storage is no service, and whoever saved has long gone on. What is lost here with the
        // process is done again by recovery.
        if isFull {
            Task { await settleQuietly() }
        } else if mustSchedule {
            Task {
                try? await time.sleep(for: Settling.delay)
                await settleQuietly()
            }
        }
    }

    private func settleQuietly() async {
        do {
            try await settle()
        } catch {
            logger.warning(
                "files could not be settled; it is tried again with the next ones, or by the next worker",
                metadata: ["storage": "\(alias)", "error": "\(error)"]
            )
        }
    }

    /// Makes what was placed durable, and lets the catalog forget where it came from.
    ///
    /// The files are saved either way: their rows say where the bytes are durably. So a failure is no hurry: it is tried
    /// again with the next save, by the rounds of a ``TransferWorker`` (every ``WorkerOptions/rescueInterval``), and in
    /// the end by the recovery of the next process that starts.
    package func settle() async throws {
        try await placeAgain()
        let files = settling.withLock { settling in
            defer { settling = Settling(unplaced: settling.unplaced) }
            return settling.files
        }
        guard !files.isEmpty else { return }
        let local = local
        do {
            try await blocking {
                try local.sync(names: files.map(\.name), places: files.compactMap(\.place))
            }
            try await catalog.settle(files)
        } catch {
            settling.withLock { $0.files += files }
            throw error
        }
    }

    /// Leaves it to who settles next to give a saved file its name.
    func placeLater(_ file: StoredFile, _ request: SaveRequest) {
        settling.withLock { $0.unplaced.append((file, request)) }
    }

    /// Gives saved files their names that couldn't get them before; those that still can't, wait on.
    private func placeAgain() async throws {
        let unplaced = settling.withLock { settling in
            defer { settling.unplaced = [] }
            return settling.unplaced
        }
        for (index, waiting) in unplaced.enumerated() {
            do {
                let now = try await catalog.file(id: waiting.file.id)
                guard let now, now.generation == waiting.file.generation, now.place == waiting.file.place else {
                    continue
                }
                _ = try await finish(now, waiting.request)
            } catch {
                settling.withLock { $0.unplaced += unplaced[index...] }
                throw error
            }
        }
    }
}
