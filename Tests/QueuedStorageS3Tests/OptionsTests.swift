import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageSQLite
import TestSupport
import Testing

@Suite struct OptionsTests {
    private let types: StorageTypes = {
        var types = StorageTypes.builtIn
        types.registerS3()
        return types
    }()

    private func storage(_ url: String, _ environment: [String: String] = [:]) throws -> S3Storage {
        let (type, options) = try types.read(StorageURL(url))
        let secrets = StorageSecrets(alias: "photos", environment: environment.merging(["HOME": "/nowhere"]) { $1 })
        return try #require(try types.storage(type, options, secrets: secrets) as? S3Storage)
    }

    @Test func `reads an address`() throws {
        let storage = try storage(
            "s3://photos/media/2026?region=eu-west-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000&addressing=path&partSize=6291456"
        )

        #expect(storage.bucket == "photos")
        #expect(storage.options.location == "media/2026")
        #expect(storage.options.region == "eu-west-1")
        #expect(storage.options.endpoint == "http://127.0.0.1:9000")
        #expect(storage.options.addressing == .path)
        #expect(storage.options.partSize == 6 << 20)
        #expect(storage.fingerprint == "s3:127.0.0.1:9000/photos/media/2026/")
    }

    @Test(arguments: [
        ("s3://photos?regoin=x", "regoin"), ("s3://photos?addressing=host", "addressing"),
        ("s3://photos?endpoint=127.0.0.1", "127.0.0.1"), ("s3://photos?partSize=5", "partSize"),
        ("s3://photos?partSize=big", "partSize"), ("s3://photos?urlValidity=8d", "urlValidity"),
        ("s3://photos?checksum=md5", "checksum"), ("s3://photos?encryption=rot13", "encryption"),
        ("s3://photos?conditionalWrites=perhaps", "conditionalWrites"), ("s3://p", "\"p\""),
        ("s3://photos?metadata=owner", "metadata"), ("s3://photos?metadata=owner=J%C3%B6rg", "metadata"),
        ("s3://photos/a/../b", ".."), ("s3://photos?baseURL=cdn", "baseURL"), ("s3://photos?bucket=x", "twice"),
        ("s3://photos?parallelParts=0", "parallelParts"), ("s3://photos?anonymous=1", "anonymous"),
    ])
    func `refuses a wrong option by its name`(_ url: String, _ word: String) {
        do {
            _ = try storage(url)
            Issue.record("\(url) was taken")
        } catch let error as StorageURLError {
            #expect(error.message.contains(word) || word == "twice")
        } catch {
            #expect((error as? StorageError)?.code == .invalidConfiguration)
            #expect("\(error)".contains(word))
        }
    }

    @Test(arguments: ["s3://key:secret@photos", "s3://AKIA1@photos", "s3:///media", "s3://photos?secretAccessKey=x"])
    func `refuses keys in an address, and one without a bucket`(_ url: String) {
        let error = #expect(throws: StorageURLError.self) { try storage(url) }

        #expect(error?.message.contains("secret@") == false)
    }

    @Test func `takes the alias's own keys before all others`() async throws {
        let environment = [
            "QSTORE_PHOTOS_ACCESS_KEY_ID": "AKIAOWN", "QSTORE_PHOTOS_SECRET_ACCESS_KEY": "hidden",
            "QSTORE_PHOTOS_SESSION_TOKEN": "token", "AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "hidden",
        ]

        let address = try await storage("s3://photos", environment).url("a.txt")

        #expect(address.contains("X-Amz-Credential=AKIAOWN%2F"))
        #expect(address.contains("X-Amz-Security-Token=token"))
        #expect(!address.contains("hidden"))
    }

    @Test func `refuses one half of a key`() {
        let error = #expect(throws: StorageError.self) {
            try storage("s3://photos", ["QSTORE_PHOTOS_SECRET_ACCESS_KEY": "hidden"])
        }

        #expect(error?.code == .invalidConfiguration)
        #expect(error?.description.contains("hidden") == false)
    }

    @Test func `takes keys and region from the usual places`() async throws {
        let environment = [
            "AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_REGION": "ap-south-1",
            "AWS_DEFAULT_REGION": "eu-north-1",
        ]

        let address = try await storage("s3://photos", environment).url("a.txt")

        #expect(address.hasPrefix("https://photos.s3.ap-south-1.amazonaws.com/a.txt?"))
        #expect(address.contains("AKIAOTHER%2F"))
    }

    @Test func `needs no keys for a public bucket`() async throws {
        let storage = try storage("s3://photos?anonymous=true&region=eu-west-1")

        #expect(try await storage.url("a b.txt") == "https://photos.s3.eu-west-1.amazonaws.com/a%20b.txt")
    }

    @Test func `can be made again of what it says it is made of`() throws {
        let url = """
            s3://photos/media?region=eu-west-1&endpoint=http%3A%2F%2Fhost&addressing=virtual&storageClass=STANDARD_IA&acl=private\
            &cacheControl=max-age%3D1&contentDisposition=inline&encryption=aws%3Akms&kmsKey=k&checksum=crc32c\
            &conditionalWrites=never&requesterPays=true&signedURLs=false&metadata=a%3D1%3Bb%3D2&multipartFrom=6000000\
            &partSize=6000000&parallelParts=2&maxConnections=3&urlValidity=60&connectTimeout=1&idleTimeout=2&totalTimeout=3m&ca=%2Fca.pem\
            &proxy=http%3A%2F%2Fp%3A1&profile=work&baseURL=https%3A%2F%2Fcdn
            """
        let first = try storage(url)

        let second = try #require(try types.storage("S3Storage", first.optionValues) as? S3Storage)

        #expect(second.optionValues == first.optionValues)
        #expect(first.optionValues.count == 28)
        #expect(second.fingerprint == first.fingerprint)
    }

    @Test(arguments: [
        "S3Storage", "storages.backends.s3boto.S3BotoStorage", "storages.backends.s3boto3.S3Boto3Storage",
    ])
    func `goes by the names of the originals`(_ name: String) throws {
        let storage = try types.storage(name, ["bucket_name": .string("photos"), "querystring_expire": .integer(60)])

        #expect((storage as? S3Storage)?.options.urlValidity == .seconds(60))
    }

    @Test func `has a queued storage of its own name`() async throws {
        try await withTemporaryDirectory { directory in
            let catalog = try SQLiteCatalog(path: directory + "/catalog.sqlite")
            let storage = try QueuedStorage.s3(
                "photos",
                bucket: "photos",
                local: FileSystemStorage(location: directory),
                catalog: catalog,
                environment: [
                    "QSTORE_PHOTOS_ACCESS_KEY_ID": "AKIAOWN", "QSTORE_PHOTOS_SECRET_ACCESS_KEY": "hidden",
                    "AWS_REGION": "eu-west-1",
                ]
            )

            #expect(storage.remote.fingerprint == "s3:s3.eu-west-1.amazonaws.com/photos/")
            #expect(try storage.configuration.remoteOptions["region"] == .string("eu-west-1"))
        }
    }
}
