import ArgumentParser
import Foundation
import QueuedStorageCore

/// Drops files in every way that drop folders promise to deal with, while their watchers are killed and stopped.
struct FireCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fire",
        abstract:
            "Drop many files in every way, kill and stop the watchers meanwhile, and check that each is there once.",
        discussion: """
            The real qstore watches and works. Writers copy, move, sync, link, rename, pause, truncate and reopen; processes \
            are killed at random moments and started again; now and then the watchers are stopped until the kernel's queue of \
            events has overflowed. In the end each file must be on the remote, once, with all its bytes, under the name that \
            it was dropped as. What is dropped, and how, follows from the seed; when processes run doesn't.
            """
    )

    @Option(help: "How many files are dropped.")
    var files = 100_000

    @Option(help: "Decides what is dropped, and who is killed.")
    var seed: UInt64 = 1

    @Option(
        help: "How many processes watch. Those that share a folder keep each other out, and take over from the dead."
    )
    var watchers = 1

    @Option(help: "How many processes only transfer; watchers do so, too.")
    var workers = 0

    @Option(help: "How many drop folders there are, all of one storage.")
    var folders = 1

    @Option(help: "How often the watchers are stopped until events are lost.")
    var stalls = 8

    @Option(help: "The longest time between two kills, in seconds.")
    var calm = 2.0

    @Option(help: "How many files may wait to be taken before the writers wait.")
    var backlog = 3000

    @Option(help: "How many writers there are at a time.")
    var lanes = 4

    @Option(help: "Spoils one file before the check, to see that it is found: lost, twice or half.")
    var spoil: Spoiling?

    @Option(help: "The qstore to attack; else the one beside this program.")
    var qstore: String?

    @Option(help: "Where it happens; else the directory for temporary files.")
    var directory: String?

    @Flag(help: "Leave everything where it is, with all logs.")
    var keep = false

    /// What the check must find.
    enum Spoiling: String, ExpressibleByArgument, CaseIterable {
        case lost, twice, half
    }

    func validate() throws {
        guard files > 0, watchers >= folders, folders > 0, workers >= 0, stalls >= 0, lanes > 0, calm > 0 else {
            throw ValidationError("there must be files, and a watcher for each folder")
        }
    }

    func run() async throws {
        let ground = try Ground(
            qstore: qstore?.absolutePath ?? Tools.beside("qstore"),
            directory: (directory ?? NSTemporaryDirectory()).absolutePath,
            folders: folders
        )
        defer { if keep { say("kept: \(ground.path)") } else { ground.remove() } }
        do {
            guard try await Fire(self, ground).run() else { throw ExitCode(1) }
        } catch let error as EvidenceError {
            say("BROKEN: \(error)\n  again: \(again)")
            throw ExitCode(1)
        } catch let error as FileFailure {
            say("BROKEN: \(error)\n  again: \(again)")
            throw ExitCode(1)
        }
    }

    /// The command that drops the same files again.
    var again: String {
        """
        qstore-evidence fire --files \(files) --seed \(seed) --watchers \(watchers) --workers \(workers) \
        --folders \(folders) --stalls \(stalls) --calm \(calm) --keep
        """
    }
}
