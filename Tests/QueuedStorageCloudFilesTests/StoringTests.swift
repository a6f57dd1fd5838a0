import FoundationEssentials
@testable import QueuedStorageCloudFiles
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@Suite struct `Storing objects` {
    private static let storage = Task {
        try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift")) { configuration in
            configuration.prefix = "storing/depth"
            configuration.metadata = ["Colour": "blue", "Size": "large"]
        }
    }

    @Test(arguments: [0, 10, 1 << 20, (1 << 20) + 1, 3 << 20])
    func `the server vouches by MD5 for what it stored`(size: Int) async throws {
        let (storage, bytes) = (try await Self.storage.value, pattern(size))

        let stored = try await storage.store(.bytes(bytes), as: "vouched-\(size)", options: StoreOptions())

        #expect(stored.verifiedBy == .md5)
        var digests = Digests(.md5)
        digests.update(bytes)
        #expect(try await storage.checksum("vouched-\(size)") == digests.checksum(.md5))
        #expect(try await storage.open("vouched-\(size)").collect() == bytes)
    }

    @Test func `objects carry their type and the storage's metadata, below its prefix`() async throws {
        let storage = try await Self.storage.value

        _ = try await storage.store(.text("x", contentType: "text/plain"), as: "d/typed", options: StoreOptions())
        _ = try await storage.store(.text("x"), as: "d/told", options: StoreOptions(contentType: "image/png"))

        let fields = try await storage.fields("d/typed")
        #expect(fields["Content-Type"] == "text/plain")
        #expect(fields["X-Object-Meta-Colour"] == "blue")
        #expect(fields["X-Object-Meta-Size"] == "large")
        #expect(try await storage.fields("d/told")["Content-Type"] == "image/png")
        #expect(try await storage.objects().contains("storing/depth/d/typed"))
    }

    @Test func `the server refuses bytes that were damaged on their way`() async throws {
        let storage = try await Self.storage.value
        var request = Account.Request("PUT", storage.path("damaged"), body: UploadBody(Array("other".utf8)))
        request.headers["ETag"] = "900150983cd24fb0d6963f7d28e17f72"

        let answer = try await storage.send(request, needing: "files")

        #expect(answer.status == 422)
        #expect(await answer.swiftFailure("It").code == .damaged)
    }

    @Test func `a large stream that is refused isn't sent`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CloudFilesStorage.tested(server, port: proxy.port)
        _ = try await storage.store(.text("old"), as: "refused", options: StoreOptions(replaces: true))
        let before = proxy.sentByteCount

        let error = await failure {
            try await storage.store(stream(pattern(8 << 20), size: 8 << 20), as: "refused", options: StoreOptions())
        }

        #expect(error?.code == .alreadyExists)
        #expect(proxy.sentByteCount - before < 2 << 20)
        #expect(try await storage.open("refused").collect() == Array("old".utf8))
    }

    @Test func `of many who store under one name in a process one wins`() async throws {
        let storage = try await Self.storage.value

        let winners = try await withThrowingTaskGroup(of: Int?.self) { group in
            for number in 0..<12 {
                group.addTask {
                    do {
                        let bytes = [UInt8](repeating: UInt8(number), count: 100_000)
                        _ = try await storage.store(.bytes(bytes), as: "won", options: StoreOptions())
                        return number
                    } catch let error as StorageError where error.code == .alreadyExists {
                        return nil
                    }
                }
            }
            return try await group.reduce(into: [Int]()) { $0 += $1.map { [$0] } ?? [] }
        }

        #expect(winners.count == 1)
        #expect(try await storage.open("won").collect() == Array(repeating: UInt8(winners[0]), count: 100_000))
    }

    @Test func `many who save under one name get names of their own`() async throws {
        let storage = try await Self.storage.value

        let names = try await withThrowingTaskGroup(of: (String, Int).self) { group in
            for number in 0..<12 {
                group.addTask { (try await storage.save("many.txt", .bytes([UInt8(number)])), number) }
            }
            return try await group.reduce(into: [(String, Int)]()) { $0.append($1) }
        }

        #expect(Set(names.map(\.0)).count == 12)
        for (name, number) in names { #expect(try await storage.open(name).collect() == [UInt8(number)]) }
    }

    @Test func `a store that is cancelled at its end leaves nothing`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CloudFilesStorage.tested(server, port: proxy.port)
        _ = try await storage.store(.text("login"), as: "warm-up", options: StoreOptions(replaces: true))
        // What the server answers comes late, so that the whole content is there before its success is known.
        proxy.delay(by: 0.3)
        let (handedOver, signal) = AsyncStream.makeStream(of: Void.self)

        let task = Task {
            let options = StoreOptions(progress: { count in if count == 600_000 { signal.yield() } })
            return try await storage.store(.bytes(pattern(600_000)), as: "cancelled", options: options)
        }
        for await _ in handedOver { break }
        task.cancel()
        _ = await task.result
        proxy.heal()

        #expect(try await !storage.exists("cancelled"))
    }

    @Test func `an answer that was lost doesn't lose what was stored`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let proxy = try FaultyProxy(to: server.port)
        let storage = try CloudFilesStorage.tested(server, port: proxy.port)
        _ = try await storage.store(.text("login"), as: "warm-up", options: StoreOptions(replaces: true))
        proxy.cut(afterReceiving: 10)

        let stored = try await storage.store(.text("kept"), as: "lost-answer", options: StoreOptions())

        #expect(stored.verifiedBy == .md5)
        #expect(try await storage.open("lost-answer").collect() == Array("kept".utf8))
    }

    @Test func `names of 1024 bytes are kept, and longer ones refused`() async throws {
        let storage = try await Self.storage.value
        let prefix = "storing/depth/".utf8.count
        let parts = Array(repeating: String(repeating: "é", count: 100), count: 5).joined(separator: "/")
        let longest = parts + "/" + String(repeating: "x", count: 1024 - prefix - parts.utf8.count - 1)

        _ = try await storage.store(.text("long"), as: longest, options: StoreOptions())

        #expect(try await storage.open(longest).collect() == Array("long".utf8))
        let error = await failure { try await storage.store(.text("x"), as: longest + "x", options: StoreOptions()) }
        #expect(error?.code == .invalidName)
        #expect(try await !storage.exists(longest + "x"))
    }

    @Test func `2,500 files are listed across pages, each once`() async throws {
        let storage = try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift")) { configuration in
            configuration.container = "pages"
            configuration.pageSize = 1000
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<16 {
                group.addTask {
                    for number in stride(from: worker, to: 2500, by: 16) {
                        let name = number.isMultiple(of: 500) ? "many/dir \(number)/x" : "many/é \(number)"
                        _ = try await storage.store(.text(""), as: name, options: StoreOptions(replaces: false))
                    }
                }
            }
            try await group.waitForAll()
        }

        let listing = try await storage.list("many")

        #expect(listing.directories == [0, 1000, 1500, 2000, 500].map { "dir \($0)" })
        #expect(Set(listing.files).count == 2495)
        #expect(listing.files.count == 2495)
        let serversPages = try CloudFilesStorage.tested(try await TestServer.shared("openstack-swift")) {
            $0.container = "pages"
        }
        #expect(try await serversPages.list("many") == listing)
    }

    @Test func `directories that other programs mark are directories`() async throws {
        let storage = try await Self.storage.value
        for (object, type) in [("marked/", "application/directory"), ("marked/plain", "application/directory")] {
            let body = UploadBody([UInt8]())
            let path = storage.path("storing/depth/" + object)
            let answer = try await storage.send(
                Account.Request("PUT", path, headers: ["Content-Type": type], body: body),
                needing: "files"
            )
            #expect(answer.status == 201)
        }
        _ = try await storage.store(.text("x"), as: "marked/file", options: StoreOptions())

        #expect(try await storage.list("marked") == DirectoryListing(directories: ["plain"], files: ["file"]))
    }

    @Test func `a missing container is an error that says what to do, unless it may be made`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let missing = try CloudFilesStorage.tested(server) {
            ($0.container, $0.createsContainer) = ("no such", false)
        }

        let stored = await failure { try await missing.store(.text("x"), as: "a", options: StoreOptions()) }
        let listed = await failure { try await missing.list("") }

        for error in [stored, listed] {
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("\"no such\" doesn't exist; make it, or set createsContainer=true") == true)
        }
        #expect(try await !missing.exists("a"))
        try await missing.delete("a")
    }

    @Test func `a container that is made is nobody else's to read`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let storage = try CloudFilesStorage.tested(server) { $0.container = "private é" }

        _ = try await storage.store(.text("x"), as: "a", options: StoreOptions())

        let login = try await storage.account.session.login().login
        let anonymous = try await Transport().send(TransportRequest("GET", "\(login.storageURL)/\(storage.path("a"))"))
        #expect(anonymous.status == 401)
        let head = try await storage.account.send(Account.Request("HEAD", "private%20%C3%A9"))
        #expect(head.headers["X-Container-Read"] == nil)
    }

    @Test func `a temporary address can be read by anybody, but not changed`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let key = Secret("key-of-the-container")
        let storage = try CloudFilesStorage.tested(server, temporaryURLKey: key) { $0.container = "shared é" }
        try await storage.post(["X-Container-Meta-Temp-URL-Key": key.value])
        _ = try await storage.store(.text("shared"), as: "a b#c?é.txt", options: StoreOptions())

        let url = try await storage.url("a b#c?é.txt")

        let transport = Transport()
        let answer = try await transport.send(TransportRequest("GET", url))
        #expect(answer.status == 200)
        #expect(try await answer.collect(upTo: 100) == Array("shared".utf8))
        #expect(try await transport.send(TransportRequest("DELETE", url)).status == 401)
        let other = try await transport.send(TransportRequest("GET", url.replacing("a%20b", with: "other")))
        #expect(other.status == 401)
        #expect(!url.contains(key.value))
        await #expect(throws: StorageError.self) { try await storage.url("../x") }
    }

    @Test(arguments: [-86_400.0, 86_400])
    func `a temporary address is valid though our clock is wrong, and not for longer`(seconds: Double) async throws {
        let server = try await TestServer.shared("openstack-swift")
        let key = Secret("key-of-the-container")
        let storage = try CloudFilesStorage.tested(server, temporaryURLKey: key, time: WrongTime(seconds)) {
            $0.container = "skewed"
        }
        try await storage.post(["X-Container-Meta-Temp-URL-Key": key.value])
        _ = try await storage.store(.text("shared"), as: "a", options: StoreOptions(replaces: true))

        let url = try await storage.url("a")

        #expect(try await Transport().send(TransportRequest("GET", url)).status == 200)
        let expires = try #require(url.firstMatch(of: /temp_url_expires=([0-9]+)/).flatMap { Double($0.1) })
        #expect(abs(expires - Date().timeIntervalSince1970 - 3600) < 600)
    }

    @Test func `without a key an address needs a base`() async throws {
        let server = try await TestServer.shared("openstack-swift")
        let plain = try CloudFilesStorage.tested(server)
        let based = try CloudFilesStorage.tested(server) { $0.baseURL = "https://cdn.example/x" }

        #expect(await failure { try await plain.url("a") }?.code == .notSupported)
        #expect(try await based.url("a b") == "https://cdn.example/x/a%20b")
    }

    @Test func `a copy at the server has the same bytes`() async throws {
        let storage = try await Self.storage.value
        let bytes = pattern(200_000)
        _ = try await storage.store(.bytes(bytes, contentType: "image/png"), as: "source é", options: StoreOptions())

        try await storage.copy("source é", to: "copies/new ü")

        #expect(try await storage.open("copies/new ü").collect() == bytes)
        #expect(try await storage.fields("copies/new ü")["Content-Type"] == "image/png")
    }
}

/// The machine's time, with a clock on the wall that is wrong.
private struct WrongTime: TimeSource {
    private let seconds: Double

    init(_ seconds: Double) { self.seconds = seconds }

    var now: Date { Date().addingTimeInterval(seconds) }

    var bootMilliseconds: Int64 { SystemTime().bootMilliseconds }

    func sleep(for duration: Duration) async throws { try await Task.sleep(for: duration) }
}
