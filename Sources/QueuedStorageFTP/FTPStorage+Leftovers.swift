public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage: LeftoverStorage {
    public func leftovers() async throws -> [Leftover] {
        try await act("searched", "") {
            var found: [Leftover] = []
            for folder in ["tmp", "uploads"] {
                for entry in try await self.entriesIfThere(self.privatePath(folder)) ?? [] where entry.kind == .file {
                    let purpose =
                        folder == "uploads"
                        ? UploadNote.upload(ofFile: entry.name)
                        : entry.name.split(separator: "-").dropLast().joined(separator: "-")
                    found.append(
                        Leftover(
                            id: "\(folder)/\(entry.name)",
                            purpose: purpose,
                            byteCount: entry.size,
                            touchedAt: entry.modifiedAt
                        )
                    )
                }
            }
            return found
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        // By bytes: a character can be a slash and what is combined with it.
        let parts = leftover.id.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        guard parts.count == 2, ["tmp", "uploads"].contains(parts[0]), parts[1] != ".", parts[1] != "..",
            !leftover.id.utf8.contains(where: { $0 < 0x20 })
        else {
            throw StorageError(.invalidName, "The left-over \(FileName.quoted(leftover.id)) isn't one of this storage.")
        }
        try await act("removed", leftover.id) { try await self.remove(self.privatePath(leftover.id)) }
    }
}
