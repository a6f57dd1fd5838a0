import Foundation
import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTransport
import TestSupport
import Testing

/// A request that another program signed.
struct SignedCase: Sendable, CustomStringConvertible {
    var id: String
    var request: SignableRequest
    var url: String
    var credentials: S3Credentials
    var region: String
    var date: Date
    var payloadHash: String
    var authorization: String
    var validity: Duration
    var presigned: String

    var description: String { id }

    /// What `Tests/Fixtures/s3_signatures.py` recorded of botocore.
    static let all: [SignedCase] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Fixtures/s3_signatures.json")
        do {
            let file = try JSONDecoder().decode(JSON.self, from: Data(contentsOf: path))
            return try (file.cases?.array ?? []).map { try SignedCase($0) }
        } catch {
            fatalError("The signatures in \(path.path) can't be read: \(error)")
        }
    }()

    private init(_ json: JSON) throws {
        let text = { (key: String) throws -> String in try #require(json[key]?.string) }
        let pairs = { (key: String) in
            (json[key]?.object ?? [:]).map { (name: $0.key, value: $0.value.string ?? "") }
        }
        id = try text("id")
        url = try text("url")
        let address = try #require(URLComponents(string: url))
        let port = address.port.map { $0 == 443 ? "" : ":\($0)" } ?? ""
        request = SignableRequest(
            try text("method"),
            host: (address.host ?? "") + port,
            path: address.percentEncodedPath,
            query: pairs("query"),
            headers: pairs("headers")
        )
        credentials = S3Credentials(
            accessKeyID: try text("accessKeyID"),
            secretAccessKey: try text("secretAccessKey"),
            sessionToken: json["sessionToken"]?.string
        )
        region = try text("region")
        date = try #require(basicDate(try text("date")))
        payloadHash = try text("payloadHash")
        authorization = try text("authorization")
        validity = .seconds(json["validity"]?.int ?? 0)
        presigned = try text("presigned")
    }
}

/// An instant such as `20130524T000000Z`.
func basicDate(_ text: String) -> Date? {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(secondsFromGMT: 0)
    formatter.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
    return formatter.date(from: text)
}

/// The parameters of an address, decoded, in no order.
func parameters(of url: String) -> [String: String] {
    let items = (URLComponents(string: url)?.percentEncodedQuery ?? "").split(separator: "&")
    return Dictionary(
        items.map { item in
            let parts = item.split(separator: "=", maxSplits: 1).map { String($0).percentDecoded ?? "" }
            return (parts[0], parts.count > 1 ? parts[1] : "")
        },
        uniquingKeysWith: { $1 }
    )
}

@Suite struct SigningTests {
    /// Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header", the four examples.
    static let examples: [(request: SignableRequest, payloadHash: String, signature: String)] = [
        (
            SignableRequest("GET", host: host, path: "/test.txt", headers: [("Range", "bytes=0-9")]),
            RequestSigner.emptyPayload,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        ),
        (
            SignableRequest(
                "PUT",
                host: host,
                path: "/test%24file.text",
                headers: [("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")]
            ),
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
        ),
        (
            SignableRequest("GET", host: host, path: "/", query: [("lifecycle", "")]),
            RequestSigner.emptyPayload,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
        ),
        (
            SignableRequest("GET", host: host, path: "/", query: [("prefix", "J"), ("max-keys", "2")]),
            RequestSigner.emptyPayload,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"
        ),
    ]
    static let host = "examplebucket.s3.amazonaws.com"
    static let credentials = S3Credentials(
        accessKeyID: "AKIAIOSFODNN7EXAMPLE",
        secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    )

    @Test(arguments: examples.indices)
    func `signs headers as Amazon's documentation does`(_ index: Int) throws {
        let example = Self.examples[index]
        let signer = RequestSigner(credentials: Self.credentials, region: "us-east-1")

        let headers = signer.headers(
            for: example.request,
            payloadHash: example.payloadHash,
            at: try #require(basicDate("20130524T000000Z"))
        )

        let authorization = try #require(headers.last { $0.name == "authorization" })
        #expect(authorization.value.hasSuffix("Signature=\(example.signature)"))
    }

    /// Source: the same, "Authenticating Requests: Using Query Parameters".
    @Test func `signs addresses as Amazon's documentation does`() throws {
        let query = RequestSigner(credentials: Self.credentials, region: "us-east-1").presignedQuery(
            for: SignableRequest("GET", host: Self.host, path: "/test.txt"),
            validity: .seconds(86_400),
            at: try #require(basicDate("20130524T000000Z"))
        )

        #expect(
            query == """
                X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F\
                aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=\
                aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404
                """
        )
    }

    @Test(arguments: SignedCase.all)
    func `signs headers as botocore does`(_ recorded: SignedCase) {
        let headers = RequestSigner(credentials: recorded.credentials, region: recorded.region).headers(
            for: recorded.request,
            payloadHash: recorded.payloadHash,
            at: recorded.date
        )

        let ours = headers.last { $0.name == "authorization" }?.value.replacing(",", with: ", ")
        #expect(ours == recorded.authorization)
    }

    @Test(arguments: SignedCase.all)
    func `signs addresses as botocore does`(_ recorded: SignedCase) {
        var request = recorded.request
        request.headers = []

        let query = RequestSigner(credentials: recorded.credentials, region: recorded.region).presignedQuery(
            for: request,
            validity: recorded.validity,
            at: recorded.date
        )

        #expect(parameters(of: recorded.url + "?" + query) == parameters(of: recorded.presigned))
    }

    @Test func `hashes bodies as they are recorded`() {
        #expect(SignedCase.all.count >= 40)
        #expect(SignedCase.all.contains { $0.payloadHash == RequestSigner.unsignedPayload })
        #expect(SignedCase.all.contains { $0.payloadHash == RequestSigner.emptyPayload })
    }

    @Test func `writes instants in both forms`() throws {
        let date = try #require(basicDate("20240229T130509Z"))

        #expect(S3Time.basic(date) == "20240229T130509Z")
        #expect(S3Time.basic(date.addingTimeInterval(0.9)) == "20240229T130509Z")
        #expect(S3Time.timestamp("2024-02-29T13:05:09Z") == date)
        #expect(S3Time.timestamp("2024-02-29T13:05:09.500Z") == date.addingTimeInterval(0.5))
        #expect(S3Time.timestamp("yesterday") == nil)
    }
}
