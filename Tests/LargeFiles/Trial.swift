import Foundation
import TestRemotes
import TestSupport

/// One file on its way to a remote and back, by a process for each step.
struct Trial {
    private let remote: RealRemote
    private let mebibytes: Int

    init(_ remote: RealRemote, mebibytes: Int) {
        self.remote = remote
        self.mebibytes = mebibytes
    }

    /// What the steps took.
    struct Result {
        /// The most memory of any process, in bytes.
        var peak: Int64
    }

    /// A step that failed.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Saves, transfers, deletes the local copy, reads back and removes; prints a row.
    func run() async throws -> Result {
        var result = Result(peak: 0)
        try await Sandbox.with { sandbox in
            let place = try await remote.place(on: try await remote.server, file: "\(sandbox.path)/remote.sqlite")
            let name = "large-\(UUID().uuidString.lowercased()).bin"
            try write(to: "\(sandbox.path)/large.bin")
            let began = ContinuousClock.now
            let save = try await step("save \(name) large.bin --task TransferAndDelete", sandbox, place)
            let transfer = try await step("worker --once --retries 0", sandbox, place)
            let get = try await step("get \(name)", sandbox, place, then: "| cmp - large.bin")
            let seconds = (ContinuousClock.now - began) / .seconds(1)
            _ = try await step("rm \(name)", sandbox, place)
            LargeFiles.say(
                remote.rawValue,
                "\(mebibytes) MiB",
                mebibyteText(save),
                mebibyteText(transfer),
                mebibyteText(get),
                String(format: "%.1f", seconds)
            )
            result.peak = max(save, transfer, get)
        }
        return result
    }

    private func mebibyteText(_ count: Int64) -> String { "\(count >> 20) MiB" }

    /// Runs a command, and returns its peak memory in bytes.
    private func step(
        _ command: String,
        _ sandbox: Sandbox,
        _ place: RealRemote.Place,
        then rest: String = ""
    ) async throws -> Int64 {
        let flags = "--local local --remote \"$REMOTE\" --database q.sqlite --quiet"
        let outcome = try await sandbox.shell(
            "set -o pipefail; $Q \(command) \(flags) \(rest)",
            environment: place.environment.merging(["REMOTE": place.url]) { $1 }
        )
        guard outcome.status == 0 else {
            throw Failure(
                description: "\(remote.rawValue): qstore \(command) ended with \(outcome.status): \(outcome.errors)"
            )
        }
        return outcome.peakMemory
    }

    /// Writes bytes that neither repeat soon nor can be compressed.
    private func write(to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw Failure(description: "\(path) can't be written") }
        defer { try? file.close() }
        var generator = SystemRandomNumberGenerator()
        var block = [UInt64](repeating: 0, count: 1 << 17)
        for index in block.indices { block[index] = generator.next() }
        for number in 0..<mebibytes {
            block[0] = UInt64(number)
            try file.write(contentsOf: block.withUnsafeBytes { Data($0) })
        }
    }
}
