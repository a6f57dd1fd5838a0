import Foundation
import QueuedStorageCore
import QueuedStorageSQLite
import Synchronization
import TestSupport
import Testing

/// Where our answer to a recorded scenario differs from the original's, by the vector's identifier: what we do instead,
/// and why.
private let deviations: [String: Deviation] = [
    "dqs_scenario/002": Deviation(
        "saving asks no remote, so the local side alone finds a free name; and f.txt, which we don't know, is read locally",
        steps: [.value("f_L000001.txt"), .value(false)],
        local: ["f.txt": "old", "f_L000001.txt": "new"],
        remote: ["f.txt": "old", "f_L000001.txt": "new"],
        signals: ["f_L000001.txt"]
    ),
    "dqs_scenario/004": Deviation(
        "saving asks no remote: the name stays, and the remote's copy gets another one, which is recorded",
        steps: [.value("f.txt")],
        local: ["f.txt": "new"],
        remote: ["f.txt": "old", "f_R000001.txt": "new"],
        signals: ["f.txt"]
    ),
    "dqs_scenario/005": Deviation(
        "a remote's object is never overwritten: the file gets another name there",
        steps: [.value("f.txt")],
        local: ["f.txt": "new"],
        remote: ["f.txt": "old", "f_R000001.txt": "new"],
        signals: ["f.txt"]
    ),
    "dqs_scenario/007": Deviation(
        "saving asks no remote, and what was saved is read at once",
        steps: [.value(true), .value("f.txt"), .value(true), .value("new")],
        local: ["f.txt": "new"],
        remote: ["f.txt": "old"],
        signals: []
    ),
    "dqs_scenario/008": Deviation(
        "the answers are the same; the remote isn't asked",
        steps: [.value(1), .value(1)],
        local: ["f.txt": "x"],
        remote: [:],
        signals: []
    ),
    "dqs_scenario/014": Deviation(
        "the name that the remote's copy really has is recorded, and read",
        steps: [.value("f.txt"), .value(nil), .value("<task result>"), .value("mine")],
        local: [:],
        remote: ["f.txt": "someone else", "f_R000001.txt": "mine"],
        signals: ["f.txt"]
    ),
    "dqs_scenario/015": Deviation(
        "a transfer of a deleted file is refused at once",
        steps: [.value("f.txt"), .value(nil), .value(false), .failure],
        local: [:],
        remote: [:],
        signals: []
    ),
    "dqs_scenario/016": Deviation(
        "deleting removes both copies, so that the name is free again",
        steps: [.value("f.txt"), .value(nil), .value(false), .failure, .value("f.txt")],
        local: ["f.txt": "y"],
        remote: ["f.txt": "y"],
        signals: ["f.txt", "f.txt"]
    ),
    "dqs_scenario/017": Deviation(
        "the answer is the same; the remote isn't asked",
        steps: [.value("a_b.txt")],
        local: [:],
        remote: [:],
        signals: []
    ),
    "dqs_scenario/018": Deviation(
        "a listing has both sides",
        steps: [.value([[], ["a", "b"]])],
        local: ["a": "1"],
        remote: ["b": "2"],
        signals: []
    ),
    "dqs_scenario/019": Deviation(
        "a file is read from the side that has it",
        steps: [.value("x")],
        local: ["f.txt": "x"],
        remote: [:],
        signals: []
    ),
    "dqs_scenario/020": Deviation(
        "a file is read from the side that has it",
        steps: [.value("x")],
        local: [:],
        remote: ["f.txt": "x"],
        signals: []
    ),
    "dqs_scenario/021": Deviation(
        "a transfer of a file that doesn't exist is refused at once",
        steps: [.failure],
        local: [:],
        remote: [:],
        signals: []
    ),
    "dqs_scenario/022": Deviation(
        "a second transfer finds the file there, and makes no duplicate",
        steps: [.value("f.txt"), .value("<task result>")],
        local: ["f.txt": "x"],
        remote: ["f.txt": "x"],
        signals: ["f.txt"]
    ),
    "dqs_scenario/023": Deviation(
        "the directory that stands in for the original's storage has times, where the original's fake had none",
        steps: [.anything, .anything, .anything],
        local: [:],
        remote: ["f.txt": "x"],
        signals: []
    ),
]

/// What we do instead of the original.
private struct Deviation: Sendable {
    enum Answer: Sendable {
        case value(JSON)
        case failure
        case anything
    }
    var reason: String
    var steps: [Answer]
    var local: [String: String]
    var remote: [String: String]
    var signals: [String]

    init(
        _ reason: String,
        steps: [Answer],
        local: [String: String],
        remote: [String: String],
        signals: [String]
    ) {
        self.reason = reason
        self.steps = steps
        self.local = local
        self.remote = remote
        self.signals = signals
    }
}

/// What was recorded of the real django-queued-storage 0.8, held against ours.
@Suite struct OriginalVectorTests {
    @Test(arguments: Vector.all("dqs_cache_key"))
    func `cache keys are the original's`(_ vector: Vector) async throws {
        try await withTemporaryDirectory { directory in
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/l"),
                remote: FileSystemStorage(location: "\(directory)/r"),
                catalog: SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
                cachePrefix: vector.input.cache_prefix?.string,
                environment: [:]
            )

            #expect(storage.cacheKey(for: vector.input.name?.string ?? "") == vector.output?.string)
        }
    }

    @Test(arguments: Vector.all("dqs_scenario"))
    func `scenarios end as the original's, or as promised`(_ vector: Vector) async throws {
        try await withTemporaryDirectory { directory in
            let outcome = try await Scenario(vector, directory).run()
            if let deviation = deviations[vector.id] {
                #expect(outcome.steps.count == deviation.steps.count)
                for (got, wanted) in zip(outcome.steps, deviation.steps) {
                    switch wanted {
                    case .value(let value): #expect(got == value, "\(deviation.reason)")
                    case .failure: #expect(got == nil, "\(deviation.reason)")
                    case .anything: break
                    }
                }
                #expect(outcome.local == deviation.local, "\(deviation.reason)")
                #expect(outcome.remote == deviation.remote, "\(deviation.reason)")
                #expect(outcome.signals == deviation.signals, "\(deviation.reason)")
            } else if vector.verdict == "match", !vector.mentionsRemoteSuffix {
                try expect(outcome, of: vector)
            } else {
                // A recording that isn't in the table and that our promises forbid: nothing that was saved may be lost.
                #expect(outcome.unreadable.isEmpty)
            }
        }
    }

    private func expect(_ outcome: Scenario.Outcome, of vector: Vector) throws {
        let steps = try #require(vector.output?.steps?.array)
        #expect(outcome.steps.count == steps.count)
        for (got, wanted) in zip(outcome.steps, steps) {
            if wanted.error != nil { #expect(got == nil) } else { #expect(got == (wanted.output ?? .null)) }
        }
        let final = try #require(vector.output?.final)
        #expect(outcome.local == final.local?.object?.compactMapValues(\.string))
        #expect(outcome.remote == final.remote?.object?.compactMapValues(\.string))
        #expect(outcome.signals == final.signals?.array?.compactMap { $0.name?.string })
        switch final.task_state?.string {
        case "SUCCESS": #expect(outcome.failed == 0)
        case "FAILURE": #expect(outcome.failed > 0)
        default: break
        }
        if let attempts = vector.note?.firstMatch(of: /^(\d+) attempts/) {
            #expect(outcome.attempts == Int(attempts.1))
        }
    }

    @Test(arguments: Vector.all("dqs_other").filter { $0.function == "QueuedStorage constructor" })
    func `configurations are taken and refused as the original's constructor did`(_ vector: Vector) throws {
        let input = try #require(vector.input.object)
        // Wrong options of a storage fail at once, where the original failed at the first use.
        let isWrongAtOnce = ["local_options", "remote_options"].contains { key in
            !Set(input[key]?.object.map { Array($0.keys) } ?? []).isSubset(of: ["location", "base_url"])
        }
        guard vector.error == nil, !isWrongAtOnce else {
            #expect(throws: (any Error).self) { _ = try Self.make(input) }
            return
        }
        let (configuration, storage) = try Self.make(input)
        let output = try #require(vector.output)

        #expect(configuration.local == output.local_path?.string)
        #expect(configuration.remote == output.remote_path?.string)
        #expect(configuration.localOptions.count == output.local_options?.object?.count)
        #expect(configuration.delayed == output.delayed?.bool)
        #expect(storage.cachePrefix == output.cache_prefix?.string)
        #expect(output.task?.string?.hasSuffix("." + storage.task.name) == true)
        #expect(storage.isDelayed == output.delayed?.bool)

        // What is made again of its configuration is the same.
        let again = try QueuedStorage(storage.configuration, catalog: storage.catalog)
        #expect(try again.configuration == storage.configuration)
    }

    /// Makes a storage of the original's keyword arguments.
    private static func make(_ input: [String: JSON]) throws -> (QueuedStorageConfiguration, QueuedStorage) {
        let ours = ["local_options": "localOptions", "remote_options": "remoteOptions", "cache_prefix": "cachePrefix"]
        var object: [String: Any] = [:]
        for (key, value) in input { object[ours[key] ?? key] = value.plain }
        let configuration = try JSONDecoder().decode(
            QueuedStorageConfiguration.self,
            from: JSONSerialization.data(withJSONObject: object)
        )
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).sqlite").path
        defer { for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        return (configuration, try QueuedStorage(configuration, catalog: SQLiteCatalog(path: path)))
    }

    @Test(arguments: Vector.all("dqs_other").filter { $0.input.class != nil })
    func `the original's convenience classes map onto ours`(_ vector: Vector) throws {
        let name = try #require(vector.input.class?.string)
        let configuration = try #require(QueuedStorageConfiguration.successor(of: name))

        #expect(configuration.local == vector.output?.local_path?.string)
        #expect(configuration.remote == vector.output?.remote_path?.string)
    }

    @Test(arguments: Vector.all("dqs_other").filter { $0.function.hasPrefix("Transfer.run in a worker") })
    func `as many retries as the original, with growing delays`(_ vector: Vector) throws {
        let tries = try #require(vector.input.retries_so_far?.int)
        let policy = RetryPolicy(jitter: 0)

        let decision = policy.decide(StorageError.flaky, tries: tries)

        if vector.output?.raised?.string == "Retry" {
            // The original waited 60 seconds each time; the first delay is the same, and later ones grow.
            #expect(decision == .retry(.transient, after: .seconds(60 * (1 << tries))))
        } else {
            #expect(decision == .giveUp(.transient))
        }
    }
}

extension Vector {
    /// Whether the original asked the remote for a name, which saving never does here.
    fileprivate var mentionsRemoteSuffix: Bool {
        output?.steps?.array?.contains { $0.output?.string?.contains("_R0000") == true } ?? false
    }
}

extension JSON {
    /// The value as Foundation has it.
    fileprivate var plain: Any {
        switch self {
        case .null: NSNull()
        case .bool(let value): value
        case .number(let value): value == value.rounded() ? Int(value) : value
        case .string(let value): value
        case .array(let values): values.map(\.plain)
        case .object(let members): members.mapValues(\.plain)
        }
    }
}

/// Runs a recorded scenario: two directories, suffixes as recorded, and a worker that does what is due after each step.
private struct Scenario {
    struct Outcome {
        /// What each step returned; nil where it threw.
        var steps: [JSON?] = []
        var local: [String: String] = [:]
        var remote: [String: String] = [:]
        var signals: [String] = []
        var failed = 0
        var attempts = 0
        /// Names that were saved, not deleted, and can't be read as they were saved.
        var unreadable: [String] = []
    }

    let vector: Vector
    let directory: String
    let time = TestTime()
    let local: FileSystemStorage
    let remote: TestRemote
    let storage: QueuedStorage

    init(_ vector: Vector, _ directory: String) throws {
        self.vector = vector
        self.directory = directory
        let counter = Mutex(0)
        let suffix: @Sendable (String) -> String = { letter in
            let number = counter.withLock { count in
                count += 1
                return count
            }
            return letter + String(repeating: "0", count: 6 - "\(number)".count) + "\(number)"
        }
        local = FileSystemStorage(
            FileSystemStorage.Configuration(location: "\(directory)/local", baseURL: "/local/"),
            makeSuffix: { suffix("L") }
        )
        let base = FileSystemStorage(
            FileSystemStorage.Configuration(location: "\(directory)/remote"),
            makeSuffix: { suffix("R") }
        )
        let failures = vector.input.setup?.remote_save_failures?.int ?? 0
        remote = TestRemote(base, beforeStore: { _, attempt in if attempt <= failures { throw StorageError.flaky } })
        let options = vector.input.options
        let task: any TransferTask =
            switch options?.task?.string {
            case nil, "queued_storage.tasks.Transfer": Transfer()
            case "queued_storage.tasks.TransferAndDelete": TransferAndDelete()
            case let name?:
                name.contains("False")
                    ? FakeTask(answer: { false }) : FakeTask(answer: { throw StorageError.forbidden })
            }
        storage = try QueuedStorage(
            "files",
            local: local,
            remote: remote,
            catalog: SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
            delayed: options?.delayed?.bool ?? false,
            task: task,
            environment: [:],
            time: time
        )
    }

    func run() async throws -> Outcome {
        for (name, text) in vector.input.setup?.local?.object ?? [:] {
            _ = try await local.save(name, .text(text.string ?? ""))
        }
        for (name, text) in vector.input.setup?.remote?.object ?? [:] {
            _ = try await remote.base.save(name, .text(text.string ?? ""))
        }
        var outcome = Outcome()
        var saved: [String: String] = [:]
        for step in vector.input.steps?.array ?? [] {
            let arguments = step.args?.strings ?? []
            do {
                let answer = try await perform(step.op?.string ?? "", arguments)
                outcome.steps.append(answer)
                if step.op?.string == "save", let name = answer.string { saved[name] = arguments[1] }
                if step.op?.string == "delete" { saved[arguments[0]] = nil }
            } catch {
                outcome.steps.append(nil)
            }
            try await work()
        }
        for (name, text) in saved {
            let read = try? await storage.open(name).collect()
            if read != Array(text.utf8) { outcome.unreadable.append(name) }
        }
        outcome.local = try tree("\(directory)/local")
        outcome.remote = try tree("\(directory)/remote")
        let events = try await storage.catalog.events(after: 0, limit: 1000)
        outcome.signals = events.filter { $0.type == .transferred }.map(\.name)
        outcome.failed = try await storage.catalog.files(FileQuery(state: .failed)).count
        outcome.attempts = events.filter { $0.type == .started }.count
        return outcome
    }

    /// Does what is due, and what falls due later, as the original's eager mode did.
    private func work() async throws {
        try await storage.start()
        for _ in 0..<10 {
            try await TransferWorker(catalog: storage.catalog, storages: [storage], time: time).runUntilIdle()
            time.advance(by: .seconds(86_400))
        }
    }

    private func perform(_ operation: String, _ arguments: [String]) async throws -> JSON {
        let name = arguments.first ?? ""
        switch operation {
        case "save": return .string(try await storage.save(name, .text(arguments[1])))
        case "using_remote": return .bool(try await storage.isUsingRemote(name))
        case "using_local": return .bool(try await storage.isUsingLocal(name))
        case "open_read": return .string(String(decoding: try await storage.open(name).collect(), as: UTF8.self))
        case "transfer":
            try await storage.transfer(name)
            return "<task result>"
        case "delete": try await storage.delete(name)
        case "exists": return .bool(try await storage.exists(name))
        case "size": return .number(Double(try await storage.size(name)))
        case "url": return .string(try await storage.url(name))
        case "path": return .string(try await storage.path(name))
        case "listdir":
            let listing = try await storage.list(name)
            return [.array(listing.directories.map { .string($0) }), .array(listing.files.map { .string($0) })]
        case "get_valid_name": return .string(try storage.validName(name))
        case "get_available_name": return .string(try await storage.availableName(name, maxLength: nil))
        case "accessed_time": _ = try await storage.accessedAt(name)
        case "created_time": _ = try await storage.createdAt(name)
        case "modified_time": _ = try await storage.modifiedAt(name)
        case "evict": break  // There is no cache to evict from.
        case "remote_put":
            _ = try await remote.base.store(.text(arguments[1]), as: name, options: StoreOptions(replaces: true))
        case "local_remove": try await local.delete(name)
        default: Issue.record("the scenario has an unknown step \"\(operation)\"")
        }
        return .null
    }
}

/// A task that only answers, or throws.
private struct FakeTask: TransferTask {
    var answer: @Sendable () throws -> Bool

    func transfer(_ file: TransferContext) async throws -> Bool { try answer() }
}
