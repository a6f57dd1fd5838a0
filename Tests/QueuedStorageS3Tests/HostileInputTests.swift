import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport
import TestSupport
import Testing

@testable import QueuedStorageS3

/// What a server of S3, and who writes its keys and uploads down, can say.
@Suite(.serialized) struct HostileInputTests {
    private static let listing = """
        <?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>a.txt</Key><Size>5</Size>\
        </Contents><Contents><Key>..</Key></Contents><Contents><Key>%2Fetc%2Fpasswd</Key></Contents><CommonPrefixes>\
        <Prefix>d/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>../</Prefix></CommonPrefixes></ListBucketResult>
        """

    @Test func `documents`() async throws {
        let examples = [
            Self.listing, "<Error><Code>SlowDown</Code><Message>x</Message><Region>eu</Region></Error>",
            "<CompleteMultipartUploadResult><ETag>&quot;0-99999999999999999999&quot;</ETag></CompleteMultipartUploadResult>",
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
            String(repeating: "<a>", count: 20_000),
            "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;\">]><l>&c;</l>",
        ]
        try await HostileInput("s3-documents", examples, words: ["<Key>", "</Key>", "<Prefix>", "&e;"]).attack {
            bytes in
            guard let node = XMLTree.parse(bytes) else { return }
            try hold(!node.text.contains("root:"), "a file of this machine was read")
            let size = byteCount(node)
            try hold(size <= 4 * bytes.count + 4096, "\(bytes.count) bytes became \(size)")
            let failure = S3Failure(status: 500, headers: [:], error: node)
            _ = (failure.sentence, failure.storageCode, failure.error("read", "a", bucket: "b").description)
        }
    }

    @Test func `heads`() async throws {
        let examples = [
            "Content-Length: -5\nETag: \"x\"\nLast-Modified: Sun, 06 Nov 9223372036854775807 08:49:37 GMT",
            "Content-Length: 99999999999999999999\nETag: \"0123456789abcdef0123456789abcdef-2\"\nx-amz-checksum-sha256: ====",
            "ETag: \"\nx-amz-checksum-crc32c: AAAA\nx-amz-checksum-type: COMPOSITE\nRetry-After: 1e300",
        ]
        try await HostileInput("s3-heads", examples).attack { bytes in
            var fields = HeaderFields()
            for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
                let halves = line.split(separator: ": ", maxSplits: 1).map(String.init)
                fields.add(halves.first ?? "", halves.last ?? "")
            }
            let description = S3Description(fields)
            try hold(description.size >= 0, "a file has \(description.size) bytes")
            _ = S3Failure(status: 503, headers: fields, error: nil).retryAfter
        }
    }

    @Test func `keys, endpoints, and what a catalog keeps of uploads`() async throws {
        let examples = [
            "s3 1\nkey a.txt\nupload id\npart 1 9223372036854775807 x x\npart 2 9223372036854775807 x x\npart -1 -5 x x\n",
            "s3 1\nkey %zz\nupload x\n", "s3 1\nkey a\nupload ../../x?y&z\npart 1 5242880 x \"/><\n",
            "[default]\naws_access_key_id = a\naws_secret_access_key = b # c\n[profile x\n]\n=\n[]\n \n=x",
            "2030-01-01T00:00:00Z", "99999999999999999999-01-01T00:00:00.99999999999999999999Z", "-1-13-32T25:61:61Z",
            "https://[::1]:99999/x?y#z", "http://u:p@h", "http://", "..", "a/../b", "a%2Fb+c%00",
            #"{"AccessKeyId":"a","SecretAccessKey":"b","Token":null,"Expiration":"9999-99-99T99:99:99Z"}"#,
        ]
        try await HostileInput("s3-texts", examples, words: ["part ", "key ", "T00:00:00Z", "aws_"]).attack { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            if let record = UploadRecord(text) {
                let parts = record.beginning
                try hold(parts.allSatisfy { $0.size >= 0 }, "a part has a negative size")
                let sum = parts.reduce((Int64(0), false)) { sum, part in
                    let (value, overflow) = sum.0.addingReportingOverflow(part.size)
                    return (value, sum.1 || overflow)
                }
                try hold(!sum.1, "its parts are larger than all numbers")
                try hold(UploadRecord(record.text) == record, "it was written, and read otherwise")
            }
            _ = (ProfileFiles.parse(text), S3Time.timestamp(text), try? S3Location(text), S3Encoding.listedKey(text))
            _ = try? S3Endpoint(bucket: "photos", region: "r", endpoint: text, addressing: .automatic)
            let environment = ProcessEnvironment(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"])
            do {
                _ = try await ContainerCredentials(environment, service: Repeating(body: bytes)).credentials()
            } catch is StorageError {}
        }
    }

    @Test func `conversations`() async throws {
        let xml: KeyValuePairs = ["Content-Type": "application/xml", "ETag": "\"1cb251ec0d568de6a929b520c4aed8d1\""]
        let endless = Self.listing.replacing(
            "<IsTruncated>false",
            with: "<NextContinuationToken>t</NextContinuationToken><IsTruncated>true"
        )
        let examples = [
            answer(200, xml, Self.listing), answer(404, xml, "<Error><Code>NoSuchKey</Code></Error>"),
            answer(200, xml, endless),
            answer(
                206,
                ["Content-Range": "bytes 1-2/5", "Last-Modified": "Sun, 06 Nov 9223372036854775807 08:49:37 GMT"],
                "bc"
            ),
            "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            answer(503, ["Retry-After": "99999999999999999999"]),
            answer(206, ["Content-Range": "bytes 9223372036854775807-0/*"], "x"),
        ]
        let server = try HostileServer.http()
        try await HostileInput("s3-conversations", examples, words: ["<IsTruncated>true", "<Key>"], cost: 40).attack {
            bytes in
            server.say(bytes)
            var options = S3Options()
            options.endpoint = server.url
            options.region = "eu-west-1"
            options.credentials = S3Credentials(accessKeyID: "AKIA1", secretAccessKey: "hidden/1")
            options.idleTimeout = .seconds(2)
            let storage = try S3Storage("photos", options, environment: ProcessEnvironment([:]), time: MovableTime())
            try await interrogate(storage)
        }
    }

    private func byteCount(_ node: XMLTree) -> Int {
        node.children.reduce(node.text.utf8.count + node.name.utf8.count) { $0 + byteCount($1) }
    }

    private struct Repeating: MetadataService {
        let body: [UInt8]

        func ask(
            _ method: String,
            _ url: String,
            headers: [(name: String, value: String)]
        ) async throws -> (status: Int, body: [UInt8]) { (200, body) }
    }
}
