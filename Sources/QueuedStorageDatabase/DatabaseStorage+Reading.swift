public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let key = try resolve(name)
        let reading = readings.begin(key)
        let start = max(0, range?.lowerBound ?? 0)
        let found = try await act("opened", name, .read) { try tables.open(key, at: start, $0) }
        guard let (file, first) = found else { throw missing(name) }
        let whole = 0..<file.size
        let wanted = range?.clamped(to: whole) ?? whole
        guard !wanted.isEmpty else { return FileReader(size: 0) { { nil } } }
        let head = try part(of: first, number: wanted.lowerBound / file.chunkSize, file, wanted, name)
        return FileReader(size: Int64(wanted.count)) {
            let position = Shared<(next: Int64, head: [UInt8]?)>((wanted.lowerBound, head))
            return {
                // The reading lasts as long as this closure does.
                defer { withExtendedLifetime(reading) {} }
                var (next, head) = position.value
                guard next < wanted.upperBound else { return nil }
                if head == nil { head = try await read(next / file.chunkSize, of: file, wanted, name) }
                next += Int64(head?.count ?? 0)
                position.value = (next, nil)
                return head
            }
        }
    }

    /// Reads what is wanted of a chunk.
    private func read(_ number: Int64, of file: FileRow, _ wanted: Range<Int64>, _ name: String) async throws -> [UInt8]
    {
        let bounds = bounds(of: number, file)
        let part = wanted.clamped(to: bounds)
        let row = try await act("read", name, .read) { session in
            try tables.chunk(
                number,
                of: file.id,
                part: part == bounds ? nil : part.lowerBound - bounds.lowerBound..<part.upperBound - bounds.lowerBound,
                session
            )
        }
        if part == bounds { return try self.part(of: row ?? [], number: number, file, wanted, name) }
        if let bytes = row?[1].bytes, bytes.count == part.count { return bytes }
        throw try await lost(number, of: file, name)
    }

    /// Cuts what is wanted out of a whole chunk, once it is known to be sound.
    private func part(
        of row: SQLRow,
        number: Int64,
        _ file: FileRow,
        _ wanted: Range<Int64>,
        _ name: String
    ) throws -> [UInt8] {
        let bounds = bounds(of: number, file)
        guard row.count == 2, let sha256 = row[0].bytes, let bytes = row[1].bytes else {
            throw changed(name)
        }
        guard bytes.count == bounds.count, Chunk(number: number, bytes: bytes).sha256 == sha256 else {
            throw damaged(number, name)
        }
        let part = wanted.clamped(to: bounds)
        if part == bounds { return bytes }
        return Array(bytes[Int(part.lowerBound - bounds.lowerBound)..<Int(part.upperBound - bounds.lowerBound)])
    }

    private func bounds(of number: Int64, _ file: FileRow) -> Range<Int64> {
        number * file.chunkSize..<min((number + 1) * file.chunkSize, file.size)
    }

    /// Why a chunk isn't there.
    private func lost(_ number: Int64, of file: FileRow, _ name: String) async throws -> StorageError {
        let isThere = try await act("read", name, .read) { try tables.isThere(file.id, $0) }
        return isThere ? damaged(number, name) : changed(name)
    }

    private func changed(_ name: String) -> StorageError {
        StorageError(
            .failed,
            name: name,
            "The file \(FileName.quoted(name)) was replaced or deleted by another process while it was read; open it again."
        )
    }

    func damaged(_ number: Int64, _ name: String) -> StorageError {
        StorageError(
            .damaged,
            name: name,
            "The file \(FileName.quoted(name)) is damaged in \(database.address): its chunk \(number) isn't what was stored."
        )
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension DatabaseStorage: ChecksumStorage {
    /// The SHA-256 of the file, once every chunk was found to be what it was when the SHA-256 was computed: by
    /// PostgreSQL on the server, by SQLite in this process.
    public func checksum(_ name: String) async throws -> Checksum? {
        let key = try resolve(name)
        let reading = readings.begin(key)
        defer { withExtendedLifetime(reading) {} }
        let found = try await act("checked", name, .read) { session in
            try tables.find(key, session).map { ($0, try tables.value("sha256", of: key, session)?.bytes) }
        }
        guard let (file, sha256) = found else { throw missing(name) }
        guard let sha256 else { return nil }
        let few = max(1, 4 * Self.batchSize / Int(file.chunkSize))
        var number: Int64 = 0
        while number < file.chunkCount {
            let first = number
            let sizes = try await act("checked", name, .read) {
                try tables.soundChunks(of: file.id, from: first, limit: few, $0)
            }
            for size in sizes {
                guard size == bounds(of: number, file).count else { throw damaged(number, name) }
                number += 1
            }
            if sizes.count < few, number < file.chunkCount { throw try await lost(number, of: file, name) }
        }
        return Checksum(.sha256, sha256.hexadecimal)
    }
}
