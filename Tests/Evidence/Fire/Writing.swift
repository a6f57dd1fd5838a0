import Foundation
import Glibc
import QueuedStorageCore
import TestSupport

/// Writes the files of one batch, as its writer does.
struct Writing: Sendable {
    let batch: DropBatch
    let ground: Ground
    let contents: Contents
    let ledger: DropLedger

    var inbox: String { ground.inbox(of: batch) }
    /// Where its files lie before they are dropped.
    var source: String { "\(ground.outbox)/b\(batch.number)" }

    func run() async throws {
        switch batch.writer {
        case .copied, .trees, .moved, .movedAcross, .synced: try await copy()
        case .renamed: try await blocking { try rename() }
        case .renamedOpen: try await blocking { try renameOpen() }
        case .directories: try await blocking { try renameDirectories() }
        case .exchanged: try await blocking { try exchange() }
        case .paused: try await blocking { try pause() }
        case .parts: try await blocking { try writeParts() }
        case .linked: try await blocking { try link() }
        case .again: try await blocking { try useAgain() }
        case .canary, .stall: break
        }
    }

    // MARK: What all have in common

    /// The last component of a file's name; some are no plain ASCII.
    static func name(_ file: Int, _ addition: String = "") -> String {
        switch file % 19 {
        case 0: "f\(file)\(addition) über.bin"
        case 1: "f\(file)\(addition)"
        default: "f\(file)\(addition).bin"
        }
    }

    func directory(_ generator: inout SeededGenerator) -> String {
        Ground.directories.randomElement(using: &generator) ?? ""
    }

    /// Pauses: mostly for a moment, now and then for seconds.
    func rest(_ generator: inout SeededGenerator) {
        let milliseconds =
            Int.random(in: 0..<40, using: &generator) == 0
            ? Int.random(in: 1000..<3000, using: &generator) : Int.random(in: 0..<60, using: &generator)
        usleep(UInt32(milliseconds) * 1000)
    }

    /// Tries again what finds its own open file missing: for a moment it may have been moved aside, to be looked at, and
    /// back.
    func insist(_ act: () throws -> Bool) throws {
        for _ in 0..<3000 {
            if try act() { return }
            ledger.noteAbsence()
            usleep(10_000)
        }
        throw EvidenceError("a file that its writer has open is gone for half a minute")
    }
}
