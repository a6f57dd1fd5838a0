import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTransport
import TestSupport
import Testing

/// Our signatures, before a server that checks them.
@Suite struct SignatureTests {
    @Test func `is let in with every kind of name`() async throws {
        let storage = try await S3Server.swift.storage("names") { $0.location = "pre fix/ü+%" }

        for name in ["a b", "a+b", "100%", "%41", "q?x=y&z", "#", "ü/日本語", "~'()*!", "new\nline", "e\u{301}"] {
            _ = try await storage.store(.text(name), as: name, options: StoreOptions(replaces: true))
            #expect(try await storage.open(name).collect() == Array(name.utf8))
            let answer = try await Transport().send(TransportRequest("GET", try await storage.url(name)))
            #expect(answer.status == 200)
            #expect(try await answer.collect(upTo: 1000) == Array(name.utf8))
        }
    }

    @Test func `isn't let in with another secret`() async throws {
        let storage = try await S3Server.swift.storage {
            $0.credentials = S3Credentials(accessKeyID: "test:tester", secretAccessKey: "hidden-and-wrong")
        }

        let error = await #expect(throws: StorageError.self) { try await storage.list("") }
        #expect(error?.code == .denied)
        #expect(error?.message.contains("SignatureDoesNotMatch") == true)
        #expect(error?.description.contains("hidden") == false)
        // HEAD is refused without a word.
        let bare = await #expect(throws: StorageError.self) { try await storage.size("a.txt") }
        #expect(bare?.code == .denied)
        let stored = await #expect(throws: StorageError.self) { try await storage.store("text", as: "a.txt") }
        #expect(stored?.code == .denied)
    }

    @Test func `isn't let in with an unknown key, nor without any`() async throws {
        // What isn't signed is no request of S3 for OpenStack Swift, and refused as its own.
        let unknown = try await S3Server.swift.storage {
            $0.credentials = S3Credentials(accessKeyID: "test:nobody", secretAccessKey: "hidden")
        }
        let anonymous = try await S3Server.swift.storage {
            $0.credentials = nil
            $0.isAnonymous = true
        }

        for storage in [unknown, anonymous] {
            let error = await #expect(throws: StorageError.self) { try await storage.list("") }
            #expect(error?.code == (storage === unknown ? .denied : .failed))
        }
    }

    @Test func `makes addresses that nobody can change`() async throws {
        let storage = try await S3Server.swift.storage("signed")
        for name in ["a.txt", "b.txt"] {
            _ = try await storage.store(.text("text"), as: name, options: StoreOptions(replaces: true))
        }
        let address = try await storage.url("a.txt")
        let longer = address.replacing("X-Amz-Expires=3600", with: "X-Amz-Expires=7200")
        let other = address.replacing("a.txt", with: "b.txt")

        #expect(try await Transport().send(TransportRequest("GET", address)).status == 200)
        #expect(longer != address && other != address)
        #expect(try await Transport().send(TransportRequest("GET", longer)).status == 403)
        #expect(try await Transport().send(TransportRequest("GET", other)).status == 403)
        #expect(try await Transport().send(TransportRequest("PUT", address, body: .bytes([1]))).status == 403)
    }

    @Test func `notices a clock that is wrong, and goes by the server's`() async throws {
        let time = MovableTime()
        let storage = try await S3Server.swift.storage("skewed", time: time)

        _ = try await storage.store(.text("text"), as: "a.txt", options: StoreOptions(replaces: true))

        #expect(try await storage.size("a.txt") == 4)
    }

    @Test func `says that a bucket isn't there`() async throws {
        let storage = try await S3Server.swift.shared.storage("no-such-bucket")

        let error = await #expect(throws: StorageError.self) { try await storage.list("") }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("NoSuchBucket") == true)
    }
}
