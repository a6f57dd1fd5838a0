import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTransport
import TestSupport
import Testing

/// What reaches the servers, and what comes back from them.
@Suite struct StoringTests {
    /// Small parts, so that little is much.
    private func inParts(_ server: S3Server, _ bucket: String = "parts") async throws -> S3Storage {
        try await server.storage(bucket) {
            $0.multipartFrom = 5 << 20
            $0.partSize = 5 << 20
        }
    }

    @Test(arguments: S3Server.allCases)
    func `sends a large file in parts, and proves it`(_ server: S3Server) async throws {
        let storage = try await inParts(server)
        let bytes = pattern(64 << 20)
        let last = Shared<Int64>(0)
        let options = StoreOptions(computesSHA256: true, progress: { last.value = $0 })

        let stored = try await storage.store(.bytes(bytes), as: "d/large.bin", options: options)

        #expect(stored.size == 64 << 20)
        #expect(stored.verifiedBy == .md5)
        var digests = Digests(.sha256)
        digests.update(bytes)
        #expect(stored.sha256 == digests.checksum(.sha256).value)
        #expect(last.value == 64 << 20)
        #expect(try await storage.open("d/large.bin").sha256() == stored.sha256)
        #expect(
            try await storage.open("d/large.bin", range: (5 << 20) - 1..<(5 << 20) + 1).collect()
                == Array(
                    bytes[(5 << 20) - 1..<(5 << 20) + 1]
                )
        )
        #expect(try await storage.leftovers().isEmpty)
        try await storage.delete("d/large.bin")
    }

    @Test(arguments: S3Server.allCases)
    func `overwrites no file that it sends in parts`(_ server: S3Server) async throws {
        let storage = try await inParts(server, "taken")
        try await storage.store("old", as: "taken.bin")

        let error = await #expect(throws: StorageError.self) {
            try await storage.store(.bytes(pattern(6 << 20)), as: "taken.bin", options: StoreOptions())
        }
        #expect(error?.code == .alreadyExists)

        let options = StoreOptions(replaces: true)
        #expect(try await storage.store(.bytes(pattern(6 << 20)), as: "taken.bin", options: options).size == 6 << 20)
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test(arguments: S3Server.allCases)
    func `leaves no parts of a file whose content ends too early`(_ server: S3Server) async throws {
        let storage = try await inParts(server, "early")
        let content = FileContent.stream([pattern(6 << 20), pattern(5 << 20)].async, size: 64 << 20)

        let error = await #expect(throws: StorageError.self) {
            try await storage.store(content, as: "early.bin", options: StoreOptions())
        }

        #expect(error?.code == .damaged)
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await !storage.exists("early.bin"))
    }

    @Test(arguments: S3Server.allCases)
    func `leaves no parts of a file whose store is cancelled`(_ server: S3Server) async throws {
        let storage = try await inParts(server, "cancelled")
        let (pieces, hand) = AsyncStream.makeStream(of: [UInt8].self)
        let (isSending, sending) = AsyncStream.makeStream(of: Void.self)
        hand.yield(pattern(11 << 20))

        let task = Task {
            try await storage.store(
                .stream(pieces, size: 64 << 20),
                as: "x.bin",
                options: StoreOptions(progress: { if $0 > 0 { sending.finish() } })
            )
        }
        for await _ in isSending {}
        task.cancel()

        let result = await task.result
        #expect(throws: (any Error).self) { try result.get() }
        #expect(try await storage.leftovers().isEmpty)
        #expect(try await !storage.exists("x.bin"))
    }

    @Test(arguments: S3Server.allCases)
    func `finds and removes what an attempt left`(_ server: S3Server) async throws {
        let storage = try await inParts(server, "leftovers")
        let below = try await server.storage("leftovers") {
            $0.location = "sub dir+"
            $0.multipartFrom = 5 << 20
        }
        for (storage, name) in [(storage, "a b#ü.bin"), (storage, "c.bin"), (below, "d.bin")] {
            let upload = Upload(id: "u", name: name)
            _ = try await storage.append(.bytes(pattern(6 << 20)), to: upload, at: 0, options: StoreOptions())
        }

        let found = try await below.leftovers()
        #expect(found.map(\.purpose) == ["d.bin"])
        #expect(try await storage.leftovers().map(\.purpose).sorted() == ["a b#ü.bin", "c.bin", "sub dir+/d.bin"])
        #expect(found.first?.touchedAt != nil)
        for leftover in try await storage.leftovers() {
            try await storage.remove(leftover)
            try await storage.remove(leftover)
        }
        #expect(try await storage.leftovers().isEmpty)
    }

    @Test(arguments: S3Server.allCases)
    func `copies within the server, names of all kinds`(_ server: S3Server) async throws {
        let storage = try await server.storage()
        let source = "copies/a b+%41ü.txt"
        try? await storage.delete("copies/x?y#z")
        _ = try await storage.store(.text("text"), as: source, options: StoreOptions(replaces: true))

        try await storage.copy(source, to: "copies/x?y#z")

        #expect(try await storage.open("copies/x?y#z").collect() == Array("text".utf8))
    }

    @Test(arguments: S3Server.allCases)
    func `lists 2,500 files over three pages`(_ server: S3Server) async throws {
        let storage = try await server.storage("many")
        let names = (0..<2500).map { "n&<\($0 + 1000)>" }
        let missing = Set(names).subtracting(try await storage.list("").files)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, name) in missing.enumerated() {
                if index >= 8 { try await group.next() }
                group.addTask { try await storage.store("", as: name) }
            }
            try await group.waitForAll()
        }

        #expect(try await storage.list("").files == names.sorted())
    }

    @Test(arguments: S3Server.allCases)
    func `vouches for its files by their checksums`(_ server: S3Server) async throws {
        let kinds: [(Checksum.Algorithm?, Checksum.Algorithm)] = [(nil, .md5), (.sha256, .sha256), (.crc32c, .crc32c)]
        for (algorithm, wanted) in kinds {
            let storage = try await server.storage { $0.checksum = algorithm }

            let stored = try await storage.store(
                .text("abc"),
                as: "sum-\(wanted)",
                options: StoreOptions(replaces: true)
            )

            let checksum = try await storage.checksum("sum-\(wanted)")
            let known = [
                Checksum.Algorithm.sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                .md5: "900150983cd24fb0d6963f7d28e17f72", .crc32c: "364b3fb7",
            ]
            // OpenStack Swift keeps MD5 only.
            let kept = server == .moto ? wanted : .md5
            #expect(checksum == Checksum(kept, known[kept] ?? ""))
            #expect(stored.verifiedBy != nil)
        }
    }

    @Test func `gives objects what the options say`() async throws {
        let storage = try await S3Server.moto.storage("headers") {
            $0.storageClass = "STANDARD_IA"
            $0.encryption = .aes256
            $0.cacheControl = "max-age=60"
            $0.contentDisposition = "attachment; filename=\"x y\""
            $0.metadata = ["Owner": "web team"]
            $0.acl = "private"
            $0.requesterPays = true
            $0.multipartFrom = 5 << 20
        }
        try await storage.store("text", as: "small.JPG")
        _ = try await storage.store(
            .bytes(pattern(6 << 20)),
            as: "large.bin",
            options: StoreOptions(contentType: "x/y")
        )
        try await storage.copy("small.JPG", to: "copy.jpg")

        for (name, type) in [("small.JPG", "image/jpeg"), ("large.bin", "x/y"), ("copy.jpg", "image/jpeg")] {
            let answer = try await Transport().send(
                TransportRequest("HEAD", try await storage.signedURL(name, method: "HEAD"))
            )
            #expect(answer.headers["Content-Type"] == type)
            #expect(answer.headers["x-amz-storage-class"] == "STANDARD_IA")
            #expect(answer.headers["x-amz-server-side-encryption"] == "AES256")
            #expect(answer.headers["Cache-Control"] == "max-age=60")
            #expect(answer.headers["Content-Disposition"] == "attachment; filename=\"x y\"")
            #expect(answer.headers["x-amz-meta-owner"] == "web team")
        }
    }
}

extension Array where Element: Sendable {
    /// The elements as a sequence that could wait.
    var async: AsyncStream<Element> {
        AsyncStream { continuation in
            for element in self { continuation.yield(element) }
            continuation.finish()
        }
    }
}
