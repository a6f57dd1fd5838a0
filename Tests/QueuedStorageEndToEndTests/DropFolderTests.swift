import Foundation
import Glibc
import Logging
import QueuedStorageCore
import QueuedStorageIngest
import QueuedStorageSQLite
import ServiceLifecycle
import TestSupport
import Testing

/// Dropped files whose bytes are copied, since others can reach them: what is written later, and what can't be removed.
@Suite(.timeLimit(.minutes(5))) struct DropFolderTests {
    /// How a drop folder ends.
    enum End: String, CaseIterable, Codable, Sendable { case killed, stopped }

    @Test(arguments: End.allCases)
    func `what is written while nobody watches, to a file that was copied, is a new drop`(_ end: End) async throws {
        try await withOthersInbox { directory in
            let descriptor = open("\(directory)/inbox/a", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            #expect(Glibc.write(descriptor, "first", 5) == 5)

            await #expect(processExitsWith: end == .killed ? .signal(SIGKILL) : .success) {
                [directory = directory as String, end = end as End] in
                try becomeNobody()
                let (taken, continuation) = AsyncStream<Void>.makeStream()
                let folder = try Self.folder(directory, settleTime: .seconds(1)) { event in
                    guard case .taken = event else { return }
                    if end == .killed { kill(getpid(), SIGKILL) }
                    continuation.yield()
                }
                let group = ServiceGroup(services: [folder], logger: Logger(label: "test"))
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await group.run() }
                    for await _ in taken { break }
                    await group.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                }
            }
            #expect(Glibc.write(descriptor, " second", 7) == 7)
            close(descriptor)
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try becomeNobody()
                let summary = try await Self.folder(directory).takeOnce()
                #expect(summary.taken == 1)
            }

            let texts = try await Self.texts(directory)
            #expect(texts == ["first", "first second"])
            #expect(Self.taken(directory) == [])
        }
    }

    @Test func `a copied file that another process left is kept for a while, and compared again`() async throws {
        try await withOthersInbox { directory in
            try Data("first".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/a"))
            await #expect(processExitsWith: .signal(SIGKILL)) { [directory = directory as String] in
                try becomeNobody()
                let folder = try Self.folder(directory) { if case .taken = $0 { kill(getpid(), SIGKILL) } }
                _ = try await folder.takeOnce()
            }
            let entry = try #require(Self.taken(directory).first { $0.hasSuffix("/1") })

            await #expect(processExitsWith: .success) { [directory = directory as String, entry = entry as String] in
                let descriptor = open("\(directory)/inbox/.qstore/taken/\(entry)", O_WRONLY | O_APPEND | O_CLOEXEC)
                try becomeNobody()
                let folder = try Self.folder(directory) { event in
                    guard case .recovered = event else { return }
                    #expect(Glibc.write(descriptor, " second", 7) == 7)
                    close(descriptor)
                }
                let summary = try await folder.takeOnce()
                #expect(summary.taken == 1)
            }

            let texts = try await Self.texts(directory)
            #expect(texts == ["first", "first second"])
            #expect(Self.taken(directory) == [])
        }
    }

    @Test func `a copied file that can't be removed isn't saved again`() async throws {
        try await withOthersInbox { directory in
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/a"))

            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try becomeNobody()
                let storage = try Bench(directory).storage
                let sink = HookedSink(
                    storage: storage,
                    afterTake: { chmod(Self.tokenDirectory($0), 0o500) }
                )
                let summary = try await Self.folder(directory, into: sink).takeOnce()
                #expect(summary.taken == 1)
                #expect(summary.failed == 1)
            }
            Self.unlock(directory)
            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try becomeNobody()
                let summary = try await Self.folder(directory).takeOnce()
                #expect(summary.taken == 0)
            }

            let texts = try await Self.texts(directory)
            #expect(texts == ["x"])
            #expect(Self.taken(directory) == [])
        }
    }

    @Test func `a copied file that couldn't be removed goes when it can be`() async throws {
        try await withOthersInbox { directory in
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(directory)/inbox/a"))

            await #expect(processExitsWith: .success) { [directory = directory as String] in
                try becomeNobody()
                let (forgotten, continuation) = AsyncStream<[String]>.makeStream()
                let sink = HookedSink(
                    storage: try Bench(directory).storage,
                    afterTake: { chmod(Self.tokenDirectory($0), 0o500) },
                    afterForget: { continuation.yield($0) }
                )
                let folder = try Self.folder(directory, into: sink) { event in
                    if case .problem = event { Self.unlock(directory) }
                }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await folder.run() }
                    for await entries in forgotten where !entries.isEmpty { break }
                    #expect(Self.taken(directory).filter { $0.contains("/") } == [])
                    tasks.cancelAll()
                    try await tasks.waitForAll()
                }
            }

            let texts = try await Self.texts(directory)
            #expect(texts == ["x"])
        }
    }

    @Test func `a hard-linked file is saved once although its other link goes`() async throws {
        try await withTemporaryDirectory { directory in
            mkdir("\(directory)/inbox", 0o755)
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(directory)/original"))
            #expect(link("\(directory)/original", "\(directory)/inbox/linked") == 0)
            let sink = HookedSink(
                storage: try Bench(directory).storage,
                afterTake: { _ in unlink("\(directory)/original") }
            )

            let summary = try await Self.folder(directory, into: sink).takeOnce()

            #expect(summary.taken == 1)
            let texts = try await Self.texts(directory)
            #expect(texts == ["x"])
            #expect(Self.taken(directory) == [])
        }
    }

    // MARK: Support

    private static func folder(
        _ directory: String,
        into sink: (any DropSink)? = nil,
        settleTime: Duration = .milliseconds(50),
        observe: @escaping @Sendable (DropFolderEvent) -> Void = { _ in }
    ) throws -> DropFolder {
        DropFolder(
            "\(directory)/inbox",
            into: try sink ?? Bench(directory).storage,
            options: DropFolderOptions(settleTime: settleTime, retryInterval: .milliseconds(50)),
            time: .system,
            observe: observe
        )
    }

    /// The texts of all saved files.
    private static func texts(_ directory: String) async throws -> [String] {
        let bench = try Bench(directory)
        var texts: [String] = []
        for file in try await bench.catalog.files(FileQuery()) { texts.append(try await bench.text(file.name)) }
        return texts.sorted()
    }

    /// What lies below `taken`.
    private static func taken(_ directory: String) -> [String] { everything("\(directory)/inbox/.qstore/taken") }

    /// Lets the taken files be removed again.
    private static func unlock(_ directory: String) {
        for path in taken(directory) where !path.contains("/") {
            chmod("\(directory)/inbox/.qstore/taken/\(path)", 0o700)
        }
    }

    private static func tokenDirectory(_ drop: DroppedFile) -> String {
        let token = drop.taken.entry.split(separator: "/").first ?? ""
        return "\(drop.taken.inbox)/.qstore/taken/\(token)"
    }
}

/// Makes a directory with an inbox, both of a user who is nobody.
private func withOthersInbox(_ body: (String) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
        mkdir("\(directory)/inbox", 0o755)
        for path in [directory, "\(directory)/inbox"] { try #require(chown(path, 65534, 65534) == 0) }
        try await body(directory)
    }
}

private func becomeNobody() throws { try #require(setgid(65534) == 0 && setuid(65534) == 0) }
