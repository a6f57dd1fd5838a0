import Foundation
import TestSupport
import Testing

/// Some hundred files under fire: `make fire` drops a hundred thousand, twice.
@Suite struct DropFolderFireTests {
    @Test func `each dropped file is there once while watchers are killed and lose events`() async throws {
        let said = try await fire(
            ["--files", "300", "--watchers", "2", "--workers", "1", "--stalls", "1", "--calm", "0.5"]
        )

        #expect(said.status == 0, "\(said.text)\(said.ending)")
        // Something went wrong meanwhile.
        #expect(count("watchers killed", in: said) > 0)
        #expect(count("overflows noticed", in: said) > 0)
        #expect(count("files in all", in: said) == 309)
    }

    @Test(arguments: ["lost", "twice", "half"])
    func `a file that is spoiled on purpose is found`(_ spoiling: String) async throws {
        let said = try await fire(["--files", "60", "--stalls", "0", "--spoil", spoiling])

        #expect(said.status == 1, "\(said.text)\(said.ending)")
        #expect(count(spoiling, in: said) == 1)
        // What was printed repeats it, and has its history.
        #expect(said.text.contains("again: qstore-evidence fire --files 60 --seed 1"))
        #expect(said.text.contains(#"{"type":"transferred""#))
    }

    private func fire(_ arguments: [String]) async throws -> ProcessOutput {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let program = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("qstore-evidence")
        return try await TestProcess(program.path, ["fire"] + arguments, input: .file("/dev/null")).end()
    }

    /// A number of the table that is printed.
    private func count(_ name: String, in said: ProcessOutput) -> Int {
        let line = said.lines.first { $0.hasPrefix("  \(name) ") }
        return line?.split(separator: " ").last.flatMap { Int($0) } ?? -1
    }
}
