import Foundation
import Glibc
import QueuedStorageCore
import QueuedStorageSQLite
import TestSupport
import Testing

/// Names, contents and disks that aren't what one hopes for, all the way from the save to the remote and back.
@Suite struct OddInputTests {
    static let names = [
        "new\nline", "quo\"te's", "-rf", "😀.txt", "sp ace", "100%", "a+b", "#hash", "que?ry", "back`tick", "$(HOME)",
        String(repeating: "x", count: 255), String(repeating: "ü", count: 127), "e\u{301}.txt", "\u{e9}.txt", "tab\t",
    ]

    @Test(arguments: names)
    func `a name is the same everywhere`(_ name: String) async throws {
        try await withBench(task: .transferAndDelete) { bench in
            let saved = try await bench.storage.save("dir/" + name, .text("content"))
            try await bench.work()

            #expect(saved.utf8.elementsEqual(("dir/" + name).utf8))
            #expect(try await bench.text(saved) == "content")
            let listing = try await bench.storage.list("dir")
            #expect(listing.files.count == 1)
            #expect(listing.files.first?.utf8.elementsEqual(name.utf8) == true)
            #expect(bench.bytes("remote/dir/\(name)") == "content")
        }
    }

    @Test(arguments: ["../up", "/etc/passwd", "a/../../b", ".qstore/id", "a/.qstore/b", "nul\0byte", ""])
    func `a name that leads out is refused, and nothing happens`(_ name: String) async throws {
        try await withBench { bench in
            await #expect(throws: StorageError.self) { _ = try await bench.storage.save(name, .text("x")) }
            await #expect(throws: StorageError.self) { _ = try await bench.storage.open(name) }

            let files = try await bench.catalog.files(FileQuery())
            #expect(files.isEmpty)
            #expect(bench.litter.isEmpty)
        }
    }

    @Test(arguments: [("data", "data/archive"), ("data/media", "data"), ("same", "same"), ("link", "data")])
    func `a local and a remote side that overlap are refused, also before they exist`(
        _ local: String,
        _ remote: String
    ) async throws {
        try await withTemporaryDirectory { directory in
            try FileManager.default.createSymbolicLink(
                atPath: "\(directory)/link",
                withDestinationPath: "\(directory)/data"
            )
            let storage = try QueuedStorage(
                "files",
                local: FileSystemStorage(location: "\(directory)/\(local)"),
                remote: FileSystemStorage(location: "\(directory)/\(remote)"),
                catalog: SQLiteCatalog(path: "\(directory)/catalog.sqlite"),
                environment: [:]
            )
            if local == "link" {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/data",
                    withIntermediateDirectories: true
                )
            }
            await #expect(throws: StorageError.self) { try await storage.start() }
        }
    }

    @Test func `an empty file arrives`() async throws {
        try await withBench(task: .transferAndDelete) { bench in
            _ = try await bench.storage.save("empty", .text(""))
            try await bench.work()

            #expect(try await bench.state("empty") == .remote)
            #expect(try await bench.text("empty") == "")
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a sparse file of 5 GiB arrives with its holes, in less than 100 MB of memory`() async throws {
        try await withTemporaryDirectory { directory in
            let size: Int64 = 5 << 30
            let descriptor = open("\(directory)/sparse", O_WRONLY | O_CREAT, 0o644)
            #expect(ftruncate(descriptor, Int(size)) == 0)
            close(descriptor)

            let saved = try await Agent(directory, step: 0, "save-file", "sparse", "\(directory)/sparse").end()
            let sent = try await Agent(directory, step: 0, "work").end()

            for line in saved + sent {
                guard let match = line.firstMatch(of: /^peak (\d+)$/) else { continue }
                #expect(Int(match.1) ?? .max < 100_000, "kilobytes")
            }
            let bench = try Bench(directory, alias: "crash")
            #expect(try await bench.state("sparse") == .remote)
            #expect(try await bench.storage.size("sparse") == size)
            for side in ["local", "remote"] {
                var status = stat()
                #expect(stat("\(directory)/\(side)/sparse", &status) == 0)
                #expect(status.st_size == Int(size))
                #expect(status.st_blocks < 2048)
            }
        }
    }

    @Test func `a remote that is full keeps the file waiting, whole, and takes it when there is room`() async throws {
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, alias: "crash")
            let content = [UInt8](repeating: 7, count: 3_000_000)
            _ = try await bench.storage.save("f.bin", .bytes(content))

            try await work(directory, mounting: "mount -t tmpfs -o size=1m tmpfs \(directory)/remote")

            let file = try #require(try await bench.catalog.file("f.bin", in: "crash"))
            #expect(file.state == .queued)
            #expect(file.error?.contains("no space is left") == true, "\(file.error ?? "")")
            let read = try await bench.storage.open("f.bin").collect()
            #expect(read == content)
            #expect(bench.tree("remote").isEmpty)
        }
    }

    @Test func `a remote that can't be written fails at once, and says so`() async throws {
        try await withTemporaryDirectory { directory in
            let bench = try Bench(directory, alias: "crash")
            _ = try await bench.storage.save("f.txt", .text("x"))

            try await work(
                directory,
                mounting: """
                    mount --bind \(directory)/remote \(directory)/remote; \
                    mount -o remount,bind,ro \(directory)/remote
                    """
            )

            let file = try #require(try await bench.catalog.file("f.txt", in: "crash"))
            #expect(file.state == .failed)
            #expect(file.error?.contains("read-only") == true, "\(file.error ?? "")")

            try await bench.storage.transfer("f.txt")
            try await bench.work()
            #expect(try await bench.state("f.txt") == .remote)
        }
    }

    /// Lets a worker run once in a user and mount namespace of its own.
    private func work(_ directory: String, mounting: String) async throws {
        try FileManager.default.createDirectory(atPath: "\(directory)/remote", withIntermediateDirectories: true)
        _ = try await Agent(directory, mounting: mounting, "work").end()
    }
}
