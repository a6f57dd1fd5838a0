extension QueuedStorage: DropSink {
    /// The local and remote locations, as far as they are on this machine, and the catalog's files.
    public var occupiedPaths: [String] {
        [local as any Storage, remote].compactMap { try? ($0 as? any LocalPathStorage)?.path("") }
            + catalog.occupiedPaths
    }

    /// The local location and the catalog's files; a remote that is full is no reason not to save.
    public var savingPaths: [String] {
        [try? (local as? any LocalPathStorage)?.path("")].compactMap(\.self) + catalog.occupiedPaths
    }

    /// Makes a drop folder known to the catalog and to the local storage.
    ///
    /// - Parameter folder: The drop folder.
    /// - Throws: ``CatalogError`` or ``StorageError``, as ``start()``, or if the folder can't be recorded.
    public func begin(_ folder: DropFolderRegistration) async throws {
        try await start()
        let local = local
        try await blocking { try local.register(folder) }
        try await catalog.register(folder)
    }

    /// Saves a taken file as it is, without a model.
    ///
    /// - Parameter drop: The file.
    /// - Returns: The row; or that the name is taken and the file is to be skipped.
    /// - Throws: ``StorageError`` or ``CatalogError``; the taken entry is untouched then.
    public func take(_ drop: DroppedFile) async throws -> DropOutcome { try await take(drop, record: nil) }

    /// Saves a taken file.
    ///
    /// - Parameters:
    ///   - drop: The file.
    ///   - maxLength: The longest name allowed, in Unicode scalars.
    ///   - record: Commits the row; alone, without a model's, if nil.
    /// - Returns: The row; or that the name is taken and the file is to be skipped.
    /// - Throws: ``StorageError`` or ``CatalogError``, and what `record` throws; the taken entry is untouched then.
    package func take(
        _ drop: DroppedFile,
        maxLength: Int? = nil,
        record: Recorder?
    ) async throws -> DropOutcome {
        try await start()
        var request = SaveRequest(name: drop.name)
        request.maxLength = maxLength
        request.onCollision = drop.onCollision
        request.schedule = drop.schedule
        guard let name = try await firstName(request, asksCatalog: false) else { return .skipped }
        let staged = try await local.stage(drop.taken)
        let entry = "\(drop.taken.inboxID)/\(drop.taken.entry)"
        // Bytes that are kept where they were taken are named by the row itself.
        let isKept = staged.place == "inbox/\(entry)"
        let copied = isKept ? nil : CopiedEntry(drop.taken, sha256: staged.sha256)
        request.copiedEntry = copied
        guard let file = try await commit(staged, name, request, isTaken: isKept, record: record) else {
            return .skipped
        }
        return .saved(file, copied.map(TakenEntryState.copied) ?? .placed)
    }

    /// What the catalog knows of a drop folder's taken entries.
    ///
    /// Files that are recorded, and whose bytes still lie in such an entry, get their names: nobody else can tell that
    /// whoever took them is dead, as the caller holds the lock.
    ///
    /// - Parameter entries: The entries, which the caller took, or took over from a dead process.
    /// - Returns: The state of each entry that is known; the others are missing.
    /// - Throws: ``CatalogError`` with ``CatalogError/Code/busy`` or ``CatalogError/Code/unavailable`` if the catalog
    ///   can't be read now.
    public func recorded(takenEntries entries: [String]) async throws -> [String: TakenEntryState] {
        try await start()
        let placed = try await catalog.named(places: entries.map { "inbox/\($0)" }, in: alias)
        if !placed.isEmpty { try await placeUnsettled(ownPlaces: Set(placed)) }
        var states = Dictionary(
            uniqueKeysWithValues: placed.map { (String($0.dropFirst("inbox/".count)), TakenEntryState.placed) }
        )
        for copied in try await catalog.recorded(takenEntries: entries) { states[copied.entry] = .copied(copied) }
        return states
    }

    /// Forgets entries that were copied, and are removed from the drop folder.
    ///
    /// - Parameter entries: The entries.
    /// - Throws: ``CatalogError``; forgetting them again is harmless.
    public func forget(takenEntries entries: [String]) async throws {
        try await catalog.forget(takenEntries: entries)
    }
}
