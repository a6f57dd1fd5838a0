import QueuedStorageCore
import QueuedStorageS3
import Testing

@Suite struct EndpointTests {
    private func url(
        _ bucket: String,
        region: String = "eu-west-1",
        _ endpoint: String? = nil,
        _ addressing: S3Addressing = .automatic
    ) throws -> String {
        let endpoint = try S3Endpoint(bucket: bucket, region: region, endpoint: endpoint, addressing: addressing)
        return endpoint.url(endpoint.path("d/a b.txt"))
    }

    @Test func `puts the bucket into Amazon's host`() throws {
        #expect(try url("photos") == "https://photos.s3.eu-west-1.amazonaws.com/d/a%20b.txt")
        #expect(try url("photos", region: "cn-north-1") == "https://photos.s3.cn-north-1.amazonaws.com.cn/d/a%20b.txt")
    }

    @Test func `puts a bucket into the path whose host would have no certificate`() throws {
        #expect(try url("my.photos") == "https://s3.eu-west-1.amazonaws.com/my.photos/d/a%20b.txt")
        #expect(try url("Photos") == "https://s3.eu-west-1.amazonaws.com/Photos/d/a%20b.txt")
    }

    @Test func `puts the bucket into the path of other servers`() throws {
        #expect(try url("photos", "http://127.0.0.1:9000") == "http://127.0.0.1:9000/photos/d/a%20b.txt")
        #expect(try url("photos", "https://host/base/") == "https://host/base/photos/d/a%20b.txt")
    }

    @Test func `puts the bucket where it is told to`() throws {
        #expect(try url("photos", nil, .path) == "https://s3.eu-west-1.amazonaws.com/photos/d/a%20b.txt")
        #expect(try url("photos", "http://Host:9000/", .virtual) == "http://photos.host:9000/d/a%20b.txt")
    }

    @Test func `leaves out the scheme's own port, which isn't signed`() throws {
        #expect(try url("photos", "https://host:443") == "https://host/photos/d/a%20b.txt")
        #expect(try url("photos", "http://host:80") == "http://host/photos/d/a%20b.txt")
        #expect(try url("photos", "http://host:443") == "http://host:443/photos/d/a%20b.txt")
    }

    @Test(arguments: ["", "ab", "a/b", "a b", "..", "a..b", ".ab", "é-bucket", String(repeating: "x", count: 256)])
    func `refuses what is no bucket's name`(_ bucket: String) {
        #expect(throws: StorageError.self) { try url(bucket) }
    }

    @Test(arguments: ["host", "ftp://host", "http://", "http:///x", "http://a b", "http://h/?x", "http://h/#x"])
    func `refuses what is no address of a server`(_ endpoint: String) {
        #expect(throws: StorageError.self) { try url("photos", endpoint) }
    }

    @Test func `shows no key that was put into an address`() {
        let error = #expect(throws: StorageError.self) { try url("photos", "https://key:secret@host") }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.description.contains("secret") == false)
    }
}

@Suite struct LocationTests {
    @Test func `keeps names below its prefix`() throws {
        let location = try S3Location("media/x/")

        #expect(location.prefix == "media/x/")
        #expect(try location.key("a.txt") == "media/x/a.txt")
        #expect(try location.key("a/./b//c") == "media/x/a/b/c")
        #expect(location.name("media/x/a") == "a")
        #expect(location.name("media/xa") == nil)
    }

    @Test(arguments: ["", "media"])
    func `lets no name out`(_ path: String) throws {
        let location = try S3Location(path)

        for name in ["../x", "/x", "a/../../x", ".qstore/x", "a\0"] {
            #expect(throws: StorageError.self) { try location.key(name) }
        }
        // A name that only looks like an address is a name.
        #expect(try location.key("http://evil/x") == location.prefix + "http:/evil/x")
        #expect(try location.key("a:b") == location.prefix + "a:b")
    }

    @Test(arguments: ["/media", "a//b", "../media", "a/../b", "./a", "a\0b"])
    func `refuses a prefix that names can't lie below`(_ path: String) {
        let error = #expect(throws: StorageError.self) { try S3Location(path) }

        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `refuses keys that are too long`() throws {
        let location = try S3Location(String(repeating: "p", count: 200))
        let part = String(repeating: "x", count: 255)

        #expect(try location.key("\(part)/\(part)/\(part)").utf8.count == 968)
        let error = #expect(throws: StorageError.self) { try location.key("\(part)/\(part)/\(part)/\(part)") }
        #expect(error?.code == .invalidName)
    }
}
