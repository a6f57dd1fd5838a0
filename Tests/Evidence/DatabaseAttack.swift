import Foundation
import GRDB
import Glibc
import TestSupport

/// A database that another process keeps locked, and one that was damaged.
struct DatabaseAttack {
    let box: Box

    private static let scenario = Scenario(
        name: "database",
        summary: "the database is locked, or damaged",
        commands: [
            Command("save a.txt precious.bin", files: ["precious.bin": "precious"], saves: ["precious"], says: "a.txt"),
            Command("worker --once"),
            Command("save b.txt another.bin", files: ["another.bin": "another"], saves: ["another"], says: "b.txt"),
        ]
    )

    func run() async throws -> (faults: Int, broken: [String]) {
        var broken = try await lock()
        let flips = 60
        broken += try await damage(flips)
        say("database             locked 3, damaged \(flips)")
        return (3 + flips, broken)
    }

    private func prepare() async throws {
        try box.clear()
        for command in Self.scenario.commands {
            for (name, text) in command.files { try box.write(text, to: name) }
            let run = try await box.run(command)
            guard run.status == 0 else { throw EvidenceError("the database can't be prepared: \(run.ending)") }
        }
        try await box.remember()
    }

    /// Somebody else holds the write lock for longer than anybody waits (SQLITE_BUSY).
    private func lock() async throws -> [String] {
        try await prepare()
        var broken: [String] = []
        for line in ["save c.txt late.bin", "worker --once", "rm a.txt"] {
            try await box.putBack()
            let command = Command(line, files: ["late.bin": "late"], saves: line.hasPrefix("save") ? ["late"] : [])
            for (name, text) in command.files { try box.write(text, to: name) }
            let run = try await held(command)
            if ![1, 75].contains(run.status) { broken.append("locked, \(line): \(run.ending)") }
            if run.errors.allSatisfy(\.isWhitespace) { broken.append("locked, \(line): it failed without a word") }
            let again = try await box.run(Command("worker --once"))
            if again.status != 0 { broken.append("locked, \(line), and then: \(again.ending)") }
            var checker = Checker(Self.scenario, Self.scenario.commands.map { ($0, true) })
            checker.add(command, hasHappened: run.status == 0)
            broken += try checker.checkInTheEnd(BoxState(of: box)).map { "locked, \(line): \($0)" }
        }
        return broken
    }

    private func held(_ command: Command) async throws -> Box.Run {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let holder = try DatabaseQueue(path: "\(box.path)/q.sqlite", configuration: configuration)
        try await holder.writeWithoutTransaction { try $0.execute(sql: "BEGIN IMMEDIATE") }
        let run = try await box.run(command)
        try await holder.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        try holder.close()
        return run
    }

    /// Some bytes of the database are others than were written.
    private func damage(_ count: Int) async throws -> [String] {
        try await prepare()
        var broken: [String] = []
        var random = SeededGenerator(seed: 1)
        for number in 1...count {
            try await box.putBack()
            let path = "\(box.path)/q.sqlite" + (number % 3 == 0 ? "-wal" : "")
            guard var bytes = FileManager.default.contents(atPath: path), !bytes.isEmpty else { continue }
            for _ in 0..<(1 << (number % 6)) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
            }
            if number % 10 == 0 { bytes.removeLast(bytes.count / 3) }
            try bytes.write(to: URL(fileURLWithPath: path))
            for line in ["status", "worker --once", "save c.txt precious.bin", "rm nothing.txt"] {
                let run = try await box.run(Command(line), limit: .seconds(60))
                if run.status == nil || ![0, 1, 3, 75].contains(run.status) {
                    broken.append("damage \(number), \(line): \(run.ending)")
                }
                if run.status != 0, run.errors.allSatisfy(\.isWhitespace) {
                    broken.append("damage \(number), \(line): it failed without a word")
                }
            }
            // Whatever the rows say, bytes that are nowhere else stay.
            let files = try BoxState(files: box)
                .files.filter { $0.key.hasPrefix("local/") || $0.key.hasPrefix("remote/") }.values
            for content in ["precious", "another"] where !files.contains(content) {
                broken.append("damage \(number): P1: \"\(content)\" is lost")
            }
        }
        return broken
    }
}
