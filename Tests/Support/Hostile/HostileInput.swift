import Foundation

/// Something that reads what strangers say, and what must hold whatever they say.
///
/// It is handed everything in `Tests/Fixtures/hostile/NAME`, then as many inputs as wanted that are made of that and of the
/// examples, each by its seed. A broken promise, a trap, a hang and a large allocation each name the seed, and leave the
/// input below `.build/fuzz`: `make fuzz ROUNDS=1 FROM=SEED` does it again.
package struct HostileInput: Sendable {
    /// The directory of the corpus and the beginning of what is left below `.build/fuzz`.
    package let name: String
    private let examples: [[UInt8]]
    private let words: [String]
    private let cost: Int
    private let maxSeconds: Int

    /// Describes a target.
    ///
    /// - Parameters:
    ///   - name: The name of the corpus.
    ///   - examples: Inputs to begin with, beside the corpus.
    ///   - words: What means something to the reader, and is strewn in.
    ///   - cost: How many times as long a round takes as one of a plain parser; so many fewer are made.
    ///   - maxSeconds: A round that takes longer hangs.
    package init(
        _ name: String,
        examples: [[UInt8]] = [],
        words: [String] = [],
        cost: Int = 1,
        maxSeconds: Int = 120
    ) {
        self.name = name
        self.examples = examples
        self.words = words
        self.cost = cost
        self.maxSeconds = maxSeconds
    }

    /// Describes a target whose examples are texts.
    package init(_ name: String, _ examples: [String], words: [String] = [], cost: Int = 1, maxSeconds: Int = 120) {
        self.init(name, examples: examples.map { Array($0.utf8) }, words: words, cost: cost, maxSeconds: maxSeconds)
    }

    /// What an input did that none may do.
    package struct Broken: Error, CustomStringConvertible {
        package let description: String
    }

    /// Reads the corpus, and as many inputs as wanted after it.
    ///
    /// - Parameter read: Reads an input, and whatever else is random in the round; catches the errors that it is to throw, and
    ///   throws ``Broken`` if a promise is.
    /// - Throws: ``Broken`` that names the seeds, once all was read or three inputs broke something.
    package func attack(_ read: (_ input: [UInt8], _ random: inout SeededGenerator) async throws -> Void) async throws {
        let corpus = FuzzSettings.corpus(name)
        let mutator = Mutator(examples: corpus.map(\.bytes) + examples, words: words)
        let log = FuzzLog(name, maxSeconds: maxSeconds)
        defer { log.end() }
        var broken: [String] = []
        func attempt(_ bytes: [UInt8], _ title: String, seed: UInt64) async {
            log.begin(title, bytes)
            var random = SeededGenerator(seed: ~seed)
            do {
                try await read(bytes, &random)
                if FuzzSettings.isAlone, let growth = log.growth() {
                    throw Broken(description: "\(growth >> 20) MiB were allocated")
                }
            } catch {
                broken.append("\(name), \(title): \(error); the input is in \(log.keep(title, bytes))")
            }
        }
        for (index, example) in examples.enumerated() { await attempt(example, "example \(index)", seed: 0) }
        for (file, bytes) in corpus { await attempt(bytes, file, seed: 0) }
        for seed in FuzzSettings.seeds(cost: cost) where broken.count < 3 {
            var random = SeededGenerator(seed: seed ^ FuzzSettings.hash(name))
            await attempt(mutator.input(&random), "seed \(seed)", seed: seed)
        }
        if !broken.isEmpty { throw Broken(description: broken.joined(separator: "\n")) }
    }

    /// Reads the corpus, and as many inputs as wanted after it.
    package func attack(_ read: (_ input: [UInt8]) async throws -> Void) async throws {
        try await attack { bytes, _ in try await read(bytes) }
    }
}

/// Says what an input broke, unless a promise held.
package func hold(_ promise: Bool, _ otherwise: @autoclosure () -> String) throws {
    if !promise { throw HostileInput.Broken(description: otherwise()) }
}

/// Says what an input broke, unless all of these can be components of names.
package func holdComponents(_ names: [String]) throws {
    for name in names {
        try hold(
            !["", ".", ".."].contains(name) && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") },
            "\"\(name.debugDescription)\" is listed, and no component of a name"
        )
    }
}

enum FuzzSettings {
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// Whether nothing else runs in the process that could make it grow, as by `make fuzz`.
    static let isAlone = ProcessInfo.processInfo.environment["QSTORE_FUZZ_ROUNDS"] != nil

    /// Where inputs are left.
    static let directory = root.appendingPathComponent(".build/fuzz")

    /// The files of a target's corpus, by their names.
    static func corpus(_ name: String) -> [(file: String, bytes: [UInt8])] {
        let folder = root.appendingPathComponent("Tests/Fixtures/hostile/\(name)")
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.sorted().compactMap { file in
            (try? Data(contentsOf: folder.appendingPathComponent(file))).map { (file, [UInt8]($0)) }
        }
    }

    /// `QSTORE_FUZZ_ROUNDS` seeds from `QSTORE_FUZZ_SEED` on; fewer where each takes longer.
    static func seeds(cost: Int) -> Range<UInt64> {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["QSTORE_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
        let rounds = environment["QSTORE_FUZZ_ROUNDS"].flatMap { UInt64($0) } ?? 300
        let (end, isTooFar) = first.addingReportingOverflow(max(1, rounds / UInt64(cost)))
        return first..<(isTooFar ? .max : end)
    }

    /// Another number for each target, so that one seed makes different inputs for each.
    ///
    /// Source: Fowler, Noll and Vo, FNV-1a.
    static func hash(_ name: String) -> UInt64 {
        name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
