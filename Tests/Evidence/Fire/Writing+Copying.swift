import Foundation
import QueuedStorageCore
import TestSupport

// Writers that are programs of their own: cp, mv and rsync.
extension Writing {
    func copy() async throws {
        var generator = SeededGenerator(seed: batch.seed)
        let base = batch.writer == .movedAcross ? "\(ground.across ?? "")/b\(batch.number)" : source
        let isTree: Bool =
            switch batch.writer {
            case .copied: false
            case .trees: true
            default: Bool.random(using: &generator)
            }
        let tree = "t\(batch.number)"
        let target = directory(&generator)
        // Below the source, and below the drop folder.
        var names: [(source: String, dropped: String)] = []
        for file in batch.files {
            let depth = isTree ? Int.random(in: 0...4, using: &generator) : 0
            let path = (0..<depth).map { _ in "k\(Int.random(in: 0..<3, using: &generator))/" }.joined()
            let name = path + Self.name(file)
            names.append(isTree ? ("\(tree)/\(name)", "\(target)\(tree)/\(name)") : (name, target + name))
        }
        try await blocking { [names] in
            for (file, name) in zip(batch.files, names) {
                let path = "\(base)/\(name.source)" as NSString
                try FileManager.default.createDirectory(
                    atPath: path.deletingLastPathComponent,
                    withIntermediateDirectories: true
                )
                try write(contents.bytes(of: file), to: path as String)
            }
        }
        let sources = isTree ? ["\(base)/\(tree)"] : names.map { "\(base)/\($0.source)" }
        let command: [String] =
            switch batch.writer {
            case .copied, .trees:
                ["/bin/cp", isTree ? "-r" : "-p", "-t", "\(inbox)/\(target)"] + sources
            case .synced:
                ["/usr/bin/rsync", "-a"]
                    + ([["--delay-updates"], ["--whole-file"], []].randomElement(using: &generator) ?? [])
                    + sources + ["\(inbox)/\(target)"]
            default: ["/bin/mv", "-t", "\(inbox)/\(target)"] + sources
            }
        let environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
        let said = try await TestProcess(
            command[0],
            Array(command.dropFirst()),
            environment: environment,
            input: .file("/dev/null")
        ).end()
        guard said.status == 0 || isTakenTooSoon(said) else {
            throw EvidenceError("\(command.prefix(4).joined(separator: " ")) …: \(said.ending)")
        }
        for (file, name) in zip(batch.files, names) { ledger.note(file, batch.writer, .exactly(name.dropped)) }
        try await blocking { try FileManager.default.removeItem(atPath: base) }
    }

    /// Whether `mv` has moved everything, and only complains of files that were taken before it looked at them again.
    ///
    /// With several files it does so after each rename, to know later which ones it made.
    private func isTakenTooSoon(_ said: ProcessOutput) -> Bool {
        guard batch.writer == .moved, said.status == 1 else { return false }
        let lines = String(decoding: said.errors, as: UTF8.self).split(separator: "\n")
        for line in lines {
            guard line.hasPrefix("/bin/mv: cannot stat '\(inbox)/"), line.hasSuffix("': No such file or directory")
            else {
                return false
            }
            ledger.noteHaste()
        }
        return !lines.isEmpty
    }
}
