import FoundationEssentials
import QueuedStorageCore
import QueuedStorageTransport

// Segments of the upload ID are the objects `.qstore/segments/ID/00000000`, `00000001` …; beside them, `name` holds
// the name that the upload is to have.
extension CloudFilesStorage {
    /// The container that segments lie in.
    var segmentContainer: String { configuration.segmentContainer ?? configuration.container }

    /// What the names of all segments begin with.
    var segmentPrefix: String { configuration.prefixed("\(FileName.privateComponent)/segments") + "/" }

    func segmentObject(_ id: String, _ index: Int) -> String {
        let digits = String(index)
        return "\(segmentPrefix)\(id)/" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    }

    private func nameObject(_ id: String) -> String { "\(segmentPrefix)\(id)/name" }

    static func checkIdentifier(_ id: String) throws {
        let isFit =
            !id.isEmpty && id.utf8.count <= 200
            && id.utf8.allSatisfy { $0 == 0x2D || $0 == 0x5F || Character(UnicodeScalar($0)).isASCIIWord }
        guard isFit else {
            throw StorageError(.invalidName, "The upload \(FileName.quoted(id)) can't be one: its name isn't allowed.")
        }
    }

    /// Sends all that a source has as segments behind those of a record; several at once, as many as memory may hold.
    ///
    /// - Parameters:
    ///   - source: The bytes.
    ///   - upload: The upload, whose journal learns of each segment that follows those before it without a gap.
    ///   - record: What the server holds so far.
    ///   - options: Whom to tell of progress.
    /// - Returns: What the server holds now.
    /// - Throws: `StorageError`, or what the source throws; segments that arrived stay.
    @discardableResult
    func append(
        _ source: ContentSource,
        to upload: Upload,
        _ record: UploadRecord,
        _ options: StoreOptions
    ) async throws -> UploadRecord {
        var record = record
        if record.segments.isEmpty { try await note(upload.name, for: upload.id, &record) }
        let plan = try await plan(for: source, after: record.byteCount)
        let progress = SegmentProgress(options.progress)
        return try await withThrowingTaskGroup(of: (Int, UploadRecord.Segment).self) { group in
            var (next, running) = (record.segments.count, 0)
            var done: [Int: UploadRecord.Segment] = [:]
            var failure: (any Error)?
            func collect() async throws {
                do {
                    guard let (index, segment) = try await group.next() else { return }
                    done[index] = segment
                } catch {
                    failure = failure ?? error
                }
                running -= 1
                let count = record.segments.count
                while let segment = done.removeValue(forKey: record.segments.count) { record.segments.append(segment) }
                if record.segments.count > count { try await record.write(to: upload.journal) }
            }
            while failure == nil, next < plan.maxSegments {
                let (index, size) = (next, plan.size(of: next))
                let isStreamed = size > configuration.maxBufferedSegmentSize
                while running > 0, failure == nil, isStreamed || running >= configuration.parallelSegments {
                    try await collect()
                }
                guard failure == nil else { break }
                do {
                    guard let body = try await body(of: source, size, isStreamed: isStreamed) else { break }
                    next += 1
                    running += 1
                    group.addTask {
                        (index, try await self.put(body, index, of: upload, progress.note(index)))
                    }
                    if isStreamed { try await collect() }
                } catch {
                    failure = error
                }
            }
            // Those on their way arrive whole, unless the task is cancelled; what follows a gap is sent again.
            if failure is CancellationError { group.cancelAll() }
            while running > 0 { try await collect() }
            if let failure { throw failure }
            guard try await source.next(upTo: 1) == nil else {
                throw StorageError(
                    .full,
                    name: upload.name,
                    "\(failed("stored", upload.name)): it is too large for \(plan.maxSegments) segments; set segmentSize"
                )
            }
            return record
        }
    }

    private func plan(for source: ContentSource, after byteCount: Int64) async throws -> SegmentPlan {
        var plan = SegmentPlan(segmentSize: Int64(configuration.segmentSize), maxSegments: 1000)
        plan.byteCount = source.size.map { $0 + byteCount }
        // Only what comes near the usual limit has to ask for the server's.
        if plan.byteCount ?? .max > plan.segmentSize * 100 { plan.maxSegments = try await serverInfo().maxSegments }
        return plan
    }

    /// The next segment of a source; nil at its end.
    private func body(of source: ContentSource, _ size: Int64, isStreamed: Bool) async throws -> UploadBody? {
        guard isStreamed else {
            let buffers = try await source.take(size)
            return buffers.isEmpty ? nil : UploadBody(buffers)
        }
        let head = try await source.take(1)
        guard !head.isEmpty else { return nil }
        source.putBack(head)
        guard let rest = source.size.map({ $0 - source.takenByteCount }) else {
            // Of unknown length: only what is in memory has a length.
            let buffers = try await source.take(size)
            return UploadBody(buffers)
        }
        return UploadBody(source, size: min(size, rest), computesMD5: true)
    }

    /// Stores one segment; one that was damaged or cut on its way is sent once more if it is still in memory.
    private func put(
        _ body: UploadBody,
        _ index: Int,
        of upload: Upload,
        _ progress: (@Sendable (Int64) -> Void)?
    ) async throws -> UploadRecord.Segment {
        do {
            return try await putOnce(body, index, of: upload, progress)
        } catch let error as StorageError where [.failed, .damaged].contains(error.code) && body.canBeSentAgain {
            try Task.checkCancellation()
            return try await putOnce(body, index, of: upload, progress)
        }
    }

    private func putOnce(
        _ body: UploadBody,
        _ index: Int,
        of upload: Upload,
        _ progress: (@Sendable (Int64) -> Void)?
    ) async throws -> UploadRecord.Segment {
        let failed = failed("stored", upload.name)
        var request = Account.Request(
            "PUT",
            path(segmentObject(upload.id, index), in: segmentContainer),
            headers: ["Content-Type": "application/octet-stream"],
            body: body
        )
        if body.isInMemory { request.headers["ETag"] = body.md5 }
        request.progress = progress
        let answer = try await send(request, needing: segmentContainer)
        if answer.status == 404 {
            try? await answer.discard()
            throw missingContainer(failed, segmentContainer)
        }
        guard answer.status == 201, let theirs = answer.etag else {
            throw await answer.swiftFailure(failed, name: upload.name)
        }
        try await answer.discard()
        guard theirs == body.md5 else {
            throw StorageError(
                .damaged,
                name: upload.name,
                "\(failed): the server's checksum of a segment is \(theirs) where ours is \(body.md5); it is sent again."
            )
        }
        return UploadRecord.Segment(size: body.size, md5: body.md5)
    }

    /// Notes the name that an upload is to have, where its segments lie.
    func note(_ name: String, for id: String, _ record: inout UploadRecord) async throws {
        let failed = failed("stored", name)
        let request = Account.Request(
            "PUT",
            path(nameObject(id), in: segmentContainer),
            headers: ["Content-Type": "text/plain; charset=utf-8"],
            body: UploadBody(Array(name.utf8))
        )
        let answer = try await send(request, needing: segmentContainer)
        if answer.status == 404 {
            try? await answer.discard()
            throw missingContainer(failed, segmentContainer)
        }
        guard answer.status == 201, answer.isSwifts || answer.etag != nil else {
            throw await answer.swiftFailure(failed, name: name)
        }
        try await answer.discard()
        record.name = name
    }

    /// The name that an upload was last to have; nil if nothing is noted.
    func notedName(of id: String) async throws -> String? {
        let answer = try await account.send(Account.Request("GET", path(nameObject(id), in: segmentContainer)))
        if answer.status == 404 {
            try? await answer.discard()
            return nil
        }
        guard answer.status == 200, answer.isSwifts else {
            throw await answer.swiftFailure("The upload \(FileName.quoted(id)) couldn't be looked up")
        }
        return String(validating: try await answer.collect(upTo: 1 << 16), as: UTF8.self)
    }

    /// What the server lists of an upload, by the objects' names.
    func listed(_ id: String) async throws -> [String: ListingEntry] {
        var entries: [String: ListingEntry] = [:]
        do {
            try await forEachPage(in: segmentContainer, prefix: "\(segmentPrefix)\(id)/", delimited: false) { page in
                for entry in page { entries[entry.key] = entry }
            }
        } catch let error as StorageError where error.code == .invalidConfiguration {
            // No container, no segments; storing says so.
        }
        return entries
    }

    /// Removes all objects of an upload.
    func removeUpload(_ id: String) async throws {
        let failed = "The upload \(FileName.quoted(id)) couldn't be removed"
        let names = try await listed(id).keys.sorted()
        // The name goes last: without it, nobody knows what the rest was for.
        let last = nameObject(id)
        try await removeObjects(names.filter { $0 != last }.map { path($0, in: segmentContainer) }, failed)
        try await removeObjects([path(last, in: segmentContainer)], failed)
    }

    /// Removes objects, several at once; those that are gone are removed.
    func removeObjects(_ paths: [String], query: String = "", _ failed: String) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, path) in paths.enumerated() {
                if index >= 8 { try await group.next() }
                group.addTask { [account] in
                    let answer = try await account.send(Account.Request("DELETE", path, query: query))
                    guard [200, 204, 404].contains(answer.status) else { throw await answer.swiftFailure(failed) }
                    try await answer.discard()
                }
            }
            try await group.waitForAll()
        }
    }
}

extension Character {
    fileprivate var isASCIIWord: Bool { isASCII && (isLetter || isNumber) }
}
