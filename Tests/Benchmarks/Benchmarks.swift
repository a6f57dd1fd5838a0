import ArgumentParser
import Foundation
import QueuedStorageCore

/// Measures queued storage beside the bare system calls that do the same without a catalog.
@main
struct Benchmarks: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qstore-bench",
        abstract: "Measures queued storage beside the bare system calls that do the same without a catalog.",
        discussion:
            "Everything is synced on both sides. Each figure is the median of its rounds; the two sides take turns.",
        subcommands: [MeasureCommand.self, Listen.self, TransportCommand.self, RemoteCommand.self],
        defaultSubcommand: MeasureCommand.self
    )
}

/// What can be measured.
enum Subject: String, CaseIterable, ExpressibleByArgument {
    case saves
    case jobs
    case drops
    case latency
    case copy
    case wakeUp = "wake-up"
    case idle
    case status
    case memory
}

/// Measures, and prints a table.
struct MeasureCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "measure", abstract: "Measures, and prints a table.")
    @Argument(help: "What to measure: \(Subject.allCases.map(\.rawValue).joined(separator: ", ")); all without.")
    var subjects: [Subject] = []
    @Flag(help: "Small numbers and one round: a try, not a measurement.")
    var quick = false
    @Option(help: "How often each throughput is measured.")
    var rounds = 3
    @Option(help: "The executable qstore, for what is measured from outside.")
    var qstore = ".build/release/qstore"
    @Option(help: "Where to put the files; it says which disk is measured.")
    var directory = ".build/bench"
    @Option(help: "Where to write all figures.")
    var json = ".build/bench.json"
    @Option(help: "Where to draw the speeds beside others'.")
    var svg = ".build/bench.svg"

    func run() async throws {
        let directory = URL(fileURLWithPath: directory).path + "/\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let plan = Plan(directory: directory, qstore: URL(fileURLWithPath: qstore).path, rounds: rounds, isQuick: quick)
        var report = Report(beganAt: Date(), rounds: quick ? 1 : rounds, isQuick: quick)
        let load = report.loadBefore.rounded(toPlaces: 2)
        say("\(report.processors) processors, load \(load), medians of \(report.rounds) rounds")
        Table.printHeader()
        for subject in subjects.isEmpty ? Subject.allCases : subjects {
            let rows =
                switch subject {
                case .saves: try await plan.saves()
                case .jobs: try await plan.jobs()
                case .drops: try await plan.drops()
                case .latency: try await plan.latency()
                case .copy: try await plan.copy()
                case .wakeUp: try await plan.wakeUp()
                case .idle: try await plan.idle()
                case .status: try await plan.status()
                case .memory: try await plan.memory()
                }
            for row in rows { Table.print(row) }
            report.rows += rows
        }
        try report.write(to: json)
        try Chart(rows: report.rows).svg.write(toFile: svg, atomically: true, encoding: .utf8)
        say("\nThe ratios are qstore's figures divided by the others'. They all are in \(json), a chart is in \(svg).")
    }
}

/// How much of everything is measured, and where.
struct Plan: Sendable {
    /// The absolute path of the folder that the files lie in.
    let directory: String
    /// The absolute path of the executable.
    let qstore: String
    let rounds: Int
    let isQuick: Bool

    /// A number of things to do, or the tenth of it for a try.
    func number(_ count: Int) -> Int { isQuick ? max(count / 10, 1) : count }

    /// Measures sides in turns, as often as planned.
    ///
    /// - Returns: The first side, which is ours, beside each other one.
    func inTurns(_ measure: Measure, _ sides: [Side]) async throws -> [Row] {
        var samples = sides.map { Samples(name: $0.name, values: []) }
        for _ in 0..<(isQuick ? 1 : rounds) {
            for index in sides.indices.reversed() { samples[index].values.append(try await sides[index].measure()) }
        }
        return samples.dropFirst().map { Row(measure, ours: samples[0], other: $0) }
    }

    /// Makes a folder, and hands it over.
    ///
    /// It is removed at the very end: right after files were removed, ext4 is slow to make new ones.
    func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let path = "\(directory)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return try await body(path)
    }
}
