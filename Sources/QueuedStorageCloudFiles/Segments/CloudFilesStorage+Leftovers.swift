internal import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CloudFilesStorage: LeftoverStorage {
    /// Uploads whose segments no file is made of.
    public func leftovers() async throws -> [Leftover] {
        var uploads: [String: (byteCount: Int64, touchedAt: Date?)] = [:]
        try await forEachPage(in: segmentContainer, prefix: segmentPrefix, delimited: false) { page in
            for entry in page {
                guard let rest = entry.key.removing(prefix: segmentPrefix), let slash = rest.firstIndex(of: "/") else {
                    continue
                }
                var upload = uploads[String(rest[..<slash])] ?? (0, nil)
                let (sum, isTooLarge) = upload.byteCount.addingReportingOverflow(max(0, entry.byteCount ?? 0))
                upload.byteCount = isTooLarge ? .max : sum
                upload.touchedAt = [upload.touchedAt, entry.modifiedAt].compactMap(\.self).max()
                uploads[String(rest[..<slash])] = upload
            }
        }
        var leftovers: [Leftover] = []
        for (id, upload) in uploads.sorted(by: { $0.key < $1.key }) where (try? Self.checkIdentifier(id)) != nil {
            let name = try await notedName(of: id)
            if try await isPublished(Upload(id: id, name: name ?? "")) { continue }
            leftovers.append(
                Leftover(
                    id: id,
                    purpose: name.map { "an upload of \(FileName.quoted($0))" } ?? "an upload",
                    byteCount: upload.byteCount,
                    touchedAt: upload.touchedAt
                )
            )
        }
        return leftovers
    }

    public func remove(_ leftover: Leftover) async throws {
        try Self.checkIdentifier(leftover.id)
        try await abandon(Upload(id: leftover.id, name: ""))
    }
}
