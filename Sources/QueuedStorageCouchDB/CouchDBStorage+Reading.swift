public import QueuedStorageCore
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension CouchDBStorage {
    public func open(_ name: String, range: Range<Int64>?) async throws -> FileReader {
        let failed = couldNot("opened", name)
        // Between the two requests the file may be replaced, and its revision forgotten.
        for _ in 0..<Self.maxConflicts {
            let (document, content) = try await file(name, failed)
            let whole = 0..<content.length
            let wanted = range?.clamped(to: whole) ?? whole
            if wanted.isEmpty, !whole.isEmpty || range != nil { return FileReader([]) }
            if let reader = try await read(document, content, wanted, name, failed) { return reader }
        }
        throw contention(failed, name)
    }

    /// Begins to read an attachment of one revision; nil if the revision is gone.
    private func read(
        _ document: StoredDocument,
        _ content: StoredDocument.Attachment,
        _ wanted: Range<Int64>,
        _ name: String,
        _ failed: String
    ) async throws -> FileReader? {
        let path = "\(DocumentIDs.path(document.id))/\(StoredDocument.attachmentName)?rev="
        var call = Database.Call("GET", path + document.revision.percentEncoded(), headers: ["Accept": "*/*"])
        let isPart = wanted != 0..<content.length
        if isPart { call.headers["Range"] = "bytes=\(wanted.lowerBound)-\(wanted.upperBound - 1)" }
        let response = try await database.send(call, failed, name: name)
        let count = Int64(wanted.count)
        switch response.status {
        case 206 where response.headers["Content-Range"]?.hasPrefix("bytes \(wanted.lowerBound)-") == true:
            return response.body.exactly(count, failed: failed, name: name)
        case 200:
            try refuseAnotherAnswer(response, content, failed, name)
            // Attachments that the server compressed come whole, whatever range was asked for.
            return response.body.exactly(
                count,
                after: wanted.lowerBound,
                isWhole: !isPart,
                failed: failed,
                name: name
            )
        case 404:
            _ = try await Answer(response)
            return nil
        case 200..<300:
            throw StorageError(
                .failed,
                name: name,
                "\(failed): the server \(FileName.quoted(response.host)) answered another range than was asked for."
            )
        default:
            throw try await Answer(response).failure(failed, name: name)
        }
    }

    /// Refuses a page that came in place of the file.
    private func refuseAnotherAnswer(
        _ response: TransportResponse,
        _ content: StoredDocument.Attachment,
        _ failed: String,
        _ name: String
    ) throws {
        let isPage = { (type: String?) in type?.lowercased().hasPrefix("text/html") == true }
        let length = response.info.expectedByteCount
        let isOther =
            length.map { $0 != content.length } ?? false
            || isPage(response.headers["Content-Type"]) && !isPage(content.contentType)
        guard isOther else { return }
        throw StorageError(
            .failed,
            name: name,
            """
            \(failed): the answer of \(FileName.quoted(response.host)) isn't the file; check the address, and whether a \
            proxy answers in the server's place.
            """
        )
    }
}
