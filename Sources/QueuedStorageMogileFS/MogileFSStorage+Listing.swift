import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage {
    /// How many keys a tracker lists at once, at most.
    private static let pageSize = 1000

    public func list(_ directory: String) async throws -> DirectoryListing {
        let name = directory == "" ? "" : try resolve(directory)
        let parent = name == "" ? "" : name + "/"
        guard parent.utf8.count <= Self.maxKeyByteCount else { return DirectoryListing(directories: [], files: []) }
        return try await explaining("The directory \(FileName.quoted(directory)) couldn't be listed", nil) {
            var files: Set<NameKey> = []
            var directories: Set<NameKey> = []
            var after: String?
            var former: String?
            while true {
                let keys = try await tracker.keys(prefix: parent, after: after, limit: Self.pageSize)
                for key in keys where key.utf8.starts(with: parent.utf8) {
                    let rest = key.utf8.dropFirst(parent.utf8.count)
                    if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                        directories.insert(NameKey(String(Substring(rest[..<slash]))))
                    } else {
                        files.insert(NameKey(String(Substring(rest))))
                    }
                }
                guard keys.count == Self.pageSize, let last = keys.last else { break }
                try Self.requireProgress(from: former, to: last)
                (after, former) = (last, last)
                // Behind the directory that the last key is in as a whole: the first key that can follow is the one
                // with a 0 in the slash's place, which is asked for by itself as `after` leaves it out.
                let rest = last.utf8.dropFirst(parent.utf8.count)
                if let slash = rest.firstIndex(of: UInt8(ascii: "/")) {
                    let next = String(Substring(last.utf8[..<slash])) + "0"
                    if try await has(next) {
                        files.insert(NameKey(String(Substring(next.utf8.dropFirst(parent.utf8.count)))))
                    }
                    after = next
                }
            }
            return DirectoryListing(
                directories: directories.map(\.name).filter(Self.isComponent),
                files: files.map(\.name).filter(Self.isComponent)
            )
        }
    }

    private func has(_ key: String) async throws -> Bool {
        do {
            _ = try await tracker.info(key)
            return true
        } catch let refusal as TrackerRefusal where refusal.code == "unknown_key" {
            return false
        }
    }

    /// Whether somebody else's key can be a file's here.
    private static func isComponent(_ text: String) -> Bool {
        !["", ".", "..", FileName.privateComponent].contains(text) && !text.utf8.contains(0)
    }

    /// The same page again would come for ever.
    private static func requireProgress(from after: String?, to last: String) throws {
        guard let after, NameKey(after) == NameKey(last) else { return }
        throw StorageError(.failed, "the tracker lists the same keys again and again")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage: LeftoverStorage {
    public func leftovers() async throws -> [Leftover] {
        try await explaining("Unfinished files couldn't be looked for", nil) {
            var found: [Leftover] = []
            var after: String?
            while true {
                let keys = try await tracker.keys(prefix: Self.temporaryPrefix, after: after, limit: Self.pageSize)
                for key in keys {
                    do {
                        found.append(try await leftover(key))
                    } catch let refusal as TrackerRefusal where refusal.code == "unknown_key" {
                        continue
                    }
                }
                guard keys.count == Self.pageSize, let last = keys.last else { return found }
                try Self.requireProgress(from: after, to: last)
                after = last
            }
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        guard leftover.id.hasPrefix(Self.temporaryPrefix) else {
            throw FileName.refusal(leftover.id, "it is no unfinished file's")
        }
        try await explaining("The unfinished file \(FileName.quoted(leftover.id)) couldn't be removed", nil) {
            try await tracker.delete(leftover.id)
        }
    }

    private func leftover(_ key: String) async throws -> Leftover {
        let parts = key.dropFirst(Self.temporaryPrefix.count).split(separator: "_", omittingEmptySubsequences: false)
        let seconds = parts.first.flatMap { Double($0) }
        return Leftover(
            id: key,
            purpose: parts.count == 3 && !parts[1].isEmpty ? String(parts[1]) : "an unfinished file",
            byteCount: try await tracker.info(key).length,
            touchedAt: seconds.map { Date(timeIntervalSince1970: $0) }
        )
    }
}
