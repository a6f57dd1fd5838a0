import Foundation
import TestSupport
import Testing

/// Some crash points, and some faults, of a few stories: `make crash` and `make faults` try all, for many minutes.
@Suite struct CrashPointTests {
    @Test func `nothing is lost when qstore is killed before any of its calls`() async throws {
        let run = try TestProcess(
            Self.program,
            ["crash", "--small", "--every", "9", "--lanes", "1"],
            input: .file("/dev/null")
        )
        let said = await run.end()
        #expect(said.status == 0, "\(said.text)\(said.ending)")
        #expect(said.text.contains("crash points, 0 broke a promise"))
        // It did try some.
        #expect(said.text.firstMatch(of: /(\d+) crash points/).flatMap { Int($0.1) } ?? 0 > 20)
    }

    @Test func `nothing is lost when one call of a save fails`() async throws {
        let run = try TestProcess(
            Self.program,
            ["faults", "--scenario", "transfer", "--command", "1", "--every", "13", "--lanes", "1"],
            input: .file("/dev/null")
        )
        let said = await run.end()
        #expect(said.status == 0, "\(said.text)\(said.ending)")
        #expect(said.text.contains("faults, 0 broke a promise"))
    }

    private static let program: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().appendingPathComponent("qstore-evidence").path
    }()
}
