public import QueuedStorageCore
internal import QueuedStorageTransport

extension S3Storage: CopyingStorage {
    /// The largest object that is copied in one act, and the size of a part beyond.
    ///
    /// Source: Amazon S3 API Reference, `CopyObject` and `UploadPartCopy`.
    private static let largestCopy: Int64 = 5 << 30
    private static let copiedPartSize: Int64 = 1 << 30

    /// Copies an object within the bucket, without its bytes passing through here.
    public func copy(_ source: String, to destination: String) async throws {
        let name = try validated(destination)
        let found = try await description(of: source)
        let key = try location.key(name)
        if try await head(key, name, verb: "copied") != nil { throw taken(name) }
        let from = "/\(bucket.percentEncoded())/\(try location.key(source).percentEncoded(keepingSlashes: true))"
        if found.size > Self.largestCopy {
            try await copyInParts(from, found, to: key, name)
        } else {
            var request = S3Request("PUT", key, verb: "copied", name: name, headers: placementHeaders)
            request.headers.append(("x-amz-copy-source", from))
            request.headers.append(("x-amz-copy-source-if-match", "\"\(found.etag)\""))
            _ = try await client.document(request)
        }
    }

    private func copyInParts(_ from: String, _ source: S3Description, to key: String, _ name: String) async throws {
        let uploadID = try await begin(key, name, objectHeaders(for: name, nil))
        do {
            var parts: [SentPart] = []
            while let start = parts.last.map({ Int64($0.number) * Self.copiedPartSize }) ?? Optional(0),
                start < source.size
            {
                let end = min(start + Self.copiedPartSize, source.size)
                var request = S3Request(
                    "PUT",
                    key,
                    verb: "copied",
                    name: name,
                    query: [("partNumber", String(parts.count + 1)), ("uploadId", uploadID)]
                )
                request.headers = [
                    ("x-amz-copy-source", from), ("x-amz-copy-source-range", "bytes=\(start)-\(end - 1)"),
                    ("x-amz-copy-source-if-match", "\"\(source.etag)\""),
                ]
                let etag = unquoted(try await client.document(request)["ETag"]?.text ?? "")
                parts.append(SentPart(number: parts.count + 1, size: end - start, md5: etag, etag: etag))
            }
            _ = try await complete(uploadID, key, name, parts, replaces: false)
        } catch {
            await Task { try? await self.abort(uploadID, key, name) }.value
            throw error
        }
    }
}
