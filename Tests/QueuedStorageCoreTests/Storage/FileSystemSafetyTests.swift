import CLinux
import Foundation
import Glibc
import QueuedStorageCore
import TestSupport
import Testing

/// No name and no link leads out of a location (P9), and nothing of what failed stays behind (P2).
@Suite struct FileSystemSafetyTests {
    @Test func `follows no symbolic link out of the location`() async throws {
        try await withTemporaryDirectory { directory in
            let (location, outside) = (directory + "/location", directory + "/outside")
            try FileManager.default.createDirectory(atPath: location, withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
            try Data("secret".utf8).write(to: URL(fileURLWithPath: outside + "/secret"))
            for (link, target) in [("abs", outside), ("rel", "../outside"), ("file", outside + "/secret")] {
                try FileManager.default.createSymbolicLink(
                    atPath: location + "/" + link,
                    withDestinationPath: target
                )
            }
            let storage = FileSystemStorage(location: location)

            for name in ["abs/secret", "rel/secret", "file"] {
                await expect(code(.invalidName)) { try await storage.open(name) }
                await expect(code(.invalidName)) { try await storage.size(name) }
                await expect(code(.invalidName)) { try storage.content(of: name, place: nil) }
            }
            for name in ["abs/new", "rel/new"] {
                await expect(code(.invalidName)) { try await storage.save(name, .text("x")) }
                await expect(code(.invalidName)) { try await storage.delete(name) }
                await expect(code(.invalidName)) { try storage.removeCopy(name, place: nil) }
                let place = try await storage.stage(.text("x"), computesSHA256: false).place
                await expect(code(.invalidName)) { try storage.place(place, as: name, replacing: true) }
            }
            await expect(code(.invalidName)) { try await storage.list("abs") }
            try await storage.delete("file")
            #expect(try tree(outside) == ["secret": "secret"])
        }
    }

    @Test func `follows symbolic links that stay in the location`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)
            _ = try await storage.save("d/a", .text("text"))
            try FileManager.default.createSymbolicLink(atPath: location + "/link", withDestinationPath: "d")

            #expect(try await storage.open("link/a").collect() == Array("text".utf8))
            #expect(try await storage.list("").directories == ["d", "link"])
        }
    }

    @Test func `is led out by no link that is swapped in meanwhile`() async throws {
        try await withTemporaryDirectory { directory in
            let (location, outside) = (directory + "/location", directory + "/outside")
            try FileManager.default.createDirectory(atPath: location + "/d", withIntermediateDirectories: true)
            try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
            try Data("secret".utf8).write(to: URL(fileURLWithPath: outside + "/a"))
            try FileManager.default.createSymbolicLink(
                atPath: location + "/link",
                withDestinationPath: outside
            )
            let storage = FileSystemStorage(location: location)
            let isDone = Shared(false)

            async let swaps = blocking {
                var count = 0
                while !isDone.value {
                    let error = clinux_renameat2(
                        AT_FDCWD,
                        location + "/d",
                        AT_FDCWD,
                        location + "/link",
                        clinux_RENAME_EXCHANGE
                    )
                    count += error == 0 ? 1 : 0
                }
                return count
            }
            for number in 0..<150 {
                let name = "d/\(number % 10)"
                _ = try? await storage.store(.text("x"), as: name, options: StoreOptions(replaces: true))
                _ = try? await storage.delete(name)
                let bytes = try? await storage.open("d/a").collect()
                #expect(bytes == nil)
                if let place = try? await storage.stage(.text("x"), computesSHA256: false).place {
                    _ = try? storage.place(place, as: "d/placed", replacing: true)
                }
            }
            isDone.value = true

            #expect(try await swaps > 0)
            #expect(try tree(outside) == ["a": "secret"])
        }
    }

    @Test func `leaves nothing on a file system that is full`() async throws {
        try await withTemporaryDirectory { directory in
            let location = directory + "/full"
            try FileManager.default.createDirectory(atPath: location, withIntermediateDirectories: true)
            let mount = "mount -t tmpfs -o size=1m tmpfs \(location)"

            // The mount is gone with the process.
            let child = try ChildProcess(
                "store",
                location,
                "d/a",
                "5000000",
                mounting: mount,
                finally: "find \(location) -mindepth 1; df --output=used \(location)"
            )
            let lines = await child.rest()

            #expect(lines.first?.hasPrefix("error full") == true, "\(lines)")
            #expect(lines.first?.contains("no space is left") == true, "\(lines)")
            #expect(lines.last?.trimmingCharacters(in: .whitespaces) == "0", "\(lines)")
            #expect(lines.count == 3, "\(lines)")
        }
    }

    @Test func `says that a file system is read-only`() async throws {
        try await withTemporaryDirectory { location in
            let child = try ChildProcess(
                "store",
                location,
                "a",
                "10",
                mounting: "mount --bind \(location) \(location); mount -o remount,bind,ro \(location)"
            )

            let lines = await child.rest()

            #expect(lines.first?.hasPrefix("error denied") == true, "\(lines)")
            #expect(lines.first?.contains("read-only") == true, "\(lines)")
            #expect(everything(location) == [])
        }
    }

    @Test func `places and replaces in a directory that is another mount`() async throws {
        try await withTemporaryDirectory { location in
            try FileManager.default.createDirectory(atPath: location + "/mnt", withIntermediateDirectories: true)

            let child = try ChildProcess(
                "across",
                location,
                mounting: "mount -t tmpfs tmpfs \(location)/mnt"
            )

            let lines = await child.rest()

            #expect(lines == ["two", "true", "false", "three", "four", "six", "a b c d", "", "clean"])
        }
    }

    @Test(arguments: ["unnamed", "named"])
    func `shows nothing of a file whose writer was killed`(_ kind: String) async throws {
        try await withTemporaryDirectory { location in
            let child = try ChildProcess("half", location, "d/a", kind)
            #expect(await child.lines(1) == ["half"])

            await child.kill()

            let storage = FileSystemStorage(location: location)
            #expect(try tree(location) == [:])
            #expect(try await !storage.exists("d/a"))
            let left = try await storage.temporaries()
            #expect(left.count == (kind == "named" ? 1 : 0))
            for name in left {
                #expect(name.contains("half"))
                try await storage.removeTemporary(name)
            }
            #expect(try await storage.temporaries() == [])
        }
    }

    @Test func `keeps holes, and little in memory`() async throws {
        try await withTemporaryDirectory { directory in
            let source = directory + "/source"
            let descriptor = open(source, O_RDWR | O_CREAT, 0o600)
            let file = OpenFile(descriptor)
            try [UInt8](repeating: 1, count: 100_000).withUnsafeBytes { try file.write($0, at: 3 << 30) }
            #expect(ftruncate(descriptor, 5 << 30) == 0)

            let child = try ChildProcess("file", directory + "/location", "sparse", source)
            let peak = await child.rest().first.flatMap { Int($0) } ?? .max

            #expect(peak < 200_000, "kB")
            var status = stat()
            #expect(stat(directory + "/location/sparse", &status) == 0)
            #expect(status.st_size == 5 << 30)
            #expect(status.st_blocks < 4096)
            let stored = try await FileSystemStorage(location: directory + "/location")
                .open("sparse", range: (3 << 30) - 1..<(3 << 30) + 100_001).collect()
            #expect(stored == [0] + Array(repeating: 1, count: 100_000) + [0])
        }
    }

    @Test func `hashes holes as the zeros that they are`() async throws {
        try await withTemporaryDirectory { directory in
            let file = OpenFile(open(directory + "/source", O_RDWR | O_CREAT, 0o600))
            try [UInt8](repeating: 1, count: 5000).withUnsafeBytes { try file.write($0, at: 1 << 20) }
            #expect(ftruncate(file.descriptor, 3 << 20) == 0)
            let bytes =
                Array(repeating: 0, count: 1 << 20) + Array(repeating: 1, count: 5000)
                + Array(repeating: UInt8(0), count: (2 << 20) - 5000)
            var hash = FileHash()
            hash.update(bytes)

            let stored = try await FileSystemStorage(location: directory + "/location").store(
                FileContent(.open(file)),
                as: "a",
                options: StoreOptions(computesSHA256: true)
            )

            #expect(stored.sha256 == hash.value)
            #expect(stored.size == 3 << 20)
            var status = stat()
            #expect(stat(directory + "/location/a", &status) == 0)
            #expect(status.st_blocks * 512 < 1 << 20)
        }
    }

    @Test func `refuses a content that is no regular file`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = FileSystemStorage(location: directory + "/location")
            #expect(mkfifo(directory + "/fifo", 0o600) == 0)

            await expect(code(.failed)) { try await storage.save("a", .file(directory + "/fifo")) }
            await expect(code(.failed)) { try await storage.save("a", .file(directory)) }
            await expect(code(.notFound)) { try await storage.save("a", .file(directory + "/missing")) }
            let files = try tree(directory + "/location")
            #expect(files == [:])
        }
    }

    @Test func `reads files of the kernel, whose size is unknown`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)

            _ = try await storage.save("version", .file("/proc/version"))

            #expect(try await storage.size("version") > 0)
        }
    }

    @Test func `opens no FIFO, and doesn't wait for one`() async throws {
        try await withTemporaryDirectory { location in
            #expect(mkfifo(location + "/fifo", 0o600) == 0)
            let storage = FileSystemStorage(location: location)

            await expect(code(.failed)) { try await storage.open("fifo") }
        }
    }

    @Test func `takes back the directories that it made for nothing`() async throws {
        try await withTemporaryDirectory { location in
            struct Interruption: Error {}
            let storage = FileSystemStorage(location: location)
            let content = FileContent(.stream(FileReader(size: nil) { { throw Interruption() } }))

            await #expect(throws: Interruption.self) { try await storage.save("d/e/a", content) }

            #expect(everything(location) == [])
        }
    }

    @Test func `lists no name that isn't text`() async throws {
        try await withTemporaryDirectory { location in
            let descriptor = open(Array(location.utf8CString.dropLast()) + [47, -1, -2, 0], O_CREAT | O_WRONLY, 0o600)
            close(descriptor)

            let listing = try await FileSystemStorage(location: location).list("")

            #expect(descriptor >= 0)
            #expect(listing == DirectoryListing(directories: [], files: []))
        }
    }
}

/// Matches a storage's errors by their code.
func code(_ code: StorageError.Code) -> @Sendable (any Error) -> Bool {
    { ($0 as? StorageError)?.code == code }
}

/// Expects an act to throw an error that matches.
func expect(
    _ matches: @Sendable (any Error) -> Bool,
    _ sourceLocation: SourceLocation = #_sourceLocation,
    _ act: () async throws -> some Any
) async {
    do {
        _ = try await act()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
    } catch {
        #expect(matches(error), "\(error)", sourceLocation: sourceLocation)
    }
}
