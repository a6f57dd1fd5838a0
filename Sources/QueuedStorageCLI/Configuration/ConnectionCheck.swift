import FoundationEssentials
import QueuedStorageCore

/// Looks whether a remote can be reached, logged in to, written to, read and cleaned up: with a small file of its own.
struct ConnectionCheck: Sendable {
    /// How it ended.
    struct Outcome: Sendable {
        /// One line: what could be done, or what failed and why.
        let line: String
        /// How it ended for who waits for the command.
        let status: ExitStatus
    }

    /// The steps, by what can be said of a remote that mastered them.
    private enum Step: String, CaseIterable {
        case written = "write to it"
        case read = "read from it"
        case deleted = "delete from it"
    }

    let alias: String
    let remote: any Storage

    /// Writes, reads and deletes a file whose name nobody else has.
    func run() async -> Outcome {
        let name = "qstore-check-\(FileName.randomIdentifier()).txt"
        let text = "This file checks that qstore can write here. It may be deleted."
        var step = Step.written
        let began = ContinuousClock.now
        do {
            let stored = try await remote.store(.text(text), as: name, options: StoreOptions())
            step = .read
            let found = try await remote.open(stored.name).collect(upTo: 1 << 20)
            guard found == Array(text.utf8) else {
                try? await remote.delete(stored.name)
                return failure(step, .damaged, "what came back isn't what was written")
            }
            step = .deleted
            try await remote.delete(stored.name)
        } catch let error as StorageError {
            return failure(step, error.code, "\(error)")
        } catch {
            return failure(step, .failed, "\(error)")
        }
        let milliseconds = (ContinuousClock.now - began) / .milliseconds(1)
        return Outcome(
            line:
                "storage \(alias): reached, logged in, written, read and deleted in \(Int(milliseconds.rounded())) ms",
            status: .success
        )
    }

    private func failure(_ step: Step, _ code: StorageError.Code, _ message: String) -> Outcome {
        switch code {
        case .offline, .timedOut:
            Outcome(line: "storage \(alias): can't be reached: \(message)", status: .temporary)
        case .throttled:
            Outcome(line: "storage \(alias): asks to be left alone for now: \(message)", status: .temporary)
        case .invalidConfiguration:
            Outcome(line: "storage \(alias): \(message)", status: .configuration)
        case .denied:
            Outcome(
                line: "storage \(alias): reached, but it doesn't let this user \(step.rawValue): \(message)",
                status: .configuration
            )
        default:
            Outcome(line: "storage \(alias): reached, but can't \(step.rawValue): \(message)", status: .failure)
        }
    }
}

extension ConfigurationCheck {
    /// Connects to every remote, side by side.
    ///
    /// - Returns: How each ended, in the order of the declarations.
    /// - Throws: ``CommandFailure`` if a remote's options are wrong.
    func connect() async throws -> [ConnectionCheck.Outcome] {
        let checks = try declarations.storages.map { declaration in
            do {
                return ConnectionCheck(
                    alias: declaration.alias,
                    remote: try declaration.remote.make(declaration.baseURL)
                )
            } catch {
                throw declaration.remoteOrigin.failure("\(error)")
            }
        }
        return await withTaskGroup(of: (Int, ConnectionCheck.Outcome).self) { group in
            for (index, check) in checks.enumerated() { group.addTask { (index, await check.run()) } }
            var outcomes: [(Int, ConnectionCheck.Outcome)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
