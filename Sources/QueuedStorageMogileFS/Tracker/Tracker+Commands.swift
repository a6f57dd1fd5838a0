import QueuedStorageCore

/// The commands of trackers that the storage uses, in its domain.
///
/// Source: MogileFS, `MogileFS::Worker::Query`, as a tracker of version 2.73 answers.
struct Tracker: Sendable {
    let trackers: Trackers
    let domain: String
    let fileClass: String?

    /// Where the bytes of a new file may go.
    struct Opening: Sendable {
        var fid: String
        var destinations: [Destination]
    }

    /// A place on a storage node.
    struct Destination: Sendable {
        var device: String
        /// The address of the place.
        var path: String
    }

    /// What a tracker knows of a file.
    struct Info: Hashable, Sendable {
        var fid: String
        var length: Int64
    }

    /// Begins a file; nothing has the key before ``close``.
    func open(_ key: String, size: Int64) async throws -> Opening {
        // What is opened twice is forgotten by the trackers after a while.
        let fields = try await trackers.ask { [domain, fileClass] _ in
            TrackerRequest(
                "create_open",
                [
                    "domain": domain, "key": key, "class": fileClass ?? "", "multi_dest": "1", "fid": "0",
                    "size": "\(size)",
                ]
            )
        }.fields
        let count = Int(fields["dev_count"] ?? "") ?? 0
        let destinations = (0..<max(0, min(count, 100))).compactMap { index -> Destination? in
            guard let device = fields["devid_\(index + 1)"], let path = fields["path_\(index + 1)"] else { return nil }
            return Destination(device: device, path: path)
        }
        guard let fid = fields["fid"], !destinations.isEmpty else { throw Self.incomplete("create_open") }
        return Opening(fid: fid, destinations: destinations)
    }

    /// Gives the bytes at a place their key, replacing what had it.
    ///
    /// - Returns: Whether the tracker compared the MD5 with the one of the bytes at the place.
    /// - Throws: ``LostAnswer`` if it may have been done.
    func close(
        _ opening: Opening,
        at destination: Destination,
        _ key: String,
        size: Int64,
        md5: String?
    ) async throws -> Bool {
        // The tracker reads the whole file for its checksum.
        let extraTime = md5 == nil ? Duration.zero : .milliseconds(size / 5000)
        let (_, version) = try await trackers.ask(
            isRepeatable: false,
            extraTime: extraTime,
            needsVersion: md5 != nil
        ) { [domain] version in
            let checksum = version?.knowsChecksums == true ? md5 : nil
            return TrackerRequest(
                "create_close",
                [
                    "fid": opening.fid, "devid": destination.device, "domain": domain, "key": key,
                    "path": destination.path, "size": "\(size)", "checksum": checksum.map { "MD5:\($0)" },
                    "checksumverify": checksum.map { _ in "1" },
                ]
            )
        }
        return md5 != nil && version?.knowsChecksums == true
    }

    /// The addresses of a file's replicas.
    func paths(_ key: String) async throws -> [String] {
        let fields = try await trackers.ask { [domain] _ in
            TrackerRequest("get_paths", ["domain": domain, "key": key, "noverify": "1", "pathcount": "10"])
        }.fields
        let count = Int(fields["paths"] ?? "") ?? 0
        return (0..<max(0, min(count, 1000))).compactMap { fields["path\($0 + 1)"] }
    }

    func info(_ key: String) async throws -> Info {
        let fields = try await trackers.ask { [domain] _ in
            TrackerRequest("file_info", ["domain": domain, "key": key])
        }.fields
        guard let fid = fields["fid"], let length = fields["length"].flatMap({ Int64($0) }), length >= 0
        else {
            throw Self.incomplete("file_info")
        }
        return Info(fid: fid, length: length)
    }

    /// Gives a file another key, which nothing may have.
    ///
    /// - Throws: ``LostAnswer`` if it may have been done.
    func rename(_ key: String, to newKey: String) async throws {
        try await trackers.ask(isRepeatable: false) { [domain] _ in
            TrackerRequest("rename", ["domain": domain, "from_key": key, "to_key": newKey])
        }
    }

    /// Deletes a file, unless it is gone already.
    func delete(_ key: String) async throws {
        do {
            try await trackers.ask { [domain] _ in TrackerRequest("delete", ["domain": domain, "key": key]) }
        } catch let refusal as TrackerRefusal where refusal.code == "unknown_key" {}
    }

    /// The keys that begin so and come after another one, in the order of the trackers' database.
    func keys(prefix: String, after: String?, limit: Int) async throws -> [String] {
        do {
            let fields = try await trackers.ask { [domain] _ in
                TrackerRequest(
                    "list_keys",
                    ["domain": domain, "prefix": prefix, "after": after, "limit": "\(limit)"]
                )
            }.fields
            let count = Int(fields["key_count"] ?? "") ?? 0
            return (0..<max(0, min(count, limit))).compactMap { fields["key_\($0 + 1)"] }
        } catch let refusal as TrackerRefusal where refusal.code == "none_match" {
            return []
        }
    }

    private static func incomplete(_ command: String) -> StorageError {
        StorageError(.failed, "the tracker's answer to \(command) lacks what it must have")
    }
}

extension TrackerRefusal {
    /// What a tracker's refusal means for the storage.
    var meaning: StorageError.Code {
        switch code {
        case "unknown_key": .notFound
        case "key_exists": .alreadyExists
        case "no_domain", "unreg_domain", "no_class", "unreg_class": .invalidConfiguration
        // No device has room, or none is up: it may change.
        case "no_devices": .full
        case "size_mismatch", "size_verify_error", "checksum_mismatch": .damaged
        case "unknown_command": .notSupported
        default: .failed
        }
    }

    /// What helps, as the end of a sentence.
    var advice: String {
        switch code {
        case "no_domain", "unreg_domain": "; check the option domain"
        case "no_class", "unreg_class": "; check the option class"
        case "no_devices": "; no storage node is up and has room"
        default: ""
        }
    }
}
