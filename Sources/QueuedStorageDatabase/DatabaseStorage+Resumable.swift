import FoundationEssentials
public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: ResumableStorage {
    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        let key = "upload-\(upload.id)"
        guard let row = try await act("resumed", upload.name, .read, { try tables.find(upload: key, $0) }) else {
            return 0
        }
        let few = max(1, 4 * Self.batchSize / Int(row.chunkSize))
        var size: Int64 = 0
        var number: Int64 = 0
        check: while true {
            let first = number
            let sizes = try await act("resumed", upload.name, .read) {
                try tables.soundChunks(of: row.id, from: first, limit: few, $0)
            }
            for part in sizes {
                size += part
                number += 1
                // Only the last one may be shorter.
                if part < row.chunkSize { break check }
            }
            if sizes.count < few { break }
        }
        // What isn't sound, or lies behind a gap, comes again.
        let end = number
        while try await act(
            "resumed",
            upload.name,
            .statement,
            isCancellable: false,
            {
                try tables.removeChunks(of: row.id, from: end, limit: few, $0)
            }
        ) {}
        return size
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let key = "upload-\(upload.id)"
        let name = upload.name
        let (row, last) = try await act("stored", name, .transaction) { [chunkSize] session in
            if offset == 0 { _ = try tables.begin(key, chunkSize: chunkSize, session) }
            guard var row = try tables.find(upload: key, session) else { throw Self.wrongOffset(offset, 0) }
            let extent = try tables.extent(of: row.id, session)
            guard extent.size == offset, extent.isContiguous else { throw Self.wrongOffset(offset, extent.size) }
            row.size = extent.size
            let rest = offset % row.chunkSize
            let last = rest > 0 ? try tables.chunk(offset / row.chunkSize, of: row.id, part: nil, session) : nil
            return (row, last?[1].bytes ?? [])
        }
        let reader = try await blocking { try content.reader() }
        let source = ContentPieces(
            reader,
            pieceSize: Int(row.chunkSize),
            number: offset / row.chunkSize,
            prefix: last,
            hash: running.take(key, at: offset)
        )
        var first = try await source.chunks()
        var sent: Int64 = 0
        if !last.isEmpty, let extended = first.first {
            guard try await act("stored", name, .statement, { try tables.extend(extended, of: row.id, $0) }) else {
                throw damagedOnTheWay(name)
            }
            sent = Int64(extended.bytes.count - last.count)
            options.progress?(sent)
            first.removeFirst()
            if first.isEmpty { first = try await source.chunks() }
        }
        let before = sent
        do {
            sent += try await send(first, from: source, to: row.id, of: name) { options.progress?(before + $0) }
        } catch let error as StorageError where error.code == .alreadyExists {
            throw StorageError(
                .failed,
                name: name,
                "The upload \(FileName.quoted(upload.id)) is being written by somebody else."
            )
        }
        running.keep(key, await source.checksum(), at: offset + sent)
        _ = try await source.total()
        return offset + sent
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        let key = "upload-\(upload.id)"
        try FileName.validate(upload.name)
        let name = try resolve(upload.name)
        let found = try await act("stored", upload.name, .read) { session in
            try tables.find(upload: key, session).map { ($0, try tables.extent(of: $0.id, session)) }
        }
        guard let (row, extent) = found else {
            throw StorageError(.notFound, name: name, "The upload \(FileName.quoted(upload.id)) isn't known.")
        }
        var new = NewRow(name: name, size: extent.size, chunkSize: Int(row.chunkSize))
        new.contentType = options.contentType
        let hash = running.take(key, at: extent.size)
        new.sha256 = hash?.bytes(.sha256)
        do {
            try await publish(row.id, key, &new, replacing: options.replaces, next: nil)
        } catch {
            running.keep(key, hash, at: extent.size)
            throw error
        }
        await removeUnread()
        return StoredObject(
            name: name,
            size: new.size,
            sha256: options.computesSHA256 ? new.sha256?.hexadecimal : nil,
            verifiedBy: tables.dialect == .postgres && new.sha256 != nil ? .sha256 : nil
        )
    }

    public func abandon(_ upload: Upload) async throws {
        let key = "upload-\(upload.id)"
        running.forget(key)
        guard let row = try await act("abandoned", upload.name, .read, { try tables.find(upload: key, $0) }) else {
            return
        }
        try await removeUpload(row.id)
    }

    private static func wrongOffset(_ offset: Int64, _ size: Int64) -> SQLFailure {
        SQLFailure(.failed, "its upload has \(size) bytes, so that none belong at \(offset)")
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: LeftoverStorage {
    public func leftovers() async throws -> [Leftover] {
        await removeUnread()
        return try await act("looked up", "", .read) { try tables.unpublished($0) }.map { row in
            Leftover(
                id: "\(row.id)",
                purpose: row.upload,
                byteCount: row.size,
                touchedAt: Date(timeIntervalSince1970: Double(row.touchedAt) / 1000)
            )
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        guard let id = Int64(leftover.id) else {
            throw StorageError(.invalidName, "\(FileName.quoted(leftover.id)) is no left-over of this storage.")
        }
        try await removeUpload(id)
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: CopyingStorage {
    public func copy(_ source: String, to destination: String) async throws {
        try FileName.validate(destination)
        let (from, to) = (try resolve(source), try resolve(destination))
        let reading = readings.begin(from)
        defer { withExtendedLifetime(reading) {} }
        let found = try await act("copied", source, .read) { session in
            try tables.find(from, session).map {
                (
                    $0, try tables.value("sha256", of: from, session),
                    try tables.value("\"contentType\"", of: from, session)
                )
            }
        }
        guard let (file, sha256, contentType) = found else { throw missing(source) }
        if try await exists(to) { throw taken(destination) }
        let upload = "copy-\(FileName.randomIdentifier())"
        let id = try await act("copied", source, .statement, isCancellable: false) {
            try tables.begin(upload, chunkSize: Int(file.chunkSize), $0).id
        }
        do {
            let few = max(1, Int64(4 * Self.batchSize) / file.chunkSize)
            var number: Int64 = 0
            while number < file.chunkCount {
                let numbers = number..<min(number + few, file.chunkCount)
                let count = try await act("copied", source, .transaction) {
                    try tables.copyChunks(of: file.id, to: id, numbers, $0)
                }
                guard count == numbers.count else {
                    throw StorageError(
                        .failed,
                        name: source,
                        "The file \(FileName.quoted(source)) was replaced, deleted or damaged while it was copied; try again."
                    )
                }
                number = numbers.upperBound
            }
            var new = NewRow(name: to, size: file.size, chunkSize: Int(file.chunkSize))
            new.sha256 = sha256?.bytes
            new.contentType = contentType?.text
            try await publish(id, upload, &new, replacing: false, next: nil)
        } catch {
            try? await removeUpload(id)
            throw error
        }
    }
}
