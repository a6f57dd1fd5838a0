import Foundation
import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTransport
import Synchronization
import TestSupport
import Testing

/// What a storage makes of a server's refusals.
@Suite struct ErrorTests {
    private func failure(
        _ answer: ScriptedAnswer,
        _ act: (S3Storage) async throws -> Void = { try await $0.store("text", as: "a.txt") }
    ) async throws -> StorageError {
        let bucket = try ScriptedBucket { _, _ in answer }
        let storage = try bucket.storage()
        let error = try #require(await #expect(throws: StorageError.self) { try await act(storage) })
        #expect(!"\(error)".contains("hidden"))
        return error
    }

    @Test(arguments: [
        (403, "AccessDenied", StorageError.Code.denied), (403, "InvalidAccessKeyId", .denied),
        (403, "SignatureDoesNotMatch", .denied), (403, "AllAccessDisabled", .denied),
        (400, "InvalidToken", .denied), (404, "NoSuchBucket", .invalidConfiguration),
        (301, "PermanentRedirect", .invalidConfiguration), (400, "AuthorizationHeaderMalformed", .invalidConfiguration),
        (400, "InvalidStorageClass", .invalidConfiguration), (503, "SlowDown", .throttled),
        (429, "TooManyRequests", .throttled), (400, "EntityTooLarge", .full), (507, "QuotaExceeded", .full),
        (403, "QuotaExceeded", .full), (400, "BadDigest", .damaged), (400, "RequestTimeout", .timedOut),
        (500, "InternalError", .failed), (412, "PreconditionFailed", .alreadyExists), (418, "Teapot", .failed),
    ])
    func `says what a code means`(_ status: Int, _ code: String, _ wanted: StorageError.Code) async throws {
        let error = try await failure(.error(status, code))

        #expect(error.code == wanted)
        #expect(error.name == "a.txt")
        guard wanted != .alreadyExists else { return }
        #expect(error.message.contains("\"a.txt\""))
        #expect(error.message.contains("\(code) (\(status)): Words"))
    }

    @Test(arguments: [
        (403, StorageError.Code.denied), (404, .notFound), (429, .throttled), (500, .failed), (507, .full),
    ])
    func `makes do with a status`(_ status: Int, _ wanted: StorageError.Code) async throws {
        let error = try await failure(ScriptedAnswer(status))

        #expect(error.code == wanted)
        #expect(error.message.contains("with status \(status)"))
    }

    @Test func `a bucket whose own servers are down isn't a bucket that doesn't exist`() async throws {
        let server = try await TestServer.start(S3Server.swift.rawValue)
        let storage = try server.storage()
        try await storage.createBucket()

        try await server.obey("lose container")
        let error = try #require(
            await #expect(throws: StorageError.self) { try await storage.store("text", as: "a.txt") }
        )

        #expect(RetryPolicy().failureClass(of: error) != .permanent, "\(error)")
    }

    @Test func `names the right region`() async throws {
        let error = try await failure(
            .error(400, "AuthorizationHeaderMalformed", "<Region>ap-south-1</Region>")
        )
        #expect(error.message.contains("set region=ap-south-1"))

        let redirect = try await failure(
            .error(301, "PermanentRedirect", fields: ["x-amz-bucket-region": "us-west-2"])
        )
        #expect(redirect.message.contains("set region=us-west-2"))
    }

    @Test(arguments: [
        "<!DOCTYPE html><html><body>Log in</body></html>", "<html><title>Hello</title></html>", "",
    ])
    func `takes no page for an answer of S3`(_ page: String) async throws {
        let answer = ScriptedAnswer(200, ["Content-Type": "text/html"], page)

        let error = try await failure(answer)
        #expect(error.code == .failed)
        #expect(error.message.contains("page for people"))
        #expect(try await failure(answer) { _ = try await $0.open("a.txt") }.code == .failed)
        #expect(try await failure(answer) { _ = try await $0.size("a.txt") }.code == .failed)
        #expect(try await failure(answer) { _ = try await $0.exists("a.txt") }.code == .failed)
        #expect(try await failure(answer) { _ = try await $0.list("") }.code == .failed)
        if page != "" { #expect(try await failure(answer) { try await $0.delete("a.txt") }.code == .failed) }
    }

    @Test func `tells how long a server asks to be left alone, and leaves it alone`() async throws {
        let time = MovableTime()
        let bucket = try ScriptedBucket { _, _ in .error(503, "SlowDown", fields: ["Retry-After": "120"]) }

        let error = await #expect(throws: StorageError.self) { try await bucket.storage(time: time).size("a.txt") }

        #expect(error?.code == .throttled)
        #expect(error?.retryAfter == .seconds(120))
        #expect(bucket.requests.count == 1)
        #expect(time.slept.isEmpty)
    }

    @Test func `tries again what fails in passing, and waits longer each time`() async throws {
        let time = MovableTime()
        let bucket = try ScriptedBucket { count, _ in
            count < 2 ? .error(500, "InternalError") : count < 3 ? .error(503, "SlowDown") : .stored
        }

        try await bucket.storage(time: time).store("text", as: "a.txt")

        #expect(bucket.requests.count == 4)
        #expect(time.slept.count == 3)
        #expect(time.slept.allSatisfy { $0 > .milliseconds(50) && $0 < .seconds(2) })
    }

    @Test func `learns the server's clock, and keeps to it`() async throws {
        let server = Date(timeIntervalSince1970: 1_709_211_909 + 7200)
        let bucket = try ScriptedBucket { _, request in
            let isRight = request.fields["x-amz-date"] == S3Time.basic(server)
            return isRight
                ? .stored : .error(403, "RequestTimeTooSkewed", fields: ["Date": HTTPDate.format(server)])
        }
        let storage = try bucket.storage()

        try await storage.store("text", as: "a.txt")
        try await storage.store("text", as: "b.txt")

        #expect(bucket.requests.count == 3)
    }

    @Test func `learns the clock of a server that may say nothing, as to HEAD`() async throws {
        let server = Date(timeIntervalSince1970: 1_709_211_909 - 7200)
        let bucket = try ScriptedBucket { _, request in
            let isRight = request.fields["x-amz-date"] == S3Time.basic(server)
            return ScriptedAnswer(
                isRight ? 200 : 403,
                ["Date": HTTPDate.format(server), "ETag": "\"x\"", "Content-Length": "5"]
            )
        }

        #expect(try await bucket.storage().size("a.txt") == 5)
        #expect(bucket.requests.count == 2)
    }

    @Test func `gives up a clock that can't be right`() async throws {
        let error = try await failure(
            .error(403, "RequestTimeTooSkewed", fields: ["Date": "Thu, 29 Feb 2024 13:05:09 GMT"])
        )

        #expect(error.code == .failed)
        #expect(error.message.contains("clock"))
    }

    @Test func `renews credentials that expired, once`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/credentials"
            let write = { @Sendable (number: Int) in
                let text = "[default]\naws_access_key_id=AKIA\(number)\naws_secret_access_key=hidden\n"
                try Data((text + "aws_session_token=t\(number)\n").utf8).write(to: URL(fileURLWithPath: path))
            }
            try write(1)
            let bucket = try ScriptedBucket { _, request in
                if request.fields["x-amz-security-token"] == "t2" { return .stored }
                try? write(2)
                return .error(400, "ExpiredToken")
            }
            let storage = try bucket.storage(environment: ["AWS_SHARED_CREDENTIALS_FILE": path]) {
                $0.credentials = nil
            }

            try await storage.store("text", as: "a.txt")
            #expect(bucket.requests.count == 2)

            let stale = try ScriptedBucket { _, _ in .error(400, "ExpiredToken") }
            let error = await #expect(throws: StorageError.self) {
                try await stale.storage().store("text", as: "a.txt")
            }
            #expect(error?.code == .denied)
            #expect(stale.requests.count == 1)
        }
    }

    @Test func `finds no name free that an own try took before its answer was lost`() async throws {
        let bucket = try ScriptedBucket { count, request in
            switch (count, request.method) {
            case (0, _): .error(500, "InternalError")
            case (_, "PUT"): .error(412, "PreconditionFailed")
            default: ScriptedAnswer(200, ["ETag": "\"1cb251ec0d568de6a929b520c4aed8d1\"", "Content-Length": "4"])
            }
        }

        let stored = try await bucket.storage().store("text", as: "a.txt")

        #expect(stored.name == "a.txt")
        #expect(bucket.requests.map(\.method) == ["PUT", "PUT", "HEAD"])
    }

    @Test func `removes what was damaged on the way, and says so`() async throws {
        let bucket = try ScriptedBucket { _, request in
            request.method == "PUT"
                ? ScriptedAnswer(200, ["ETag": "\"00000000000000000000000000000000\""]) : ScriptedAnswer(204)
        }

        let error = await #expect(throws: StorageError.self) {
            try await bucket.storage().store("text", as: "a.txt")
        }

        #expect(error?.code == .damaged)
        #expect(bucket.requests.map(\.method) == ["PUT", "DELETE"])
    }

    @Test func `believes no tag that isn't an MD5, and every checksum that is ours`() async throws {
        let answers: [([String: String], Checksum.Algorithm?)] = [
            (["ETag": "\"opaque\""], nil),
            (["ETag": "\"00000000000000000000000000000000\"", "x-amz-server-side-encryption": "aws:kms"], nil),
            (["ETag": "\"1cb251ec0d568de6a929b520c4aed8d1\"", "x-amz-server-side-encryption": "AES256"], .md5),
            (["ETag": "\"opaque\"", "x-amz-checksum-sha256": "mC2ePrmW9VnmM/TRlN7zdh2Qn1o7ZH0ahR/q1nwyydE="], .sha256),
        ]
        for (fields, wanted) in answers {
            let bucket = try ScriptedBucket { _, _ in ScriptedAnswer(200, fields) }

            let stored = try await bucket.storage().store("text", as: "a.txt")

            #expect(stored.verifiedBy == wanted)
        }
    }

    @Test func `learns that a server knows no conditions, and looks first from then on`() async throws {
        let bucket = try ScriptedBucket { _, request in
            if request.method == "HEAD" { return ScriptedAnswer(404) }
            return request.fields["if-none-match"] == nil ? .stored : .error(501, "NotImplemented")
        }
        let storage = try bucket.storage()

        try await storage.store("text", as: "a.txt")
        #expect(try await !storage.isExclusive)
        try await storage.store("text", as: "b.txt")

        #expect(bucket.requests.map(\.method) == ["PUT", "HEAD", "PUT", "HEAD", "PUT"])
    }

    @Test func `notices a server that only pretends to know conditions`() async throws {
        let bucket = try ScriptedBucket { _, request in
            request.method == "PUT" ? .stored : ScriptedAnswer(request.method == "HEAD" ? 404 : 204)
        }
        let storage = try bucket.storage { $0.conditionalWrites = .automatic }

        #expect(try await !storage.isExclusive)
        #expect(bucket.requests.map(\.method) == ["PUT", "PUT", "DELETE"])
        #expect(bucket.requests.allSatisfy { $0.target == "/photos/.qstore/condition" })
        try await storage.store("text", as: "a.txt")
        #expect(bucket.requests.dropFirst(3).map(\.method) == ["HEAD", "PUT"])
    }

    @Test func `fails when completing fails after the answer began`() async throws {
        let bucket = try ScriptedBucket { _, request in
            if request.target.hasSuffix("?uploads=") {
                return ScriptedAnswer(
                    200,
                    [:],
                    "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>"
                )
            }
            switch request.method {
            case "PUT":
                var digests = Digests(.md5)
                digests.update(request.body)
                return ScriptedAnswer(200, ["ETag": "\"\(digests.checksum(.md5).value)\""])
            case "POST": return .error(200, "AccessDenied")
            case "HEAD": return ScriptedAnswer(404)
            default: return ScriptedAnswer(204)
            }
        }
        let storage = try bucket.storage {
            $0.multipartFrom = 5 << 20
            $0.partSize = 5 << 20
        }

        let error = await #expect(throws: StorageError.self) {
            try await storage.store(.bytes(pattern(6 << 20)), as: "a.bin", options: StoreOptions())
        }

        #expect(error?.code == .denied)
        #expect(bucket.requests.last?.method == "DELETE")
        #expect(bucket.requests.last?.target == "/photos/a.bin?uploadId=u")
    }
}

extension S3Storage {
    @discardableResult
    func store(_ text: String, as name: String) async throws -> StoredObject {
        try await store(.text(text), as: name, options: StoreOptions())
    }
}
