public import QueuedStorageCore
import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: ExclusiveStorage, DurableStorage, RetryingStorage {
    /// Whether a commit waits until its log is on the disk; PostgreSQL doesn't with `synchronous_commit` or `fsync` off.
    public var isDurable: Bool {
        get async throws { try await act("looked up", "", .read) { [tables] in try tables.commitsDurably($0) } }
    }

    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await storeFirstFree(content, name, options, next: nil)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try await withoutActuallyEscaping(next) { try await storeFirstFree(content, name, options, next: $0) }
    }

    private func storeFirstFree(
        _ content: FileContent,
        _ name: String,
        _ options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        try Task.checkCancellation()
        try FileName.validate(name)
        var (name, key) = (name, try resolve(name))
        await removeUnread()
        let reader = try await blocking { try content.reader() }
        // Asked first, so that a large content isn't read in vain; a small one has room in one statement.
        if !options.replaces, reader.size ?? .max > Int64(chunkSize) {
            while try await exists(key) {
                guard let next else { throw taken(name) }
                name = try await next(name)
                key = try resolve(name)
            }
        }
        let source = ContentPieces(reader, pieceSize: chunkSize)
        let first = try await source.chunks()
        var new = NewRow(name: key, size: 0, chunkSize: chunkSize)
        new.contentType = options.contentType ?? content.contentType
        if first.count <= 1, try await source.isAtEnd {
            (new.size, new.sha256) = try await source.total()
            try Task.checkCancellation()
            let stored = try await storeSmall(new, first.first, options, next: next)
            options.progress?(new.size)
            return object(stored, options)
        }
        let upload = "store-\(options.temporaryTag ?? "")-\(FileName.randomIdentifier())"
        let id = try await begin(upload, name)
        do {
            try await send(first, from: source, to: id, of: name, progress: options.progress)
            (new.size, new.sha256) = try await source.total()
            try Task.checkCancellation()
            try await publish(id, upload, &new, replacing: options.replaces, next: next)
            return object(new, options)
        } catch {
            // It is a left-over if the database can't be reached any more.
            try? await removeUpload(id)
            throw error
        }
    }

    private func storeSmall(
        _ new: NewRow,
        _ chunk: Chunk?,
        _ options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> NewRow {
        var new = new
        while true {
            let row = new
            let work: SQLWork = tables.dialect == .sqlite ? .transaction : .statement
            let outcome = try await act("stored", row.name, work, isCancellable: false) {
                try tables.store(row, chunk, $0)
            }
            switch outcome {
            case .stored: return row
            case .damaged: throw damagedOnTheWay(row.name)
            case .taken where options.replaces:
                // A file that has the name stays until the new one can take its place.
                let upload = "store-\(options.temporaryTag ?? "")-\(FileName.randomIdentifier())"
                let id = try await begin(upload, row.name)
                do {
                    if let chunk { try await insert([chunk], of: id, row.name) }
                    try await publish(id, upload, &new, replacing: true, next: nil)
                    return new
                } catch {
                    try? await removeUpload(id)
                    throw error
                }
            case .taken:
                guard let next else { throw taken(row.name) }
                new.name = try resolve(try await next(row.name))
            }
        }
    }

    private func object(_ row: NewRow, _ options: StoreOptions) -> StoredObject {
        StoredObject(
            name: row.name,
            size: row.size,
            sha256: options.computesSHA256 ? row.sha256?.hexadecimal : nil,
            // PostgreSQL computed the checksum of each chunk, and each was compared.
            verifiedBy: tables.dialect == .postgres && row.sha256 != nil ? .sha256 : nil
        )
    }
}

// MARK: - Parts of it

extension DatabaseStorage {
    func begin(_ upload: String, _ name: String) async throws -> Int64 {
        try await act("stored", name, .statement, isCancellable: false) { [chunkSize] in
            try tables.begin(upload, chunkSize: chunkSize, $0).id
        }
    }

    /// Sends chunks, reading the next ones while some are on their way.
    ///
    /// - Returns: How many bytes were sent.
    @discardableResult
    func send(
        _ first: [Chunk],
        from source: ContentPieces,
        to id: Int64,
        of name: String,
        progress: (@Sendable (Int64) -> Void)?
    ) async throws -> Int64 {
        var batch = first
        var byteCount: Int64 = 0
        while !batch.isEmpty {
            try Task.checkCancellation()
            async let next = source.chunks()
            try await insert(batch, of: id, name)
            byteCount += batch.reduce(0) { $0 + Int64($1.bytes.count) }
            progress?(byteCount)
            batch = try await next
        }
        return byteCount
    }

    func insert(_ chunks: [Chunk], of id: Int64, _ name: String) async throws {
        let work: SQLWork = tables.dialect == .sqlite ? .transaction : .statement
        guard try await act("stored", name, work, { try tables.insert(chunks, of: id, $0) }) else {
            throw damagedOnTheWay(name)
        }
    }

    /// Gives an upload its name, or the next one if it is taken.
    func publish(
        _ id: Int64,
        _ upload: String,
        _ new: inout NewRow,
        replacing: Bool,
        next: (@Sendable (String) async throws -> String)?
    ) async throws {
        var attempts = 16
        while true {
            let row = new
            do {
                guard replacing else {
                    guard
                        try await act(
                            "stored",
                            row.name,
                            .statement,
                            isCancellable: false,
                            {
                                try tables.publish(id, upload, as: row, $0)
                            }
                        )
                    else { throw notWhole(row.name) }
                    return
                }
                let (isWhole, old) = try await act("stored", row.name, .transaction, isCancellable: false) { session in
                    let old = try tables.unname(row.name, session)
                    let isWhole = try tables.publish(id, upload, as: row, createdAt: old?.createdAt, session)
                    // The transaction must not end well, or the old file would be gone.
                    if !isWhole { throw notWhole(row.name) }
                    return (isWhole, old?.id)
                }
                if isWhole, let old { try? await removeRest(of: old, named: row.name) }
                return
            } catch let error as StorageError where error.code == .alreadyExists {
                if replacing {
                    // Somebody else stored or replaced it at the same moment.
                    attempts -= 1
                    guard attempts > 0 else { throw error }
                } else {
                    guard let next else { throw taken(row.name) }
                    new.name = try resolve(try await next(row.name))
                }
            }
        }
    }

    /// Removes what isn't published; nobody can publish it any more then.
    func removeUpload(_ id: Int64) async throws {
        guard try await act("removed", "", .statement, isCancellable: false, { try tables.claim(id, $0) }) else {
            return
        }
        try await removeRest(of: id)
    }

    func taken(_ name: String) -> StorageError {
        StorageError(
            .alreadyExists,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be stored in \(database.address): the name is taken."
        )
    }

    private func notWhole(_ name: String) -> StorageError {
        StorageError(
            .failed,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be stored in \(database.address): its upload was removed by somebody "
                + "else meanwhile, or isn't whole."
        )
    }

    func damagedOnTheWay(_ name: String) -> StorageError {
        StorageError(
            .damaged,
            name: name,
            "The file \(FileName.quoted(name)) couldn't be stored in \(database.address): the server got other bytes than were "
                + "sent."
        )
    }
}

extension ContentPieces {
    /// The next pieces with their checksums, as many as go to the database at once.
    func chunks() async throws -> [Chunk] {
        try await next(upTo: DatabaseStorage.batchSize).map { Chunk(number: $0.number, bytes: $0.bytes) }
    }
}
