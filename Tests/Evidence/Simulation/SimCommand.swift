import ArgumentParser
import Foundation
import Glibc
import GRDB
import QueuedStorageSQLite

/// Lives many histories, each decided by a seed, and checks every promise after each event.
struct SimCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sim",
        abstract:
            "Simulate histories of several processes on one catalog, with all that can go wrong, and check each step.",
        discussion: """
            The real code runs, and the real SQLite; time, randomness, the order of all tasks, the local disk and the remote are \
            simulated and follow from the seed. A seed that breaks a promise prints itself, and can be lived again: the same \
            seed is the same history, byte by byte.
            """
    )

    @Option(help: "The first seed.")
    var from: UInt64 = 1

    @Option(help: "How many seeds.")
    var seeds: UInt64 = 100

    @Option(help: "How many histories are lived side by side.")
    var lanes: UInt64 = 2

    @Option(help: "A fault that is put in on purpose: \(Mutant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var mutant: Mutant?

    @Flag(help: "Print what happened in each history.")
    var log = false

    @Flag(help: "Live each history twice, and compare.")
    var twice = false

    @Flag(help: "Live the histories that have broken a promise before.")
    var regressions = false

    @Flag(help: "Stop at the first seed that breaks a promise.")
    var first = false

    @Option(help: .private)
    var inside: UInt64?

    @Option(help: .private)
    var tally: String?

    func run() async throws {
        guard let inside, let tally else { return try await runLanes() }
        // A thread of its own, as every task of the process is run on it; the process ends with it.
        let thread = Thread {
            do {
                Simulator.takeOver()
                try lane(inside).text.write(toFile: tally, atomically: false, encoding: .utf8)
                _exit(0)
            } catch {
                say("\(error)")
                _exit(1)
            }
        }
        thread.stackSize = 64 << 20
        thread.start()
        await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
    }

    private var count: UInt64 { regressions ? UInt64(Regressions.seeds.count) : seeds }

    // MARK: Inside

    private func lane(_ number: UInt64) throws -> Tally {
        let directory = try Self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        // Messages name the database, and are a part of the history.
        guard chdir(directory) == 0 else { throw ExitCode(1) }
        let template = "template.sqlite"
        try Self.makeTemplate(template)
        var tally = Tally()
        for index in stride(from: number, to: count, by: Int(lanes)) {
            let seed = regressions ? Regressions.seeds[Int(index)] : from + index
            let (history, text) = try live(seed, template)
            tally.add(history)
            if twice {
                let again = try live(seed, template).text
                if again != text {
                    tally.broken += 1
                    say("BROKEN: seed \(seed) has two histories\n\(Self.difference(text, again))")
                }
            }
            guard history.world.isBroken else { continue }
            say(
                """
                BROKEN: seed \(seed)
                  \(history.world.failures.joined(separator: "\n  "))
                  again: qstore-evidence sim --from \(seed) --seeds 1 --log\(mutant.map { " --mutant \($0.rawValue)" } ?? "")
                """
            )
            if first { break }
        }
        return tally
    }

    private func live(_ seed: UInt64, _ template: String) throws -> (
        history: History, text: String
    ) {
        let path = "catalog.sqlite"
        for file in [path, path + "-wal", path + "-shm"] { unlink(file) }
        try FileManager.default.copyItem(atPath: template, toPath: path)
        let history = try History(seed: seed, path: path, mutant: mutant)
        history.world.saysAll = log
        history.live()
        try? history.world.pool.close()
        return (history, history.world.log.joined(separator: "\n"))
    }

    private static func makeTemplate(_ path: String) throws {
        let pool = try DatabasePool(path: path)
        _ = try SQLiteCatalog(pool)
        try pool.close()
    }

    private static func directory() throws -> String {
        // The database is the real one, but nobody pulls its plug here: memory does.
        let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NSTemporaryDirectory()
        let directory = "\(base)/qstore-sim-\(getpid())"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return directory
    }

    private static func difference(_ one: String, _ other: String) -> String {
        let (lines, others) = (one.split(separator: "\n"), other.split(separator: "\n"))
        let index = zip(lines, others).prefix { $0 == $1 }.count
        let shown = { (lines: [Substring]) in
            lines[max(0, index - 3)..<min(lines.count, index + 3)].joined(separator: "\n  ")
        }
        return "  \(shown(lines))\n  or\n  \(shown(others))"
    }

    // MARK: Outside

    private func runLanes() async throws {
        let start = ContinuousClock.now
        let tally = try await withThrowingTaskGroup(of: Tally.self) { group in
            for number in 0..<min(lanes, count) { group.addTask { try await child(number) } }
            return try await group.reduce(into: Tally()) { $0.add($1) }
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        say(
            """
            \(tally.histories) histories (\(regressions ? "known seeds" : "seeds \(from) to \(from + seeds - 1)")) in \(Int(seconds.rounded(.up))) s: \(tally.commits) \
            commits, \(tally.files) contents saved, \(tally.deaths) processes killed, \(tally.pauses) paused; \
            \(tally.broken) broke a promise.
            """
        )
        if tally.broken > 0 { throw ExitCode(1) }
    }

    private func child(_ number: UInt64) async throws -> Tally {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            [
                "sim", "--inside", "\(number)", "--from", "\(from)", "--seeds", "\(seeds)",
                "--lanes", "\(min(lanes, count))",
            ] + (log ? ["--log"] : []) + (twice ? ["--twice"] : []) + (first ? ["--first"] : [])
            + (regressions ? ["--regressions"] : [])
            + (mutant.map { ["--mutant", $0.rawValue] } ?? [])
        // The order of sets and dictionaries is a part of the history.
        process.environment = ProcessInfo.processInfo.environment.merging(["SWIFT_DETERMINISTIC_HASHING": "1"]) { $1 }
        process.standardInput = FileHandle.nullDevice
        let told = "\(NSTemporaryDirectory())/qstore-sim-\(getpid())-\(number)"
        defer { unlink(told) }
        process.arguments? += ["--tally", told]
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
        guard let tally = (try? String(contentsOfFile: told, encoding: .utf8)).flatMap(Tally.init) else {
            say("BROKEN: the simulation itself ended with \(status)")
            var tally = Tally()
            tally.broken = 1
            return tally
        }
        return tally
    }
}

extension Mutant: ExpressibleByArgument {}

/// What the histories of a lane came to.
struct Tally {
    var histories = 0
    var broken = 0
    var commits = 0
    var files = 0
    var deaths = 0
    var pauses = 0

    init() {}

    init?(_ text: String) {
        let numbers = text.split(separator: " ").map { Int($0) }
        guard text.hasPrefix("TALLY "), numbers.count == 7 else { return nil }
        let found = numbers.dropFirst().compactMap(\.self)
        guard found.count == 6 else { return nil }
        (histories, broken, commits) = (found[0], found[1], found[2])
        (files, deaths, pauses) = (found[3], found[4], found[5])
    }

    var text: String { "TALLY \(histories) \(broken) \(commits) \(files) \(deaths) \(pauses)" }

    mutating func add(_ history: History) {
        let world = history.world
        histories += 1
        if world.isBroken { broken += 1 }
        commits += world.ledger.commits
        files += world.ledger.contents.count
        deaths += world.deaths
        pauses += world.pauses
    }

    mutating func add(_ other: Tally) {
        histories += other.histories
        broken += other.broken
        commits += other.commits
        files += other.files
        deaths += other.deaths
        pauses += other.pauses
    }
}
