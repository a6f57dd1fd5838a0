public import QueuedStorageCore

/// What a storage was seen to be able to do: the columns of a table of storages.
///
/// ```swift
/// let abilities = try await StorageAbilities.observe(storage)
/// print(abilities.row("S3"))
/// ```
public struct StorageAbilities: Hashable, Sendable {
    /// The columns' titles, in their order.
    public static let titles = [
        "resume", "ranges", "checksum", "atomic put", "durable", "exclusive", "copy", "times", "URL", "listing",
        "left-overs",
    ]

    /// What stands in the columns.
    public let cells: [String]

    /// A row of the table, in Markdown.
    ///
    /// - Parameter name: What stands in its first column.
    /// - Returns: The row, without a line end.
    public func row(_ name: String) -> String { "| \(([name] + cells).joined(separator: " | ")) |" }

    /// Tries what a storage can do, with files of its own that it removes.
    ///
    /// - Parameter storage: The storage.
    /// - Returns: What was seen.
    /// - Throws: What the storage throws where it should not.
    public static func observe(_ storage: any Storage) async throws -> Self {
        let probe = StorageProbe(storage)
        do {
            let abilities = Self(cells: [
                try await resume(probe), try await ranges(probe), try await checksum(probe), try await atomicPut(probe),
                try await durable(probe), try await exclusive(probe), try await copy(probe), try await times(probe),
                await url(probe), try await listing(probe), try await leftovers(probe),
            ])
            await probe.cleanUp()
            return abilities
        } catch {
            await probe.cleanUp()
            throw error
        }
    }

    private static let yes = "yes"
    private static let no = "–"

    /// What is kept of 11 MiB that broke off after them.
    private static func resume(_ probe: StorageProbe) async throws -> String {
        guard let storage = probe.storage as? any ResumableStorage, storage.resumableFrom < .max else { return no }
        struct Cut: Error {}
        let upload = Upload(id: probe.root, name: probe.name("resumed"))
        let bytes = pattern(11 << 20)
        _ = try? await storage.append(
            stream(bytes, size: 40 << 20) { throw Cut() },
            to: upload,
            at: 0,
            options: StoreOptions()
        )
        let held = try await storage.uploadedByteCount(upload)
        try await storage.abandon(upload)
        // A file's temporary copy keeps every byte; what comes in parts keeps whole ones, and may need larger ones.
        return held == Int64(bytes.count) ? "at any byte" : "by parts"
    }

    private static func ranges(_ probe: StorageProbe) async throws -> String {
        let bytes = pattern(100_000)
        _ = try await probe.storage.store(.bytes(bytes), as: probe.name("r"), options: StoreOptions())
        let part = try await probe.bytes(probe.root + "/r", 70_000..<70_010)
        return part == Array(bytes[70_000..<70_010]) ? yes : no
    }

    private static func checksum(_ probe: StorageProbe) async throws -> String {
        let stored = try await probe.store("checked", as: probe.name("c"))
        if let algorithm = stored.verifiedBy { return "\(algorithm)" }
        if let storage = probe.storage as? any ChecksumStorage, let known = try await storage.checksum(stored.name) {
            return "\(known.algorithm), asked for"
        }
        return "read back"
    }

    /// Whether nothing shows before all is there.
    private static func atomicPut(_ probe: StorageProbe) async throws -> String {
        let (storage, name) = (probe.storage, probe.name("p"))
        let seen = Shared(false)
        let content = stream(pattern(300_000), size: 300_000) { seen.value = try await storage.exists(name) }
        _ = try await storage.store(content, as: name, options: StoreOptions())
        return seen.value ? no : yes
    }

    /// Whether the other side promises that what it confirmed is there after a loss of power; nobody here cuts it.
    private static func durable(_ probe: StorageProbe) async throws -> String {
        try await probe.store("kept", as: probe.name("k"))
        guard let storage = probe.storage as? any DurableStorage, try await storage.isDurable else { return no }
        return yes
    }

    /// Whether the storage says that of concurrent stores of a name one wins; the requirements hold it to that.
    private static func exclusive(_ probe: StorageProbe) async throws -> String {
        guard let storage = probe.storage as? any ExclusiveStorage, try await storage.isExclusive else { return no }
        let name = probe.name("e")
        let wins = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask { (try? await probe.store("\(number)", as: name)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        return wins == 1 ? yes : no
    }

    private static func copy(_ probe: StorageProbe) async throws -> String {
        guard let storage = probe.storage as? any CopyingStorage else { return no }
        try await probe.store("copied", as: probe.name("o"))
        do {
            try await storage.copy(probe.root + "/o", to: probe.name("o2"))
        } catch let error as StorageError where error.code == .notSupported {
            return no
        }
        return try await probe.text(probe.root + "/o2") == "copied" ? yes : no
    }

    private static func times(_ probe: StorageProbe) async throws -> String {
        let name = probe.name("t")
        try await probe.store("timed", as: name)
        var known: [String] = []
        for (title, time) in [
            ("modified", probe.storage.modifiedAt), ("created", probe.storage.createdAt),
            ("accessed", probe.storage.accessedAt),
        ] {
            do {
                _ = try await time(name)
                known.append(title)
            } catch let error as StorageError where error.code == .notSupported {
                continue
            }
        }
        return known.isEmpty ? no : known.joined(separator: ", ")
    }

    private static func url(_ probe: StorageProbe) async -> String {
        let name = probe.name("u")
        guard (try? await probe.store("addressed", as: name)) != nil, let url = try? await probe.storage.url(name)
        else { return no }
        return url.contains("ignature=") || url.contains("temp_url_sig=") ? "signed" : yes
    }

    private static func listing(_ probe: StorageProbe) async throws -> String {
        try await probe.store("listed", as: probe.name("l/one"))
        do {
            return try await probe.storage.list(probe.root + "/l").files == ["one"] ? yes : no
        } catch let error as StorageError where error.code == .notSupported {
            return no
        }
    }

    private static func leftovers(_ probe: StorageProbe) async throws -> String {
        guard let storage = probe.storage as? any LeftoverStorage else { return no }
        _ = try await storage.leftovers()
        return "found"
    }
}
