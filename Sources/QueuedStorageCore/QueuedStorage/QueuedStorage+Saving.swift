import FoundationEssentials
import Logging

/// Records a file in a commit, alone or together with what belongs to it, such as a model's row.
package typealias Recorder = @Sendable (NewFile) async throws -> StoredFile

/// How a file is to be saved.
package struct SaveRequest: Sendable {
    /// The wanted name.
    package var name: String
    /// The longest name allowed, in Unicode scalars.
    package var maxLength: Int?
    /// What happens when the name is taken.
    package var onCollision = DroppedFile.Collision.rename
    /// When the file is to be transferred.
    package var schedule = DroppedFile.Schedule.automatic
    /// The model's row and field that it belongs to.
    package var owner: FileOwner?
    /// The drop folder's entry that the bytes were copied from.
    package var copiedEntry: CopiedEntry?

    package init(name: String) { self.name = name }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension QueuedStorage {
    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try FileName.validate(name)
        try await start()
        var request = SaveRequest(name: name)
        request.onCollision = options.replaces ? .replace : .skip
        if !options.replaces, try await !isNameAvailable(name, maxLength: nil) { throw taken(name) }
        guard let file = try await save(content, request, options: options) else { throw taken(name) }
        return StoredObject(name: file.name, size: file.size, sha256: file.sha256)
    }

    /// Saves content under a name, or a free one made of it, and queues its transfer unless the storage is delayed.
    ///
    /// When it returns, the bytes and their directory entry are synced, and the file's row and its transfer are
    /// committed. Neither the remote nor a worker need be up.
    ///
    /// - Parameters:
    ///   - name: The wanted name.
    ///   - content: The bytes.
    ///   - maxLength: The longest name allowed, in Unicode scalars.
    ///   - options: As for ``Storage/store(_:as:options:)``.
    /// - Returns: The name that the file really got.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name isn't allowed or can't be made to
    ///   fit, ``StorageError/Code/alreadyExists`` if it is taken and may not give way, or ``StorageError/Code/full``;
    ///   ``CatalogError`` if the save couldn't be committed, and then nothing is saved, except after
    ///   ``CatalogError/Code/outcomeUnknown``.
    public func save(
        _ name: String,
        _ content: FileContent,
        maxLength: Int? = nil,
        options: StoreOptions = StoreOptions()
    ) async throws -> String {
        var request = SaveRequest(name: name)
        request.maxLength = maxLength
        request.onCollision = options.replaces ? .replace : .rename
        guard let file = try await save(content, request, options: options) else { throw taken(name) }
        return file.name
    }

    private func taken(_ name: String) -> StorageError {
        StorageError(.alreadyExists, name: name, "the storage \"\(alias)\" has a file \"\(name)\" already")
    }
}

extension QueuedStorage {
    /// Keeps content, and saves it as asked.
    ///
    /// - Returns: The file's row; nil if the name is taken and nothing was to be done then.
    package func save(
        _ content: FileContent,
        _ request: SaveRequest,
        options: StoreOptions = StoreOptions(),
        record: Recorder? = nil
    ) async throws -> StoredFile? {
        try await start()
        return try await BlockingWork.saving.run {
            guard let first = try await self.firstName(request, asksCatalog: false) else { return nil }
            var staged = try await self.stage(content, options: options)
            staged.contentType = options.contentType ?? content.contentType ?? staged.contentType
            let file = try await self.commit(staged, first, request, record: record)
            content.removeSourceIfTemporary()
            return file
        }
    }

    /// Keeps content, synced, without a name.
    package func stage(_ content: FileContent, options: StoreOptions = StoreOptions()) async throws -> StagedFile {
        let staged = try await local.stage(
            content,
            computesSHA256: options.computesSHA256 || self.options.hashesOnSave
        )
        options.progress?(staged.size)
        return staged
    }

    /// The name to begin with; nil if it is taken and the request says to skip it then.
    ///
    /// Who commits by ``commit(_:_:_:isTaken:record:)`` need not ask the catalog if nothing is in the way locally: another name is
    /// found there if the catalog has this one.
    package func firstName(_ request: SaveRequest, asksCatalog: Bool = true) async throws -> String? {
        try FileName.validate(request.name)
        if let blocking = try await fileAbove(request.name) { throw blocked(request.name, by: blocking) }
        switch request.onCollision {
        case .rename:
            let name = try await availableName(request.name, maxLength: request.maxLength, isTaken: false) { name in
                guard FileName.fits(name, request.maxLength) else { return false }
                if !asksCatalog, try await !local.exists(name) { return true }
                return try await isNameAvailable(name, maxLength: request.maxLength)
            }
            try FileName.validate(name)
            return name
        case .replace:
            let name = FileName.withSlashes(request.name)
            guard FileName.fits(name, request.maxLength) else {
                throw FileName.refusal(name, "it is longer than \(request.maxLength ?? 0) characters")
            }
            return name
        case .skip: return try await isNameAvailable(request.name, maxLength: request.maxLength) ? request.name : nil
        }
    }

    /// Commits kept bytes under a name, and gives it to them.
    ///
    /// - Returns: The file's row; nil if the name is taken and the request says to skip it then. The kept bytes are
    ///   discarded then, and after an error that proves that nothing was committed; but not those of a taken file,
    ///   which stay where they were taken.
    package func commit(
        _ staged: StagedFile,
        _ first: String,
        _ request: SaveRequest,
        isTaken: Bool = false,
        record: Recorder? = nil
    ) async throws -> StoredFile? {
        var name = first
        do {
            while true {
                do {
                    if request.onCollision == .replace { try await settle(name) }
                    let new = newFile(staged, name, request)
                    let file = try await (record ?? { [catalog] in try await catalog.record($0) })(new)
                    return try await finish(file, request)
                } catch let error as CatalogError where error.code == .unsettled {
                    // Somebody replaced the file since it was settled: it is settled again.
                    continue
                } catch let error as CatalogError where error.code == .nameTaken {
                    if let deleted = try await catalog.deletedFile(name, in: alias) {
                        try await removeLocal(deleted)
                    } else if request.onCollision == .rename {
                        name = try await availableName(request.name, maxLength: request.maxLength)
                    } else if request.onCollision == .skip {
                        if !isTaken { await discard(staged) }
                        return nil
                    }
                }
            }
        } catch let error as CatalogError where error.code == .outcomeUnknown {
            // The row may be there after all: the bytes stay, and recovery decides.
            throw error
        } catch {
            if !isTaken { await discard(staged) }
            throw error
        }
    }

    private func newFile(_ staged: StagedFile, _ name: String, _ request: SaveRequest) -> NewFile {
        let dueAt: Date? =
            switch request.schedule {
            case .automatic: isDelayed ? nil : time.now
            case .delayed: nil
            case .at(let date): date
            }
        return NewFile(
            storage: alias,
            name: name,
            staged: staged,
            replaces: request.onCollision == .replace,
            task: task.name,
            dueAt: dueAt,
            owner: request.owner,
            copiedEntry: request.copiedEntry
        )
    }

    /// Places a committed file; from here nothing may discard its bytes.
    package func finish(_ file: StoredFile, _ request: SaveRequest) async throws -> StoredFile {
        var file = file
        do {
            while try await !place(file) {
                // Something that the catalog doesn't know took the name since we looked, or a directory of it.
                let wanted = try await unblocked(request.name)
                let name = try await availableName(wanted, maxLength: request.maxLength)
                do {
                    guard let renamed = try await catalog.rename(file, to: name) else { return file }
                    file = renamed
                } catch let error as CatalogError where error.code == .nameTaken {
                    continue
                }
            }
        } catch {
            // The save has happened: reads find the bytes at their place, and who settles next, or recovery, gives them
            // their name.
            placeLater(file, request)
            logger.warning(
                "a saved file could not be given its name yet",
                metadata: ["storage": "\(alias)", "name": "\(file.name)", "error": "\(error)"]
            )
        }
        return file
    }

    /// Settles the file that has a name, so that it can be replaced without its bytes coming back.
    private func settle(_ name: String) async throws {
        guard let old = try await catalog.file(name, in: alias), let place = old.place else { return }
        try await settle()
        let local = local
        try await noteFormerSHA256(old)
        let isOurs = try await catalog.place(old) { _ = try local.place(place, as: old.name, replacing: old.replaces) }
        // It was settled just now, or got another name; who records over it learns whether it is in the way still.
        guard isOurs else { return }
        try await blocking { try local.sync(names: [old.name], places: [place]) }
        try await catalog.settle([old])
    }

    private func discard(_ staged: StagedFile) async {
        let local = local
        // What can't be discarded now is litter, and goes with this process's token.
        _ = try? await blocking { try local.discard(staged.place) }
    }
}

// MARK: - Deleting

extension QueuedStorage {
    /// Deletes a file: from now on it is gone; its copies are removed at once locally, and by a worker on the remote.
    ///
    /// A transfer that is queued or runs is cancelled. A file that the catalog doesn't know is deleted on both sides.
    ///
    /// - Parameter name: The file's name.
    /// - Throws: ``CatalogError`` if the deletion couldn't be committed; for a file that the catalog doesn't know, what
    ///   either side throws.
    public func delete(_ name: String) async throws {
        try await start()
        guard let deleted = try await catalog.delete(name, in: alias) else { return try await deleteForeign(name) }
        do {
            try await removeLocal(deleted)
        } catch {
            // The deletion is committed, and a job of its own removes the bytes.
            logger.warning(
                "the local copy of a deleted file could not be removed yet",
                metadata: ["storage": "\(alias)", "name": "\(name)", "error": "\(error)"]
            )
        }
    }

    /// Removes the local bytes of a file that is deleted, or on the remote.
    package func removeLocal(_ file: StoredFile) async throws {
        let local = local
        if file.state == .deleting { try await noteFormerSHA256(file) }
        _ = try await catalog.removeLocal(file) { row in
            do {
                try local.removeCopy(row.name, place: row.place)
            } catch let error as StorageError where error.code == .isDirectory {
                // The bytes went before, without a commit, and the name has become a directory since.
            }
            try local.sync(names: [row.name], places: row.place.map { [$0] } ?? [])
        }
    }
}
