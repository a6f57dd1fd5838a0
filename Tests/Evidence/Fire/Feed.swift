import Foundation
import Synchronization
import TestSupport

/// What `qstore events --follow` tells while it happens.
final class Feed: Sendable {
    struct Counts: Sendable {
        var taken = 0
        var transferred = 0
        /// Which of the files were taken that the chaos drops, by the beginnings of their names.
        var signs: Set<String> = []
    }

    private struct State {
        var counts = Counts()
        var offset = 0
        var readers: [Int: AsyncStream<Void>.Continuation] = [:]
        var lastReader = 0
    }

    private let process: TestProcess
    private let state = Mutex(State())

    init(_ ground: Ground) throws {
        process = try ground.start(["events", "--follow", "--json", "--since", "0", "--database", ground.database])
    }

    var counts: Counts { state.withLock { $0.counts } }

    /// Reads what is told until the feed ends, which it must not do by itself.
    func run() async throws {
        let end = await process.wait { [self] said -> ProcessOutput? in
            read(said.output)
            return nil
        }
        guard !Task.isCancelled, end == nil else { return }
        throw EvidenceError("qstore events --follow: \(process.said.ending)")
    }

    /// The events of a file, one JSON object a line: those of its names, as far as it is found, and of its number.
    func history(of file: Int, names: [String]) -> [String] {
        let number = try? Regex(#""name":"[^"]*(?:f|stall-|canary-)\#(file)(?!\d)"#)
        return String(decoding: process.said.output, as: UTF8.self).split(separator: "\n").filter { line in
            names.contains { line.contains("\"name\":\"\($0)\"") } || number.map { line.contains($0) } ?? false
        }.map { String($0) }
    }

    private func read(_ output: Data) {
        state.withLock { state in
            guard let end = output[state.offset...].lastIndex(of: UInt8(ascii: "\n")) else { return }
            for line in output[state.offset..<end].split(separator: UInt8(ascii: "\n")) {
                if Self.saved.contains(where: { line.starts(with: $0) }) {
                    state.counts.taken += 1
                    let text = String(decoding: line, as: UTF8.self)
                    if let sign = text.firstMatch(of: /"name":"((?:canary|stall)-\d+)/) {
                        state.counts.signs.insert(String(sign.1))
                    }
                } else if line.starts(with: Self.transferred) {
                    state.counts.transferred += 1
                }
            }
            state.offset = end + 1
        }
        poke()
    }

    /// A file that is saved is queued in the same commit, unless its transfer waits to be asked for.
    private static let saved = [Array(#"{"type":"saved""#.utf8), Array(#"{"type":"queued""#.utf8)]
    private static let transferred = Array(#"{"type":"transferred""#.utf8)

    /// Makes all who wait look again.
    func poke() { for reader in state.withLock({ Array($0.readers.values) }) { reader.yield() } }

    /// Waits for what the counts say.
    ///
    /// - Parameters:
    ///   - patience: How long nothing may happen.
    ///   - isDone: Whether it is so.
    /// - Returns: False if nothing happened for that long.
    func wait(patience: Duration, until isDone: @Sendable (Counts) -> Bool) async -> Bool {
        let (changes, reader) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.lastReader += 1
            state.readers[state.lastReader] = reader
            return state.lastReader
        }
        defer { state.withLock { $0.readers[number] = nil } }
        while !isDone(counts) {
            let hasChanged = await withTaskGroup(of: Bool.self) { group in
                group.addTask {
                    for await _ in changes { return true }
                    return false
                }
                group.addTask {
                    try? await Task.sleep(for: patience)
                    return false
                }
                defer { group.cancelAll() }
                return await group.next() ?? false
            }
            if !hasChanged { return isDone(counts) }
        }
        return true
    }
}
