public import QueuedStorageCore
internal import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: CopyingStorage {
    /// Copies at the server.
    ///
    /// A segmented file's segments are copied, too: each file has its own.
    public func copy(_ source: String, to destination: String) async throws {
        try FileName.validate(destination)
        let (from, to) = (try target(source), try target(destination))
        let failed = "The file \(FileName.quoted(source)) couldn't be copied to \(FileName.quoted(destination))"
        try await gate.pass(to.name) {
            guard let headers = try await head(from, failed) else { throw missing(from, failed) }
            // Swift holds a condition of a copy against the source, where it can't be meant.
            guard try await head(to, failed) == nil else {
                throw StorageError(.alreadyExists, name: to.name, "\(failed): the name is taken.")
            }
            if let segments = try await self.segments(of: from, failed) {
                return try await copy(segments, to, contentType: headers["Content-Type"], failed)
            }
            let tag = try await copyObject(path(from.object), to: path(to.object), to.name, failed)
            guard headers["X-Object-Manifest"] != nil || tag == headers["Etag"]?.filter({ $0 != "\"" }) else {
                try await removeObjects([path(to.object)], failed)
                throw StorageError(.damaged, name: to.name, "\(failed): the copy has another checksum.")
            }
        }
    }

    private func copy(
        _ segments: [ManifestEntry],
        _ target: Target,
        contentType: String?,
        _ failed: String
    ) async throws {
        let upload = Upload(id: FileName.randomIdentifier(), name: target.name)
        var record = UploadRecord()
        do {
            try await note(target.name, for: upload.id, &record)
            for (index, segment) in segments.enumerated() {
                let from = String(segment.name.drop { $0 == "/" }).percentEncoded(keepingSlashes: true)
                let to = path(segmentObject(upload.id, index), in: segmentContainer)
                guard let md5 = try await copyObject(from, to: to, target.name, failed),
                    let size = try await size(atPath: to, failed)
                else { throw StorageError(.failed, name: target.name, "\(failed): a segment's checksum is missing.") }
                record.segments.append(UploadRecord.Segment(size: size, md5: md5))
            }
            try await record.write(to: upload.journal)
            _ = try await publish(upload, as: target, StoreOptions(contentType: contentType))
        } catch {
            await Task { try? await abandon(upload) }.value
            throw error
        }
    }

    private func size(atPath path: String, _ failed: String) async throws -> Int64? {
        let answer = try await account.send(Account.Request("HEAD", path))
        guard answer.status == 200, answer.isSwifts else { throw await answer.swiftFailure(failed) }
        try await answer.discard()
        return answer.headers["Content-Length"].flatMap { Int64($0) }
    }

    /// Copies one object; returns the copy's checksum.
    private func copyObject(_ from: String, to: String, _ name: String, _ failed: String) async throws -> String? {
        var request = Account.Request("PUT", to, headers: ["X-Copy-From": "/" + from], body: UploadBody([UInt8]()))
        // The server reads and writes the whole object before it answers.
        request.idleTimeout = .seconds(max(configuration.timeout, 300))
        let answer = try await account.send(request)
        guard answer.status == 201 else { throw await answer.swiftFailure(failed, name: name) }
        try await answer.discard()
        return answer.etag
    }
}
