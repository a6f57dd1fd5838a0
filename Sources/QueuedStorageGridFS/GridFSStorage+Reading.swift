public import QueuedStorageCore

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension GridFSStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let key = try resolve(name)
        let reading = readings.begin(key)
        guard let revision = try await act("opened", name, { try bucket.newest(key, $0) }) else { throw missing(name) }
        let whole = 0..<revision.length
        let wanted = range?.clamped(to: whole) ?? whole
        guard !wanted.isEmpty else { return FileReader(size: 0) { { nil } } }
        let last = (wanted.upperBound - 1) / revision.chunkSize
        return FileReader(size: Int64(wanted.count)) {
            let state = Shared<(next: Int64, ahead: [Chunk])>((wanted.lowerBound / revision.chunkSize, []))
            return {
                // The reading lasts as long as this closure does.
                defer { withExtendedLifetime(reading) {} }
                var (next, ahead) = state.value
                guard next <= last else { return nil }
                if ahead.isEmpty {
                    // As many at once as make a batch, whatever the size of others' chunks.
                    let count = max(1, Int64(Self.batchSize) / revision.chunkSize)
                    let numbers = next..<next + min(last + 1 - next, count)
                    ahead = try await act("read", name) { try bucket.chunks(of: revision.id, numbers, $0) }
                }
                let chunk = ahead.isEmpty ? nil : ahead.removeFirst()
                let part = try await part(of: chunk, number: next, revision, wanted, name)
                next += 1
                state.value = (next, ahead)
                return part
            }
        }
    }

    /// Cuts what is wanted out of a chunk, once it is known to be the right one, and whole.
    private func part(
        of chunk: Chunk?,
        number: Int64,
        _ revision: Revision,
        _ wanted: Range<Int64>,
        _ name: String
    ) async throws -> [UInt8] {
        let bounds = revision.bounds(of: number)
        guard let chunk, chunk.number == number, chunk.bytes.count == bounds.count else {
            let isThere = try await act("read", name) { try bucket.isPublished(revision.id, $0) }
            throw isThere
                ? StorageError(
                    .damaged,
                    name: name,
                    "The file \(FileName.quoted(name)) is damaged in \(place): its chunk \(number) is missing or too short."
                )
                : StorageError(
                    .failed,
                    name: name,
                    "The file \(FileName.quoted(name)) was replaced or deleted by another process while it was read; open it "
                        + "again."
                )
        }
        let part = wanted.clamped(to: bounds)
        if part == bounds { return chunk.bytes }
        return Array(chunk.bytes[Int(part.lowerBound - bounds.lowerBound)..<Int(part.upperBound - bounds.lowerBound)])
    }
}
