import Foundation
import TestSupport
import Testing

/// Some simulated histories: `make sim` lives thousands.
@Suite struct SimulationTests {
    @Test func `some hundred simulated histories keep every promise`() async throws {
        let said = try await simulate(["--seeds", "300"])
        #expect(said.status == 0, "\(said.text)\(said.ending)")
        #expect(said.text.contains("300 histories"))
        #expect(said.text.contains("; 0 broke a promise."))
        // Something went wrong in them.
        #expect(said.text.firstMatch(of: /(\d+) processes killed/).flatMap { Int($0.1) } ?? 0 > 20)
    }

    @Test func `a seed is one history, byte by byte`() async throws {
        let said = try await simulate(["--from", "9000", "--seeds", "30", "--twice"])
        #expect(said.status == 0, "\(said.text)\(said.ending)")
    }

    @Test(arguments: [
        "vouchesBlindly", "ignoresFences", "deletesEarly", "takesOverTheLiving", "overwrites", "forgetsRetries",
    ])
    func `a fault that is put in on purpose is found`(_ mutant: String) async throws {
        let said = try await simulate(["--mutant", mutant, "--seeds", "300", "--first"])
        #expect(said.status == 1, "\(said.text)\(said.ending)")
        #expect(said.text.contains("BROKEN: seed"))
        // What was printed repeats it.
        #expect(said.text.contains("--seeds 1 --log --mutant \(mutant)"))
    }

    @Test func `the seeds that have found something keep every promise now`() async throws {
        let said = try await simulate(["--regressions"])
        #expect(said.status == 0, "\(said.text)\(said.ending)")
    }

    private func simulate(_ arguments: [String]) async throws -> ProcessOutput {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let program = URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("qstore-evidence")
        return try await TestProcess(program.path, ["sim"] + arguments, input: .file("/dev/null")).end()
    }
}
