import Foundation
import QueuedStorageCore
import QueuedStorageS3
import QueuedStorageTransport
import TestSupport
import Testing

/// Where our answer differs from the one that was recorded of django-storages, by the vector's identifier, and why.
private let deviations: [String: String] = [
    "old_s3_clean_name/005": "the location's own name is empty",
    "old_s3_safe_join/007": "a name that leads out is refused, also if it comes back",
    "old_s3_safe_join/011": "a name that looks like an address is a name",
    "old_s3_safe_join/015": "no name leads out of a storage without a prefix either",
    "old_s3_safe_join/016": "empty components are dropped, so that what is stored is what is listed",
    "old_s3_save/001": "nothing is public unless asked for",
    "old_s3_save/002": "nothing is public unless asked for, and bytes are stored as they are, never compressed",
    "old_s3_save/003": "nothing is public unless asked for",
    "old_s3_save/004": "nothing is public unless asked for",
    "old_s3_url/008": "addresses are percent-encoded everywhere",
    "s3_key/007": "a name that ends in a slash is a directory's, and loses it",
    "s3_url/018": "an address below a base URL has no parameters of its own",
    "s3_url/020": "a name that ends in a slash is a directory's, and loses it",
    "s3_write_parameters/002": "a compressed file is delivered as it is, not unpacked on the way",
    "s3_write_parameters/005": "the content's type is given with the content, not with the storage",
]

/// What django-storages 1.1.8 and 1.14.6 did, and where we do otherwise.
@Suite struct OriginalVectorTests {
    private func expect(_ isSame: Bool, _ vector: Vector, _ ours: String) {
        let deviation = deviations[vector.id]
        #expect(isSame == (deviation == nil), "\(ours) instead of \(vector); \(deviation ?? "no deviation is known")")
    }

    @Test func `knows no deviation of a vector that isn't there`() {
        let known = Set((Vector.all(prefix: "old_s3_") + Vector.all(prefix: "s3_")).map(\.id))

        #expect(known.count > 50)
        #expect(deviations.keys.filter { !known.contains($0) } == [])
    }

    @Test(arguments: Vector.all("old_s3_clean_name"))
    func `cleans names`(_ vector: Vector) throws {
        let ours = try S3Location("").relative(FileName.withSlashes(try #require(vector.input.name?.string)))

        expect(ours == vector.output?.string, vector, ours)
    }

    @Test(arguments: Vector.all("old_s3_safe_join") + Vector.all("s3_key"))
    func `keeps keys below the location`(_ vector: Vector) throws {
        let location = try S3Location((vector.input.base ?? vector.input.location)?.string ?? "")
        let name = vector.input.paths?.strings?.joined(separator: "/") ?? vector.input.name?.string ?? ""

        let ours = try? location.key(name)

        expect(ours == vector.output?.string, vector, ours ?? "a refusal")
    }

    @Test(arguments: Vector.all("old_s3_save") + Vector.all("s3_write_parameters"))
    func `gives objects their headers`(_ vector: Vector) throws {
        let input = vector.input
        var options = S3Options()
        let given = input.options ?? input.object_parameters
        options.location = input.options?.location?.string ?? ""
        options.acl = (given?.acl ?? given?.ACL ?? input.default_acl)?.string
        options.cacheControl = (given?.headers?["Cache-Control"] ?? given?.CacheControl)?.string
        if input.options?.encryption?.bool == true { options.encryption = .aes256 }
        let storage = try S3Storage("my-bucket", options, environment: ProcessEnvironment([:]))
        let name = try storage.location.relative(FileName.withSlashes(try #require(input.name?.string)))

        let headers = Dictionary(
            storage.objectHeaders(for: name, input.content_type?.string).map { ($0.name, $0.value) },
            uniquingKeysWith: { $1 }
        )

        let output = try #require(vector.output)
        var wanted: [String: String] = [:]
        if output.object_key != nil {
            #expect(try storage.location.key(name) == output.object_key?.string)
            for (name, value) in output.headers?.object ?? [:] { wanted[name.lowercased()] = value.string }
            wanted["x-amz-acl"] = output.canned_acl?.string
            if output.encrypt?.bool == true { wanted["x-amz-server-side-encryption"] = "AES256" }
        } else {
            wanted["content-type"] = output.ContentType?.string
            wanted["content-encoding"] = output.ContentEncoding?.string
            wanted["cache-control"] = output.CacheControl?.string
            wanted["x-amz-acl"] = output.ACL?.string
        }
        expect(headers == wanted, vector, "\(headers)")
    }

    @Test(arguments: Vector.all("s3_options"))
    func `refuses options`(_ vector: Vector) throws {
        var types = StorageTypes()
        types.registerS3()
        let options = try #require(vector.input.options?.object).compactMapValues { value -> OptionValue? in
            value.string.map { .string($0) } ?? value.int.map { .integer($0) }
        }

        let error = #expect(throws: StorageError.self) { try types.storage("S3Storage", options) }

        #expect(error?.code == .invalidConfiguration)
    }

    @Test(arguments: Vector.all("s3_url"))
    func `makes the addresses of version 4`(_ vector: Vector) async throws {
        let input = vector.input
        let date = try #require(
            basicDate((input.now?.string ?? "").filter { $0 != "-" && $0 != ":" })
        )
        let storage = try storage(try #require(input.options), date)
        let parameters = (input.args?.parameters?.object ?? [:]).map { name, value in
            (name == "ResponseContentDisposition" ? "response-content-disposition" : name, value.string ?? "")
        }

        let ours: String?
        do {
            let name = try #require(input.name?.string)
            if input.args?.object?.isEmpty == false, storage.options.baseURL == nil {
                ours = try await storage.signedURL(
                    name,
                    validity: input.args?.expire?.int.map { .seconds($0) },
                    parameters: Dictionary(parameters, uniquingKeysWith: { $1 })
                )
            } else {
                ours = try await storage.url(name)
            }
        } catch let error as StorageError where error.code == .invalidName {
            ours = nil
        }

        expect(sameAddress(ours, vector.output?.string), vector, ours ?? "a refusal")
    }

    /// Version 2 of the signatures is dead; hosts, paths and times are compared.
    @Test(arguments: Vector.all("old_s3_url"))
    func `makes the addresses of version 2, signed by version 4`(_ vector: Vector) async throws {
        let unixTime = vector.input.unix_time?.int ?? 0
        let storage = try storage(
            try #require(vector.input.options),
            Date(timeIntervalSince1970: Double(unixTime))
        )

        let ours = try? await storage.url(try #require(vector.input.name?.string))

        let path = { (url: String?) in url?.split(separator: "?").first.map(String.init) }
        expect(path(ours) == path(vector.output?.string), vector, ours ?? "a refusal")
        guard let ours, storage.options.baseURL == nil else { return }
        let expires = parameters(of: vector.output?.string ?? "")["Expires"].flatMap { Int($0) }
        #expect(parameters(of: ours)["X-Amz-Expires"].flatMap { Int($0) } == expires.map { $0 - unixTime })
    }

    private func storage(_ given: JSON, _ now: Date) throws -> S3Storage {
        var options = S3Options()
        options.region = given.region_name?.string ?? "us-east-1"
        options.endpoint = given.endpoint_url?.string
        options.addressing = given.addressing_style?.string.flatMap { S3Addressing(rawValue: $0) } ?? .automatic
        let bucket = given.bucket_name?.string ?? ""
        if options.endpoint == nil, !bucket.contains(".") {
            // They sign for Amazon's host of all regions; we don't, unless told to.
            let scheme = given.secure_urls?.bool == false ? "http" : "https"
            options.endpoint = "\(scheme)://s3.amazonaws.com"
            options.addressing = .virtual
        }
        options.location = given.location?.string ?? ""
        options.credentials = S3Credentials(
            accessKeyID: given.access_key?.string ?? "",
            secretAccessKey: given.secret_key?.string ?? "",
            sessionToken: given.security_token?.string
        )
        options.signsURLs = given.querystring_auth?.bool ?? true
        if let seconds = given.querystring_expire?.int { options.urlValidity = .seconds(seconds) }
        if let domain = given.custom_domain?.string {
            let isPlain = given.secure_urls?.bool == false || given.url_protocol?.string == "http:"
            options.baseURL = (isPlain ? "http://" : "https://") + domain
        }
        return try S3Storage(bucket, options, environment: ProcessEnvironment([:]), time: MovableTime(now))
    }

    private func sameAddress(_ ours: String?, _ theirs: String?) -> Bool {
        let path = { (url: String?) in url?.split(separator: "?").first }
        return path(ours) == path(theirs) && parameters(of: ours ?? "") == parameters(of: theirs ?? "")
    }
}
