import FoundationEssentials
import QueuedStorageCore

extension Model {
    /// Keeps the bytes of new content, synced, so that the application's own transaction can write the row.
    ///
    /// Files of content that is staged already get other names if theirs were taken meanwhile: after a `CatalogError` with
    /// `nameTaken`, stage again and repeat the transaction. Bytes that are never recorded go when the last copy of the model
    /// does, or with ``discardStagedFiles()``.
    /// ```swift
    /// try await photo.stageFiles()
    /// try await pool.write { [photo] db in try photo.inserted(db) }
    /// ```
    ///
    /// - Throws: `StorageError` if bytes can't be kept, or a name isn't allowed; nothing is kept then.
    public mutating func stageFiles() async throws {
        try await chooseNames()
        var row = self
        _ = try await row.stage()
        self = row
    }

    /// Discards bytes that were staged and never recorded.
    ///
    /// Their fields can't be saved any more.
    public func discardStagedFiles() async {
        for staged in stagedFiles { await staged.discard() }
    }

    /// Waits until the bytes of files that the application's own transaction recorded have their names; reads need not wait.
    ///
    /// - Throws: `StorageError` if they can't get them now; recovery tries again.
    package func placed() async throws {
        for staged in stagedFiles { try await staged.placed() }
    }

    /// The staged files of the fields.
    var stagedFiles: [StagedFieldFile] {
        Self.fileFields.fields.compactMap { field in
            if case .staged(let staged) = field.get(self) { staged } else { nil }
        }
    }

    /// Keeps the bytes of new content, side by side.
    ///
    /// - Returns: What was staged now.
    mutating func stage() async throws -> [StagedFieldFile] {
        var names = NamesInUse(self)
        var work: [(index: Int, settings: FieldSettings, file: UnsavedFile, request: SaveRequest, name: String)] = []
        for (index, field) in Self.fileFields.fields.enumerated() {
            guard case .unsaved(let file) = field.get(self) else { continue }
            let settings = field.settings()
            try await settings.storage.start()
            var request = SaveRequest(name: try settings.name(for: self, filename: file.filename))
            request.maxLength = settings.maxLength
            let name = try await names.choose(request, in: settings.storage)
            work.append((index, settings, file, request, name))
        }
        guard !work.isEmpty else { return [] }
        let outcomes = await withTaskGroup(of: (Int, Result<StagedFieldFile, any Error>).self) { group in
            for (index, settings, file, request, name) in work {
                group.addTask {
                    do {
                        var kept = try await settings.storage.stage(file.content)
                        kept.contentType = file.content.contentType ?? kept.contentType
                        let staged = StagedFieldFile(
                            kept,
                            name: name,
                            request: request,
                            source: file.content,
                            in: settings.storage
                        )
                        return (index, .success(staged))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let staged = outcomes.compactMap { try? $0.1.get() }
        do {
            for (index, outcome) in outcomes { Self.fileFields.fields[index].set(&self, .staged(try outcome.get())) }
        } catch {
            for staged in staged { await staged.discard() }
            throw error
        }
        return staged
    }

    /// Gives staged files that aren't recorded free names.
    func chooseNames() async throws {
        var names = NamesInUse(nil as Self?)
        for staged in stagedFiles where staged.recorded == nil {
            try await staged.chooseName(&names)
        }
    }
}

/// Names that files of one model are about to get: the catalog doesn't know them yet.
struct NamesInUse {
    private var names: Set<NameKey> = []

    /// Begins with the names of the files that a model has staged.
    init(_ model: (some Model)?) {
        for staged in model?.stagedFiles ?? [] { names.insert(Self.key(staged.name, staged.storage)) }
    }

    /// Finds a name that is free in the storage, and isn't about to be taken.
    mutating func choose(_ request: SaveRequest, in storage: QueuedStorage) async throws -> String {
        var name = try await storage.firstName(request) ?? request.name
        while !names.insert(Self.key(name, storage)).inserted {
            name = try await storage.availableName(request.name, maxLength: request.maxLength, isTaken: true)
        }
        return name
    }

    private static func key(_ name: String, _ storage: QueuedStorage) -> NameKey {
        NameKey("\(storage.alias)\n\(name)")
    }
}

extension StagedFieldFile {
    /// Takes a name that is free now.
    func chooseName(_ names: inout NamesInUse) async throws {
        rename(to: try await names.choose(request, in: storage))
    }
}
