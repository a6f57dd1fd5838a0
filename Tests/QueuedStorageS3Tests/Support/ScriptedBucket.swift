import QueuedStorageCore
import QueuedStorageS3
import Synchronization
import TestSupport

/// A request that reached a scripted server.
struct SeenRequest: Sendable {
    var method: String
    var target: String
    var fields: [String: String]
    var body: [UInt8]
}

/// What a scripted server answers.
struct ScriptedAnswer: Sendable {
    var status: Int
    var fields: [String: String]
    var body: String

    init(_ status: Int, _ fields: [String: String] = [:], _ body: String = "") {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// An error as S3 words it.
    static func error(_ status: Int, _ code: String, _ more: String = "", fields: [String: String] = [:]) -> Self {
        let text = "<?xml version=\"1.0\"?><Error><Code>\(code)</Code><Message>Words.</Message>\(more)</Error>"
        return Self(status, fields.merging(["Content-Type": "application/xml"]) { $1 }, text)
    }

    /// The MD5 of `text`.
    static let stored = ScriptedAnswer(200, ["ETag": "\"1cb251ec0d568de6a929b520c4aed8d1\""])
}

/// A bucket whose server answers what a test says.
final class ScriptedBucket: Sendable {
    private final class Log: Sendable { let requests = Mutex<[SeenRequest]>([]) }

    private let server: ScriptedServer
    private let log = Log()

    /// All requests, in order.
    var requests: [SeenRequest] { log.requests.withLock { $0 } }

    /// Starts a server, given what it answers to a request, and to how many that came before.
    init(_ answer: @escaping @Sendable (Int, SeenRequest) -> ScriptedAnswer) throws {
        server = try ScriptedServer { [log] connection in
            while true {
                let (method, target, fields) = try connection.head()
                let body = try connection.read(exactly: Int(fields["content-length"] ?? "") ?? 0)
                let request = SeenRequest(method: method, target: target, fields: fields, body: body)
                let count = log.requests.withLock { requests in
                    requests.append(request)
                    return requests.count - 1
                }
                let reply = answer(count, request)
                if method == "HEAD" {
                    let lines = reply.fields.map { "\($0): \($1)\r\n" }.joined()
                    try connection.write("HTTP/1.1 \(reply.status) Words\r\n\(lines)\r\n")
                } else {
                    try connection.answer(reply.status, reply.fields, reply.body)
                }
            }
        }
    }

    /// The storage in the bucket.
    func storage(
        time: any TimeSource = MovableTime(),
        environment: [String: String] = [:],
        _ change: (inout S3Options) -> Void = { _ in }
    ) throws -> S3Storage {
        var options = S3Options()
        options.endpoint = server.url
        options.region = "eu-west-1"
        options.conditionalWrites = .always
        options.credentials = S3Credentials(accessKeyID: "AKIA1", secretAccessKey: "hidden/1")
        change(&options)
        return try S3Storage("photos", options, environment: ProcessEnvironment(environment), time: time)
    }
}
