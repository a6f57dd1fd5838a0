import Foundation
import QueuedStorageCore
import QueuedStorageTesting
import QueuedStorageWebDAV
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5)))
struct WebDAVConformanceTests {
    @Test(arguments: DAVServer.allCases, StorageRequirement.all)
    func meets(_ server: DAVServer, _ requirement: StorageRequirement) async throws {
        try await requirement.check(server.storage())
    }

    @Test(arguments: DAVServer.allCases)
    func `keeps hostile names apart, and lists them`(_ server: DAVServer) async throws {
        let storage = try await server.storage()
        let names = [
            "a b", "it's", "say \"hi\"", "100%", "a%20b", "a+b", "a#b", "a?b=c&d", "a;b", ".hidden", "-rf", "~", "ü",
            "u\u{308}",
            "😀", "a\nb", "a\tb", "<a>&b", String(repeating: "x", count: 255), String(repeating: "ü", count: 127),
            "a:b",
            "[1]", "{x}", "^`|", "c.tar.gz",
        ]
        var kept: [String] = []

        for name in names {
            do {
                _ = try await storage.store(.text(name), as: "d/" + name, options: StoreOptions())
                kept.append(name)
            } catch let error as StorageError where [.invalidName, .notSupported].contains(error.code) {
                continue
            }
        }

        // nginx hides names that begin with a dot; wsgidav misreads some characters of the address that a file is moved to.
        let refused: Set<String> =
            switch server {
            case .nginx: [".hidden"]
            case .wsgidav: ["a?b=c&d", "a;b", "a\nb", "a\tb"]
            case .rclone: []
            }
        #expect(Set(names).subtracting(kept) == refused)
        for name in kept {
            #expect(try await storage.open("d/" + name).collect() == Array(name.utf8), "\(name)")
            #expect(try await storage.size("d/" + name) == Int64(name.utf8.count))
        }
        let listed = Set(try await storage.list("d").files.map { NameKey($0) })
        #expect(listed.symmetricDifference(kept.map { NameKey($0) }).map(\.name) == [])
        for name in kept { try await storage.delete("d/" + name) }
        #expect(try await storage.list("d").files == [])
    }

    @Test(arguments: DAVServer.allCases, ["../x", "a/../../x", "/etc/passwd", "..", ".qstore/tmp/x", "a/.qstore/x"])
    func `lets no name lead out of it`(_ server: DAVServer, _ name: String) async throws {
        let storage = try await server.storage()

        for act in [
            { _ = try await storage.store(.text("x"), as: name, options: StoreOptions()) },
            { _ = try await storage.open(name) },
            { try await storage.delete(name) },
            { _ = try await storage.exists(name) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: StorageError.self) { try await act() }
            #expect(error?.code == .invalidName)
        }
    }

    @Test(arguments: DAVServer.allCases)
    func `lists 2,500 files`(_ server: DAVServer) async throws {
        let storage = try await server.storage()
        _ = try await storage.store(.text("x"), as: "many/x", options: StoreOptions())
        let root = try await server.shared["files"]
        let directory =
            root + "/" + (storage.options.directory.split(separator: "/").last.map(String.init) ?? "") + "/many"
        for number in 0..<2500 {
            try Data().write(to: URL(fileURLWithPath: "\(directory)/f\(number + 10_000)"))
        }
        // Servers may remember what they know of a directory for a while.
        if server == .rclone { return try await listsMany(server, storage) }

        #expect(try await storage.list("many").files.count == 2501)
    }

    /// Through the server, as rclone keeps directories in memory.
    private func listsMany(_ server: DAVServer, _ storage: WebDAVStorage) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<16 {
                group.addTask {
                    for number in stride(from: task, to: 300, by: 16) {
                        _ = try await storage.store(.text("x"), as: "more/f\(number)", options: StoreOptions())
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await storage.list("more").files.count == 300)
    }

    @Test(arguments: DAVServer.allCases)
    func `keeps 64 MiB and gives ranges of it`(_ server: DAVServer) async throws {
        let storage = try await server.storage()
        let size: Int64 = 64 << 20
        let content = FileContent.stream(Pattern(size: size), size: size)

        let stored = try await storage.store(content, as: "large", options: StoreOptions(computesSHA256: true))

        #expect(stored.size == size)
        #expect(try await storage.open("large").sha256() == stored.sha256)
        let range = Int64(40 << 20)..<Int64(41 << 20) + 7
        #expect(try await storage.open("large", range: range).collect() == Pattern.bytes(range))
        try await storage.delete("large")
    }
}

/// Bytes that tell where they stand.
struct Pattern: AsyncSequence, AsyncIteratorProtocol, Sendable {
    var size: Int64
    var position: Int64 = 0

    init(size: Int64) { self.size = size }

    private static let block: [UInt8] = {
        var state: UInt32 = 1
        return (0..<100_003).map { _ in
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
    }()

    static func bytes(_ range: Range<Int64>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        while bytes.count < range.count {
            let start = Int((range.lowerBound + Int64(bytes.count)) % Int64(block.count))
            bytes += block[start..<Swift.min(block.count, start + range.count - bytes.count)]
        }
        return bytes
    }

    func makeAsyncIterator() -> Self { self }

    mutating func next() async -> [UInt8]? {
        let end = Swift.min(size, position + Int64(FileReader.bufferSize))
        guard position < end else { return nil }
        defer { position = end }
        return Self.bytes(position..<end)
    }
}
