public import QueuedStorageCore

extension S3Storage {
    /// Opens an object for reading; a connection that breaks midway is replaced, as long as the object is the same.
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let key = try location.key(name)
        if let range, range.isEmpty || range.upperBound <= 0 {
            _ = try await description(of: name)
            return FileReader([])
        }
        let start = max(0, range?.lowerBound ?? 0)
        let first: S3Response
        do {
            first = try await get(key, name, from: start, to: range?.upperBound, etag: nil)
        } catch let refusal as S3Refusal where refusal.failure.status == 416 {
            // The object is there, and ends before the range.
            return FileReader([])
        } catch let error as StorageError where error.code == .notFound {
            throw missing(name, "opened")
        }
        return reader(of: key, name, start, range?.upperBound, first)
    }

    private func get(_ key: String, _ name: String, from start: Int64, to end: Int64?, etag: String?) async throws
        -> S3Response
    {
        var request = S3Request("GET", key, verb: "read", name: name)
        request.expectsETag = true
        if start > 0 || end != nil {
            request.headers.append(("range", "bytes=\(start)-\(end.map { String($0 - 1) } ?? "")"))
        }
        if let etag { request.headers.append(("if-match", "\"\(etag)\"")) }
        return try await client.send(request, refusals: ["InvalidRange", "HTTP 416"])
    }

    private func reader(
        of key: String,
        _ name: String,
        _ start: Int64,
        _ end: Int64?,
        _ first: S3Response
    ) -> FileReader {
        // A server that knows no ranges sends everything.
        let skip = first.status == 200 ? start : 0
        let available = first.body.size.map { max(0, $0 - skip) }
        let size = available.map { available in end.map { min($0 - start, available) } ?? available }
        return FileReader(size: size) { [self] in
            let download = Shared(Download(next: first.body.makeAsyncIterator().read, skip: skip))
            return {
                while true {
                    var state = download.value
                    let limit = size.map { $0 - state.count }
                    if let limit, limit <= 0 { return nil }
                    do {
                        guard let buffer = try await state.next() else { return nil }
                        let kept = state.take(buffer, limit: limit)
                        download.value = state
                        if !kept.isEmpty { return kept }
                    } catch let error as StorageError where state.canContinue(after: error) {
                        let position = start + state.count
                        let rest = try await self.get(
                            key,
                            name,
                            from: position,
                            to: size.map { start + $0 },
                            etag: first.etag
                        )
                        state.next = rest.body.makeAsyncIterator().read
                        state.skip = rest.status == 200 ? position : 0
                        state.continuations += 1
                        download.value = state
                    }
                }
            }
        }
    }
}

/// Where a download stands.
private struct Download: Sendable {
    var next: FileReader.Next
    /// How many bytes come before those that are wanted.
    var skip: Int64
    /// How many bytes were handed over.
    var count: Int64 = 0
    /// How often it broke off and was gone on with.
    var continuations = 0

    /// Whether it is worth going on after it broke off.
    func canContinue(after error: StorageError) -> Bool {
        continuations < 3 && [.failed, .timedOut].contains(error.code)
    }

    /// What is wanted of a buffer.
    mutating func take(_ buffer: [UInt8], limit: Int64?) -> [UInt8] {
        if skip == 0, limit.map({ $0 >= buffer.count }) ?? true {
            count += Int64(buffer.count)
            return buffer
        }
        let dropped = min(skip, Int64(buffer.count))
        skip -= dropped
        var rest = buffer.dropFirst(Int(dropped))
        if let limit { rest = rest.prefix(Int(min(limit, Int64(rest.count)))) }
        count += Int64(rest.count)
        return Array(rest)
    }
}
