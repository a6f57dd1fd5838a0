import Foundation
import QueuedStorageCore
import QueuedStorageS3
import Synchronization
import TestSupport
import Testing

/// A metadata service that answers from a table, and notes who asked what.
private final class TableService: MetadataService {
    typealias Answer = (status: Int, body: [UInt8])
    private let answers: [String: (Int, String)]
    private let asked = Mutex<[String]>([])

    var requests: [String] { asked.withLock { $0 } }

    init(_ answers: [String: (Int, String)]) { self.answers = answers }

    func ask(_ method: String, _ url: String, headers: [(name: String, value: String)]) async throws -> Answer {
        let request = "\(method) \(url)" + headers.map { " \($0.name)=\($0.value)" }.joined()
        asked.withLock { $0.append(request) }
        guard let (status, body) = answers["\(method) \(url)"] else {
            throw StorageError(.offline, "nobody is there")
        }
        return (status, Array(body.utf8))
    }
}

@Suite struct CredentialTests {
    private let answer = """
        {"Code":"Success","AccessKeyId":"ASIA1","SecretAccessKey":"s/1","Token":"t1","Expiration":"2030-01-01T00:00:00Z"}
        """

    @Test func `takes the environment's keys`() throws {
        let environment = ProcessEnvironment([
            "AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "hidden/1", "AWS_SESSION_TOKEN": "hidden/2",
        ])

        let found = try #require(try EnvironmentCredentials(environment).credentials())

        #expect(found.accessKeyID == "AKIA1")
        #expect(found.secretAccessKey.value == "hidden/1")
        #expect(found.sessionToken?.value == "hidden/2")
        #expect(!"\(found)".contains("hidden"))
        #expect(!String(reflecting: found).contains("hidden"))
    }

    @Test func `says which half of a key is missing`() {
        let error = #expect(throws: StorageError.self) {
            try EnvironmentCredentials(ProcessEnvironment(["AWS_SECRET_ACCESS_KEY": "hidden"])).credentials()
        }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("without AWS_ACCESS_KEY_ID") == true)
        #expect(error?.description.contains("hidden") == false)
    }

    @Test func `reads profiles of both files, the credentials file's settings first`() async throws {
        try await withTemporaryDirectory { directory in
            let credentials = directory + "/credentials"
            let config = directory + "/config"
            try """
            # comment
            [default]
            aws_access_key_id = AKIADEFAULT
            aws_secret_access_key=default/secret==
            [work]
            aws_access_key_id=AKIAWORK
            aws_secret_access_key = work
            aws_session_token = session
            region = eu-central-1
            """.write(toFile: credentials, atomically: true, encoding: .utf8)
            try """
            [default]
            region = us-west-2
            s3 =
              max_concurrent_requests = 20
            [profile  work]
            region = ap-south-1 # not this
            output = json
            [profile keys]
            aws_access_key_id = AKIACONFIG
            aws_secret_access_key = config
            [profile role]
            role_arn = arn:aws:iam::1:role/x
            """.write(toFile: config, atomically: true, encoding: .utf8)
            let files = { (profile: String?, variable: String?) in
                var variables = ["AWS_SHARED_CREDENTIALS_FILE": credentials, "AWS_CONFIG_FILE": config]
                variables["AWS_PROFILE"] = variable
                return ProfileFiles(ProcessEnvironment(variables), profile: profile)
            }

            let usual = try await ProfileCredentials(files(nil, nil)).credentials()
            #expect(usual?.accessKeyID == "AKIADEFAULT")
            #expect(usual?.secretAccessKey.value == "default/secret==")
            #expect(try files(nil, nil).settings()?["region"] == "us-west-2")
            let work = try await ProfileCredentials(files(nil, "work")).credentials()
            #expect(work?.accessKeyID == "AKIAWORK")
            #expect(work?.sessionToken?.value == "session")
            #expect(try files("work", "default").settings()?["region"] == "eu-central-1")
            #expect(try await ProfileCredentials(files("keys", nil)).credentials()?.accessKeyID == "AKIACONFIG")
            for (profile, word) in [("missing", "missing"), ("role", "role_arn")] {
                let error = await #expect(throws: StorageError.self) {
                    try await ProfileCredentials(files(profile, nil)).credentials()
                }
                #expect(error?.code == .invalidConfiguration)
                #expect(error?.message.contains(word) == true)
            }
        }
    }

    @Test func `has nothing where there are no files`() async throws {
        let files = ProfileFiles(ProcessEnvironment(["HOME": "/nowhere"]))

        #expect(try await ProfileCredentials(files).credentials() == nil)
        #expect(try files.settings() == nil)
    }

    @Test func `asks the container's endpoint with its token`() async throws {
        let service = TableService(["GET http://169.254.170.2/v2/creds": (200, answer)])
        let environment = ProcessEnvironment([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Bearer b",
        ])

        let found = try await ContainerCredentials(environment, service: service).credentials()

        #expect(found?.accessKeyID == "ASIA1")
        #expect(found?.expiresAt == Date(timeIntervalSince1970: 1_893_456_000))
        #expect(service.requests == ["GET http://169.254.170.2/v2/creds Authorization=Bearer b"])
    }

    @Test func `asks no stranger for the container's keys in plain text`() async {
        let service = TableService([:])
        let environment = ProcessEnvironment(["AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://evil.example/x"])

        let error = await #expect(throws: StorageError.self) {
            try await ContainerCredentials(environment, service: service).credentials()
        }

        #expect(error?.code == .invalidConfiguration)
        #expect(service.requests.isEmpty)
    }

    @Test func `asks the instance's metadata service in its second version`() async throws {
        let base = "http://169.254.169.254/latest"
        let service = TableService([
            "PUT \(base)/api/token": (200, "session"),
            "GET \(base)/meta-data/iam/security-credentials/": (200, "web\n"),
            "GET \(base)/meta-data/iam/security-credentials/web": (200, answer),
        ])

        let found = try await InstanceCredentials(ProcessEnvironment([:]), service: service).credentials()

        #expect(found?.sessionToken?.value == "t1")
        #expect(service.requests.count == 3)
        #expect(service.requests.dropFirst().allSatisfy { $0.hasSuffix("X-aws-ec2-metadata-token=session") })
    }

    @Test func `does without a metadata service that isn't there, or isn't wanted`() async throws {
        let service = TableService([:])

        #expect(try await InstanceCredentials(ProcessEnvironment([:]), service: service).credentials() == nil)
        #expect(service.requests.count == 1)
        let unwanted = ProcessEnvironment(["AWS_EC2_METADATA_DISABLED": "true"])
        #expect(try await InstanceCredentials(unwanted, service: service).credentials() == nil)
        #expect(service.requests.count == 1)
    }

    /// Credentials that end after an hour, new ones each time.
    private final class Renewing: CredentialSource {
        let count = Mutex(0)
        let time: MovableTime

        init(_ time: MovableTime) { self.time = time }

        func credentials() async throws -> S3Credentials? {
            let number = count.withLock { count in
                count += 1
                return count
            }
            return S3Credentials(
                accessKeyID: "AKIA\(number)",
                secretAccessKey: "s",
                expiresAt: time.now.addingTimeInterval(3600)
            )
        }
    }

    private struct None: CredentialSource {
        func credentials() async throws -> S3Credentials? { nil }
    }

    @Test func `renews credentials before they end, and once for all who wait`() async throws {
        let time = MovableTime()
        let cache = CredentialCache([None(), Renewing(time)], time: time)

        let first = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<8 { group.addTask { try await cache.credentials().accessKeyID } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(first == ["AKIA1"])
        time.move(by: 3000)
        #expect(try await cache.credentials().accessKeyID == "AKIA1")
        time.move(by: 400)
        #expect(try await cache.credentials().accessKeyID == "AKIA2")
    }

    @Test func `takes other credentials instead of those that the server refused`() async throws {
        let time = MovableTime()
        let cache = CredentialCache([Renewing(time)], time: time)

        let first = try await cache.credentials()
        let second = try await cache.credentials(insteadOf: first)
        let third = try await cache.credentials(insteadOf: first)

        #expect(second.accessKeyID == "AKIA2")
        #expect(third.accessKeyID == "AKIA2")
    }

    @Test func `says where credentials can be put when there are none`() async {
        let error = await #expect(throws: StorageError.self) { try await CredentialCache([None()]).credentials() }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("QSTORE_<ALIAS>_ACCESS_KEY_ID") == true)
    }
}
