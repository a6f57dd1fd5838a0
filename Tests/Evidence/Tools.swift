import ArgumentParser
import Foundation
import Glibc

/// What every attack is made with.
struct Tools: ParsableArguments {
    @Option(help: "The qstore to attack; else the one beside this program.")
    var qstore: String?

    @Option(help: "The library that stands between it and the kernel; else the one beside this program.")
    var library: String?

    @Option(help: "Where the boxes are; else the directory for temporary files.")
    var directory: String?

    @Option(help: "How many boxes are tried side by side.")
    var lanes = 2

    @Flag(help: "Leave the boxes where they are.")
    var keep = false

    /// Hands over a box of its own, and removes it.
    func withBox<Value>(_ lane: Int, _ body: (Box) async throws -> Value) async throws -> Value {
        let path = "\(directory ?? NSTemporaryDirectory())/qstore-evidence-\(getpid())-\(lane)"
        let box = try Box(
            qstore: qstorePath,
            library: library?.absolutePath ?? Self.beside("libqstore-faults.so"),
            lane: path
        )
        defer { if !keep { try? FileManager.default.removeItem(atPath: path) } }
        return try await body(box)
    }

    var qstorePath: String { qstore?.absolutePath ?? Self.beside("qstore") }

    static func beside(_ name: String) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
    }
}

/// Prints a line at once, whoever reads it.
func say(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

extension String {
    func padding(to count: Int) -> String { padding(toLength: max(count, self.count), withPad: " ", startingAt: 0) }
}
