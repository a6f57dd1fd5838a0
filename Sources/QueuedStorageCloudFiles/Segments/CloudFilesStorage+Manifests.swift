import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

/// A segment as the list of a segmented object has it.
struct ManifestEntry: Decodable, Hashable, Sendable {
    /// Container and object, with a slash at the beginning.
    var name: String
    var isSegmented: Bool?

    enum CodingKeys: String, CodingKey {
        case name
        case isSegmented = "sub_slo"
    }
}

/// A segment as a server is told of it: with size and checksum, so that it refuses a list with any other one.
struct ManifestSegment: Encodable {
    var path: String
    var etag: String
    var size: Int64

    enum CodingKeys: String, CodingKey {
        case path, etag
        case size = "size_bytes"
    }
}

extension CloudFilesStorage {
    /// The segments of a segmented object; nil if it is none, or isn't there.
    func segments(of target: Target, _ failed: String) async throws -> [ManifestEntry]? {
        let headers = try await head(target, failed)
        guard headers?["X-Static-Large-Object"]?.lowercased() == "true" else { return nil }
        let answer = try await account.send(
            Account.Request("GET", path(target.object), query: "multipart-manifest=get&format=json")
        )
        if answer.status == 404 {
            try? await answer.discard()
            return nil
        }
        guard answer.status == 200, answer.isSwifts, answer.isSegmented else {
            throw await answer.swiftFailure(failed, name: target.name)
        }
        let bytes = try await answer.collect(upTo: 64 << 20)
        guard let entries = try? JSONDecoder().decode([ManifestEntry].self, from: Data(bytes)) else {
            throw StorageError(.failed, name: target.name, "\(failed): its list of segments can't be read.")
        }
        return entries
    }

    /// Removes what a segmented object was made of.
    func remove(_ segments: [ManifestEntry], _ failed: String) async throws {
        let encoded = { (entry: ManifestEntry) in
            String(entry.name.drop { $0 == "/" }).percentEncoded(keepingSlashes: true)
        }
        let nested = segments.filter { $0.isSegmented == true }
        let plain = segments.filter { $0.isSegmented != true }
        // The same segment may stand there twice.
        try await removeObjects(Set(plain.map(encoded)).sorted(), failed)
        try await removeObjects(Set(nested.map(encoded)).sorted(), query: "multipart-manifest=delete", failed)
        for id in Set(segments.compactMap(uploadIdentifier)) { try await removeUpload(id) }
    }

    /// The upload that a segment is one of; nil if another program made it.
    func uploadIdentifier(of entry: ManifestEntry) -> String? {
        guard let rest = entry.name.removing(prefix: "/\(segmentContainer)/\(segmentPrefix)"),
            let slash = rest.firstIndex(of: "/")
        else { return nil }
        let id = String(rest[..<slash])
        return (try? Self.checkIdentifier(id)) == nil ? nil : id
    }

    /// Whether a file is made of an upload's segments.
    func isPublished(_ id: String, as target: Target) async throws -> Bool {
        let segments = try await segments(of: target, failed("looked up", target.name)) ?? []
        return segments.contains { uploadIdentifier(of: $0) == id }
    }

    /// Whether any file that the upload was to be is made of its segments.
    func isPublished(_ upload: Upload) async throws -> Bool {
        var names = [upload.name]
        if let noted = try await notedName(of: upload.id), NameKey(noted) != NameKey(upload.name) {
            names.append(noted)
        }
        for name in names where name != "" {
            guard let target = try? target(name) else { continue }
            if try await isPublished(upload.id, as: target) { return true }
        }
        return false
    }

    /// Makes one file of an upload's segments: from then on it is there, as a whole.
    func publish(_ upload: Upload, as target: Target, _ options: StoreOptions) async throws -> StoredObject {
        var record = try await UploadRecord(upload.journal)
        guard !record.segments.isEmpty else {
            throw StorageError(
                .notFound,
                name: target.name,
                "\(failed("stored", target.name)): the upload \(FileName.quoted(upload.id)) isn't known."
            )
        }
        if record.name.map({ NameKey($0) }) != NameKey(target.name) {
            // Noted before it is so: an upload whose file nobody finds would be taken for a leftover.
            try await note(target.name, for: upload.id, &record)
            try await record.write(to: upload.journal)
        }
        let old = options.replaces ? try await segments(of: target, failed("stored", target.name)) : nil
        do {
            let list = record.segments.enumerated().map { index, segment in
                ManifestSegment(
                    path: "/\(segmentContainer)/\(segmentObject(upload.id, index))",
                    etag: segment.md5,
                    size: segment.size
                )
            }
            try await put(list, tag: record.tag, as: target, attempt: upload.id, options)
        } catch {
            // An answer that was lost, or an earlier attempt's.
            let mayBeThere =
                (error as? StorageError).map { [.alreadyExists, .failed, .timedOut].contains($0.code) } ?? false
            guard mayBeThere, try await isPublished(upload.id, as: target) else { throw error }
        }
        let stale = old?.filter { uploadIdentifier(of: $0) != upload.id } ?? []
        if !stale.isEmpty { try? await remove(stale, failed("stored", target.name)) }
        // The segments are the file's now, and no upload's; whoever lost the job learns it from the catalog.
        try? await UploadRecord().write(to: upload.journal)
        return StoredObject(name: target.name, size: record.byteCount, verifiedBy: .md5)
    }

    /// Puts a list of segments; the server looks at each, and refuses the list if one has other bytes.
    func put(
        _ list: [ManifestSegment],
        tag: String,
        as target: Target,
        attempt: String,
        _ options: StoreOptions
    ) async throws {
        let bytes = [UInt8](try JSONEncoder().encode(list))
        var request = Account.Request("PUT", path(target.object), query: "multipart-manifest=put")
        request.headers = headers(options, attempt: attempt)
        // A server that knows no segmented objects would store the list itself; its checksum is another one.
        request.headers["ETag"] = tag
        request.body = UploadBody(bytes)
        request.idleTimeout = .seconds(max(configuration.timeout, 300))
        let answer = try await send(request, needing: configuration.container)
        if answer.status == 400 {
            throw await answer.swiftFailure(
                "\(failed("stored", target.name)), as its segments aren't what was sent",
                name: target.name,
                codes: [400: .damaged]
            )
        }
        try await accept(answer, as: target)
        guard answer.etag == tag else {
            throw StorageError(
                .damaged,
                name: target.name,
                "\(failed("stored", target.name)): the server's checksum of its segments isn't ours."
            )
        }
    }
}
