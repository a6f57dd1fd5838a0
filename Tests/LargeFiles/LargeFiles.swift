import ArgumentParser
import Foundation
import TestRemotes
import TestSupport

/// Brings large files to remotes and back by the `qstore` beside it, and looks how much memory that takes.
@main
struct LargeFiles: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qstore-large",
        abstract: "Transfer large files to each remote and back, and compare the memory that it takes.",
        discussion: """
            Memory must not grow with the file: a file of 1 GiB may take 16 MiB more than one of 64 MiB, and one of \
            5 GiB, on S3, SFTP and FTP, less than 100 MB. The exit code is 1 if one takes more.
            """
    )

    @Option(help: "The size of the smaller file.")
    var small = 64

    @Option(help: "The size of the larger file.")
    var large = 1024

    @Option(help: "The size of the file for S3, SFTP and FTP; 0 for none.")
    var huge = 5120

    @Argument(help: "Words in the names of the remotes; all remotes if none is given.")
    var remotes: [String] = []

    /// The remotes that get the largest file; moto keeps everything in memory.
    private static let takesHuge: Set<RealRemote> = [.s3OnSwift, .sftp, .ftp]

    func run() async throws {
        let chosen = RealRemote.allCases.filter { remote in
            remotes.isEmpty || remotes.contains { remote.rawValue.localizedCaseInsensitiveContains($0) }
        }
        guard !chosen.isEmpty else { throw ValidationError("no remote is called \(remotes.joined(separator: ", "))") }
        Self.say("remote", "file", "save", "transfer", "get", "seconds")
        var isFlat = true
        for remote in chosen {
            let first = try await Trial(remote, mebibytes: small).run()
            let second = try await Trial(remote, mebibytes: large).run()
            isFlat = isFlat && first.peak + 16 << 20 >= second.peak
            if huge > 0, Self.takesHuge.contains(remote) {
                isFlat = try await Trial(remote, mebibytes: huge).run().peak < 100_000_000 && isFlat
            }
        }
        guard isFlat else {
            FileHandle.standardError.write(Data("Memory grows with the file.\n".utf8))
            throw ExitCode(1)
        }
    }

    /// Prints a row at once, whoever reads it.
    static func say(_ columns: String...) {
        let row = zip(columns, [26, 10, 10, 10, 10, 8]).map { $0.padding(toLength: $1, withPad: " ", startingAt: 0) }
        FileHandle.standardOutput.write(Data((row.joined(separator: " ") + "\n").utf8))
    }
}
