import QueuedStorageCore
import QueuedStorageS3
import TestSupport
import Testing

/// The servers that everything about S3 is held against.
enum S3Server: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// Knows conditional writes, checksums and encryption; looks at no signature.
    case moto
    /// Checks signatures; knows no conditional writes.
    case swift = "openstack-swift"

    var testDescription: String { rawValue }

    /// The server that all tests share.
    var shared: TestServer { get async throws { try await TestServer.shared(rawValue) } }

    /// A storage in a bucket of this server, which is made; at another port if there is a proxy before it.
    func storage(
        _ bucket: String = "photos",
        port: Int? = nil,
        time: any TimeSource = SystemTime(),
        _ change: (inout S3Options) -> Void = { _ in }
    ) async throws -> S3Storage {
        let server = try await shared
        let storage = try server.storage(bucket, port: port, time: time, change)
        // Not through a proxy, which may have orders for its bytes.
        try await server.storage(bucket).createBucket()
        return storage
    }
}

extension TestServer {
    /// A storage in a bucket of this server, which may have to be made.
    func storage(
        _ bucket: String = "photos",
        port: Int? = nil,
        time: any TimeSource = SystemTime(),
        _ change: (inout S3Options) -> Void = { _ in }
    ) throws -> S3Storage {
        var options = S3Options()
        options.endpoint = "http://127.0.0.1:\(port ?? self.port)"
        options.region = self["s3Region"]
        options.credentials = S3Credentials(
            accessKeyID: self["s3AccessKeyID"],
            secretAccessKey: self["s3SecretAccessKey"]
        )
        change(&options)
        return try S3Storage(bucket, options, environment: ProcessEnvironment([:]), time: time)
    }
}
