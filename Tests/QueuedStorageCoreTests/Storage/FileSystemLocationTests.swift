import Foundation
import Glibc
import QueuedStorageCore
import TestSupport
import Testing

/// What a directory is to its storage: it may be missing, replaced, shared with other processes, or fed by a drop folder.
@Suite struct FileSystemLocationTests {
    @Test func `is offline if its directory is missing and isn't to be made`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = FileSystemStorage(location: directory + "/missing", createsLocation: false)

            await expect(code(.offline)) { try await storage.save("a", .text("x")) }
            await expect(code(.offline)) { try await storage.exists("a") }
            await expect(code(.offline)) { try storage.identity() }
            #expect(everything(directory) == [])
        }
    }

    @Test func `is offline once its directory vanished, and comes back with it`() async throws {
        try await withTemporaryDirectory { directory in
            let storage = FileSystemStorage(location: directory + "/location")
            _ = try await storage.save("a", .text("x"))

            rename(directory + "/location", directory + "/away")
            await expect(code(.offline)) { try await storage.open("a") }
            await expect(code(.offline)) { try await storage.save("b", .text("x")) }
            rename(directory + "/away", directory + "/location")

            #expect(try await storage.open("a").collect() == Array("x".utf8))
        }
    }

    @Test func `is offline while another directory is in the place of its own`() async throws {
        try await withTemporaryDirectory { directory in
            let location = directory + "/location"
            let storage = FileSystemStorage(location: location)
            let identity = try storage.identity()
            let place = try await storage.stage(.text("x"), computesSHA256: false).place

            // As an unmounted disk leaves its mount point.
            rename(location, directory + "/away")
            mkdir(location, 0o755)
            await expect(code(.offline)) { try await storage.save("b", .text("x")) }
            await expect(code(.offline)) { try storage.place(place, as: "a", replacing: false) }
            #expect(everything(location) == [])
            rmdir(location)
            rename(directory + "/away", location)

            #expect(try storage.identity() == identity)
            #expect(try storage.place(place, as: "a", replacing: false))
        }
    }

    @Test func `has the fingerprint of the real directory`() async throws {
        try await withTemporaryDirectory { directory in
            mkdir(directory + "/real", 0o755)
            symlink("real", directory + "/link")

            #expect(FileSystemStorage(location: directory + "/link").fingerprint == "file:\(directory)/real")
            #expect(FileSystemStorage(location: directory + "/real/../real/").fingerprint == "file:\(directory)/real")
        }
    }

    @Test func `has one identifier for all processes`() async throws {
        try await withTemporaryDirectory { location in
            let children = try (0..<4).map { _ in try ChildProcess("identity", location) }

            var identities: Set<String> = []
            for child in children { identities.formUnion(await child.rest()) }

            let identity = try FileSystemStorage(location: location).identity()
            #expect(identities == [identity])
        }
    }

    @Test func `notices the death of another process by the lock of its token`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)
            let child = try ChildProcess("hold", location)
            let said = await child.lines(2)
            let (token, place) = (said[0], said[1])

            #expect(try storage.isAlive(token))
            #expect(try storage.isOwnerAlive(ofPlace: place))
            #expect(try storage.takeOver(token) == nil)
            #expect(try storage.deadTokens() == [])
            await child.kill()

            #expect(try !storage.isAlive(token))
            #expect(try storage.deadTokens() == [token])
            let dead = try #require(try storage.takeOver(token))
            #expect(dead.places == [place])
            #expect(try storage.place(place, as: "a", replacing: false))
            try dead.forget()
            #expect(try storage.deadTokens() == [])
        }
    }

    @Test func `leaves no token behind when it ends with nothing staged`() async throws {
        try await withTemporaryDirectory { location in
            let place = try await FileSystemStorage(location: location).withPlace { storage, place in
                _ = try storage.place(place, as: "a", replacing: false)
                return place
            }

            #expect(!everything(location).contains(".qstore/staging/" + place.split(separator: "/")[1]))
            #expect(try FileSystemStorage(location: location).deadTokens() == [])
        }
    }

    @Test func `takes another token if somebody clears the private folder`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)
            let token = try storage.token()

            try FileManager.default.removeItem(atPath: location + "/.qstore/owners/" + token)

            #expect(try storage.token() != token)
        }
    }

    @Test func `frees large files later`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)
            _ = try await storage.save("small", .text("x"))
            _ = try await storage.save("large", .text("x"))
            truncate(location + "/large", 65 << 20)

            try storage.removeCopy("small", place: nil)
            try storage.removeCopy("large", place: nil)

            #expect(try tree(location) == [:])
            #expect(everything(location).filter { $0.hasPrefix(".qstore/trash/") }.count == 1)
            try storage.emptyTrash()
            #expect(everything(location).filter { $0.hasPrefix(".qstore/trash/") } == [])
        }
    }

    @Test func `makes its private folders private`() async throws {
        try await withTemporaryDirectory { location in
            let storage = FileSystemStorage(location: location)
            _ = try await storage.stage(.text("x"), computesSHA256: false)

            for folder in [".qstore", ".qstore/staging", ".qstore/owners", ".qstore/staging/\(try storage.token())"] {
                var status = stat()
                #expect(stat(location + "/" + folder, &status) == 0)
                #expect(status.st_mode & 0o777 == 0o700, "\(folder)")
            }
        }
    }

    // MARK: Drop folders

    @Test func `keeps a taken file where it lies if nobody else can write to it`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let taken = try inbox.take("dropped", isOurs: true)

            let staged = try await storage.stage(taken)

            #expect(staged.place == "inbox/inbox1/token1/id1")
            #expect(staged.size == 7)
            let content = try storage.content(of: "a", place: staged.place)
            #expect(try await content.reader().collect() == Array("dropped".utf8))
            #expect(try storage.place(staged.place, as: "d/a", replacing: false))
            try storage.sync(names: ["d/a"], places: [staged.place])
            #expect(try !storage.place(staged.place, as: "d/a", replacing: false))
            #expect(try tree(location) == ["d/a": "dropped"])
            #expect(!FileManager.default.fileExists(atPath: inbox.entry))
        }
    }

    @Test func `copies a taken file that somebody else may write to`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let taken = try inbox.take("dropped", isOurs: false)

            let staged = try await storage.stage(taken)

            #expect(staged.place.hasPrefix("staging/"))
            #expect(try storage.place(staged.place, as: "a", replacing: false))
            #expect(try tree(location) == ["a": "dropped"])
            #expect(FileManager.default.fileExists(atPath: inbox.entry))
        }
    }

    @Test func `copies a taken file that has a second name`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let taken = try inbox.take("dropped", isOurs: true)
            link(inbox.entry, inbox.path + "/second")

            #expect(try await storage.stage(taken).place.hasPrefix("staging/"))
        }
    }

    @Test func `copies a taken file from a bind mount, which can't be renamed from`() async throws {
        try await withDropFolder { inbox, location in
            _ = try inbox.take("dropped", isOurs: true)
            let child = try ChildProcess(
                "take",
                location,
                inbox.path,
                mounting: "mount --bind \(inbox.path) \(inbox.path)"
            )

            let lines = await child.rest()

            #expect(lines.first?.hasPrefix("staging/") == true, "\(lines)")
            #expect(lines.last == "true")
            #expect(try tree(location) == ["a": "dropped"])
        }
    }

    @Test func `finds nothing in a drop folder that is another one than it was`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let place = try await storage.stage(inbox.take("dropped", isOurs: true)).place

            try Data("other\n".utf8).write(to: URL(fileURLWithPath: inbox.path + "/.qstore/id"))

            await expect(code(.offline)) { try storage.place(place, as: "a", replacing: false) }
            await expect(code(.offline)) { try storage.content(of: "a", place: "inbox/unknown/t/i") }
            #expect(try tree(location) == [:])
        }
    }

    @Test func `places nothing that a taken entry's link points to`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let place = try await storage.stage(inbox.take("dropped", isOurs: true)).place
            unlink(inbox.entry)
            symlink("/etc/passwd", inbox.entry)

            await expect(code(.failed)) { try storage.place(place, as: "a", replacing: false) }
            await expect(code(.invalidName)) { try storage.content(of: "a", place: place) }
            #expect(try tree(location) == [:])
        }
    }

    @Test func `tells by the drop folder's own tokens whether a taker lives`() async throws {
        try await withDropFolder { inbox, location in
            let storage = FileSystemStorage(location: location)
            let folder = TokenFolder(root: try Directory(path: inbox.path))
            let (token, lock) = try folder.take()
            try storage.register(inbox.registration)

            #expect(try storage.isOwnerAlive(ofPlace: "inbox/inbox1/\(token)/id"))
            #expect(try !storage.isOwnerAlive(ofPlace: "inbox/inbox1/token1/id"))
            withExtendedLifetime(lock) {}
        }
    }
}

/// A drop folder on the location's file system.
struct TestInbox {
    let path: String
    var entry: String { path + "/.qstore/taken/token1/id1" }
    var registration: DropFolderRegistration { DropFolderRegistration(id: "inbox1", path: path, storage: "s") }

    func take(_ text: String, isOurs: Bool) throws -> TakenFile {
        try Data(text.utf8).write(to: URL(fileURLWithPath: entry))
        let file = try OpenFile(source: entry)
        return TakenFile(
            inbox: path,
            inboxID: "inbox1",
            entry: "token1/id1",
            isOurs: isOurs,
            file: file,
            status: try file.status()
        )
    }
}

private func withDropFolder(_ body: (TestInbox, String) async throws -> Void) async throws {
    try await withTemporaryDirectory { directory in
        let inbox = TestInbox(path: directory + "/inbox")
        try FileManager.default.createDirectory(
            atPath: inbox.path + "/.qstore/taken/token1",
            withIntermediateDirectories: true
        )
        try Data("inbox1\n".utf8).write(to: URL(fileURLWithPath: inbox.path + "/.qstore/id"))
        try await body(inbox, directory + "/location")
    }
}

extension FileSystemStorage {
    fileprivate func withPlace<Value>(_ body: (Self, String) throws -> Value) async throws -> Value {
        try body(self, try await stage(.text("x"), computesSHA256: false).place)
    }
}
