import FoundationEssentials
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// A remote that confirms what a loss of power may take back isn't believed at once.
@Suite struct DurabilityTests {
    private let time = TestTime()

    private func withForgetfulRemote(_ options: QueuedStorageOptions = .init(), _ body: (Bench) async throws -> Void)
        async throws
    {
        try await withBench(
            remote: { TestRemote(FileSystemStorage(location: $0), isDurable: false) },
            task: .transferAndDelete,
            options: options,
            time: time,
            body
        )
    }

    @Test func `the local copy stays until a second look at the remote's`() async throws {
        try await withForgetfulRemote { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            #expect(try await bench.state("f.txt") == .remote)
            time.advance(by: .seconds(59))
            try await bench.work()
            #expect(bench.tree("local") == ["f.txt"])
            let callCount = bench.remote.calls.count

            time.advance(by: .seconds(2))
            try await bench.work()

            #expect(bench.tree("local").isEmpty)
            #expect(bench.remote.calls[callCount...].contains("open"))
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `a longer grace of the storage's own counts`() async throws {
        try await withForgetfulRemote(.init(localGrace: .seconds(3600))) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            time.advance(by: .seconds(3599))
            try await bench.work()
            #expect(bench.tree("local") == ["f.txt"])

            time.advance(by: .seconds(2))
            try await bench.work()

            #expect(bench.tree("local").isEmpty)
        }
    }

    @Test func `a remote that is to be believed is believed at once`() async throws {
        try await withForgetfulRemote(.init(durabilityGrace: .zero)) { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))

            try await bench.work()

            #expect(bench.tree("local").isEmpty)
        }
    }

    @Test func `a file that the remote lost meanwhile is sent again`() async throws {
        try await withForgetfulRemote { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            try await bench.remote.base.delete("f.txt")

            time.advance(by: .seconds(61))
            try await bench.work()

            #expect(bench.bytes("remote/f.txt") == "x")
            #expect(bench.tree("local") == ["f.txt"])
            time.advance(by: .seconds(61))
            try await bench.work()
            #expect(bench.tree("local").isEmpty)
        }
    }

    @Test(arguments: ["y", "", "longer"])
    func `a file that the remote damaged meanwhile is sent again, beside it`(_ damage: String) async throws {
        try await withForgetfulRemote { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            _ = try await bench.remote.base.store(.text(damage), as: "f.txt", options: StoreOptions(replaces: true))

            for _ in 0..<2 {
                time.advance(by: .seconds(61))
                try await bench.work()
            }

            #expect(bench.bytes("remote/f.txt") == damage)
            #expect(bench.tree("local").isEmpty)
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `a remote that can't be asked keeps the local copy waiting`() async throws {
        try await withTemporaryDirectory { directory in
            let base = FileSystemStorage(location: "\(directory)/remote")
            let options = QueuedStorageOptions(durabilityGrace: .seconds(10))
            func bench(_ beforeRead: @escaping @Sendable () throws -> Void) throws -> Bench {
                try Bench(
                    directory,
                    remote: TestRemote(base, isDurable: false, beforeRead: beforeRead),
                    task: .transferAndDelete,
                    options: options,
                    time: time
                )
            }
            _ = try await bench {}.storage.save("f.txt", .text("x"))
            try await bench {}.work()
            time.advance(by: .seconds(11))

            let unreachable = try bench { throw StorageError.unreachable }
            try await unreachable.work()
            #expect(unreachable.tree("local") == ["f.txt"])
            #expect(try await unreachable.state("f.txt") == .remote)

            time.advance(by: .seconds(3600))
            let reachable = try bench {}
            try await reachable.work()
            #expect(reachable.tree("local").isEmpty)
        }
    }

    @Test func `nothing is sent again of which a dead process has removed the local bytes already`() async throws {
        try await withTemporaryDirectory { directory in
            // Nobody knows the checksum but who reads the bytes.
            let remote = TestRemote(
                FileSystemStorage(location: "\(directory)/remote"),
                isDurable: false,
                afterStore: { StoredObject(name: $0.name, size: $0.size) }
            )
            let bench = try Bench(directory, remote: remote, task: .transferAndDelete, time: time)
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()
            try await bench.local.delete("f.txt")

            time.advance(by: .seconds(61))
            try await bench.work()

            let file = try #require(try await bench.catalog.file("f.txt", in: "files"))
            #expect(file.state == .remote)
            #expect(!file.hasLocal)
            #expect(try await bench.text("f.txt") == "x")
        }
    }

    @Test func `a file that is deleted meanwhile goes on both sides`() async throws {
        try await withForgetfulRemote { bench in
            _ = try await bench.storage.save("f.txt", .text("x"))
            try await bench.work()

            try await bench.storage.delete("f.txt")
            try await bench.work()

            #expect(bench.tree("local").isEmpty)
            #expect(bench.tree("remote").isEmpty)
        }
    }

    @Test(arguments: QueuedStorageOptions.Verification.allCases)
    func `damage of the same size is seen by reading back alone`(
        _ verification: QueuedStorageOptions.Verification
    ) async throws {
        try await withTemporaryDirectory { directory in
            let base = FileSystemStorage(location: "\(directory)/remote")
            let remote = TestRemote(
                base,
                afterStore: { stored in
                    _ = try await base.store(.text("y"), as: stored.name, options: StoreOptions(replaces: true))
                    return StoredObject(name: stored.name, size: stored.size, sha256: stored.sha256)
                }
            )
            let options = QueuedStorageOptions(retries: .count(0), verification: verification)
            let bench = try Bench(directory, remote: remote, options: options)
            _ = try await bench.storage.save("f.txt", .text("x"))

            try await bench.work()

            #expect(try await bench.state("f.txt") == (verification == .size ? .remote : .failed))
            #expect(bench.bytes("local/f.txt") == "x")
        }
    }
}
