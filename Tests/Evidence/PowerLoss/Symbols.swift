import Foundation
import TestSupport

/// Finds the line of our sources that a call came from.
struct Symbols {
    private let program: String

    init(_ program: String) { self.program = program }

    /// Who called, by return addresses: file and line of the innermost of our functions that isn't just a wrapper.
    func caller(_ frames: [String]) async -> String {
        let name = (program as NSString).lastPathComponent
        let offsets = frames.filter { $0.hasPrefix(name + "+") }.map { "0x" + $0.dropFirst(name.count + 1) }
        guard let tool = Self.tool, !offsets.isEmpty else { return frames.first ?? "?" }
        let process = try? TestProcess(
            tool,
            ["--obj=\(program)", "--functions=none", "--inlines"] + offsets,
            input: .file("/dev/null")
        )
        let lines = await process?.end().lines ?? []
        let ours = lines.compactMap { line -> String? in
            guard let range = line.range(of: "/Sources/QueuedStorage") else { return nil }
            let parts = line[range.lowerBound...].split(separator: ":")
            guard parts.count >= 2, parts[1] != "0" else { return nil }
            return "\((String(parts[0]) as NSString).lastPathComponent):\(parts[1])"
        }
        let wrappers = [
            "SyncGroup.swift", "SyncCalls.swift", "Directory.swift", "OpenFile.swift", "Blocking.swift",
            "InotifyCreation.swift",
        ]
        return ours.first { line in !wrappers.contains { line.hasPrefix($0) } } ?? ours.first ?? frames.first ?? "?"
    }

    private static let tool: String? = {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return path.split(separator: ":").map { "\($0)/llvm-symbolizer" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }()
}
