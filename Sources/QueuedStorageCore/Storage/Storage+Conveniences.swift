extension Storage {
    /// Opens a whole file for reading.
    ///
    /// ```swift
    /// for try await buffer in try await photos.open("2026/cat.jpg") { … }
    /// ```
    ///
    /// - Parameter name: The file's name.
    /// - Returns: The bytes, in buffers, to be iterated once.
    /// - Throws: ``StorageError`` with ``StorageError/Code/notFound`` if there is no such file.
    public func open(_ name: String) async throws -> FileReader { try await open(name, range: nil) }

    /// Saves content under a name, or under a free one that is made of it.
    ///
    /// The name is validated before anything is looked up, again when a free one was found, and once more when the
    /// storage said what it stored. If somebody else takes the name meanwhile, another one is found.
    /// ```swift
    /// let name = try await photos.save("2026/cat.jpg", .file("cat.jpg"))     // "2026/cat_Xk2p9Qa.jpg" if that was taken
    /// ```
    ///
    /// - Parameters:
    ///   - name: The wanted name; backslashes count as separators.
    ///   - content: The bytes.
    ///   - maxLength: The longest name allowed, in Unicode scalars; no limit if nil.
    ///   - options: What to compute, whom to tell of progress, and whether a file of the name gives way, in one step.
    /// - Returns: The name that the file really has.
    /// - Throws: ``StorageError`` with ``StorageError/Code/invalidName`` if the name isn't allowed or can't be made to fit,
    ///   or with ``StorageError/Code/alreadyExists`` if the name was lost to somebody else after a stream had been read.
    public func save(
        _ name: String,
        _ content: FileContent,
        maxLength: Int? = nil,
        options: StoreOptions = StoreOptions()
    ) async throws -> String {
        try FileName.validateForm(name)
        var candidate = try await firstName(name, maxLength: maxLength, options: options)
        let stored: StoredObject
        if let storage = self as? any RetryingStorage {
            stored = try await storage.store(content, as: candidate, options: options) {
                try await checkedName($0, maxLength: maxLength)
            }
        } else {
            let once = OnceReadContent(content)
            while true {
                do {
                    stored = try await store(once.content, as: candidate, options: options)
                    break
                } catch let error as StorageError where error.code == .alreadyExists && !once.wasRead {
                    candidate = try await checkedName(candidate, maxLength: maxLength)
                }
            }
        }
        try FileName.validate(stored.name)
        content.removeSourceIfTemporary()
        return stored.name
    }

    private func firstName(_ name: String, maxLength: Int?, options: StoreOptions) async throws -> String {
        let candidate =
            options.replaces
            ? FileName.withSlashes(name) : try await availableName(name, maxLength: maxLength)
        guard FileName.fits(candidate, maxLength) else {
            throw FileName.refusal(name, "it is longer than \(maxLength ?? 0) characters")
        }
        try FileName.validate(candidate)
        return candidate
    }

    /// A free name in place of one that turned out to be taken.
    private func checkedName(_ name: String, maxLength: Int?) async throws -> String {
        try Task.checkCancellation()
        let next = try await availableName(name, maxLength: maxLength)
        // A storage that finds a name free and taken at once gets another one.
        let other =
            NameKey(next) == NameKey(name)
            ? try await availableName(name, maxLength: maxLength, isTaken: true) : next
        try FileName.validate(other)
        return other
    }
}

/// A storage that can go on with another name once it has read the content, so that a stream needs no second reading.
package protocol RetryingStorage: Storage {
    /// Stores content under the first free one of several names.
    ///
    /// - Parameters:
    ///   - content: The bytes; read once.
    ///   - name: The first name to try.
    ///   - options: As for ``Storage/store(_:as:options:)``.
    ///   - next: Makes the next name of one that is taken.
    /// - Returns: What was stored, and under which of the names.
    /// - Throws: ``StorageError``, and what `next` throws; nothing of the content stays behind then.
    func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject
}

/// Content that tells whether its stream was begun.
private struct OnceReadContent: Sendable {
    let content: FileContent
    private let mark = Shared(false)

    var wasRead: Bool { mark.value }

    init(_ content: FileContent) {
        guard case .stream(let reader) = content.source else {
            self.content = content
            return
        }
        let marked = FileReader(size: reader.size) { [mark] in
            mark.value = true
            return reader.makeAsyncIterator().read
        }
        self.content = FileContent(.stream(marked), contentType: content.contentType)
    }
}
