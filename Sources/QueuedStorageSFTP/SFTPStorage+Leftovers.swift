internal import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: LeftoverStorage {
    private static let folders = ["tmp", "uploads"]

    public func leftovers() async throws -> [Leftover] {
        try await act("listed", FileName.privateComponent, repeats: true) { lease in
            var leftovers: [Leftover] = []
            for folder in Self.folders {
                do {
                    for entry in try await entries(privatePath(folder), lease.connection) {
                        guard let name = String(validating: entry.name, as: UTF8.self) else { continue }
                        leftovers.append(
                            Leftover(
                                id: "\(folder)/\(name)",
                                purpose: folder == "tmp" ? "the temporary file \(name)" : "the upload \(name)",
                                byteCount: entry.attributes.size.map { Int64(clamping: $0) },
                                touchedAt: entry.attributes.times.map {
                                    Date(timeIntervalSince1970: Double($0.modified))
                                }
                            )
                        )
                    }
                } catch let status as Status where status.isNoSuchFile {
                    continue
                }
            }
            return leftovers
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        let parts = leftover.id.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .map { String(Substring($0)) }
        guard parts.count == 2, Self.folders.contains(parts[0]), !["", ".", ".."].contains(parts[1]),
            !parts[1].utf8.contains(0)
        else { throw FileName.refusal(leftover.id, "it is nothing left over in this storage") }
        try await act("removed", leftover.id, repeats: true) { lease in
            do {
                try await lease.connection.remove(privatePath(parts[0], parts[1])).done()
            } catch let status as Status where status.isNoSuchFile {
                // It is gone already.
            }
        }
    }
}
