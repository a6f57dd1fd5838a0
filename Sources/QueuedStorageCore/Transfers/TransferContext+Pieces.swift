import Synchronization

extension TransferContext {
    /// Sends the file so that an attempt that is cut leaves what it sent to the next one.
    ///
    /// What the remote holds already is read here once more, for the checksum of the whole; it isn't sent again.
    func sendInPieces(to remote: any ResumableStorage, as name: String) async throws -> StoredObject {
        let upload = try await journal.upload(as: name)
        let content = try await content()
        while true {
            let held = try await remote.uploadedByteCount(upload)
            guard held <= file.size else {
                // Nothing of ours is longer than the file.
                try await remote.abandon(upload)
                continue
            }
            // Better now than after a long way.
            if held == 0, try await remote.exists(name) {
                throw StorageError(.alreadyExists, name: file.name, "something has the name \"\(name)\" on the remote")
            }
            let hash = RunningHash()
            try await hash.note(content.reader(range: 0..<held)) { self.report(byteCount: $0) }
            var end = held
            if held < file.size {
                let rest = hash.noting(try content.reader(range: held..<file.size))
                end = try await remote.append(rest, to: upload, at: held, options: storeOptions(after: held))
            }
            if end == file.size { return try await finish(upload, of: remote, sha256: hash.value) }
            // A storage may take a part of what it is handed; one that takes nothing at all is out of order.
            guard end > held else {
                throw StorageError(
                    .failed,
                    name: file.name,
                    "the remote took none of the bytes of \"\(file.name)\" from byte \(held); it is tried again"
                )
            }
        }
    }

    private func finish(
        _ upload: Upload,
        of remote: any ResumableStorage,
        sha256: String
    ) async throws -> StoredObject {
        guard file.sha256 == nil || sha256 == file.sha256 else {
            try await remote.abandon(upload)
            throw localDamage(size: file.size, sha256: sha256)
        }
        var options = storeOptions(after: 0)
        options.computesSHA256 = false
        options.expectedSHA256 = sha256
        var stored = try await remote.finish(upload, options: options)
        guard stored.size == file.size else {
            try? await remote.delete(stored.name)
            throw StorageError(
                .damaged,
                name: file.name,
                "the remote made \(stored.size) bytes of the \(file.size) bytes of \"\(file.name)\"; it is sent again"
            )
        }
        stored.sha256 = sha256
        return stored
    }
}

/// The SHA-256 of bytes that several readers bring, one after the other.
private final class RunningHash: Sendable {
    private let state = Mutex(FileHash())

    var value: String { state.withLock { $0.value } }

    /// Takes all that a reader brings.
    func note(_ reader: FileReader, progress: (Int64) -> Void) async throws {
        var byteCount: Int64 = 0
        for try await buffer in reader {
            try Task.checkCancellation()
            state.withLock { $0.update(buffer) }
            byteCount += Int64(buffer.count)
            progress(byteCount)
        }
    }

    /// The same bytes, noted as they are read.
    func noting(_ reader: FileReader) -> FileContent {
        let noting = FileReader(size: reader.size) {
            let next = reader.makeAsyncIterator().read
            return {
                let buffer = try await next()
                if let buffer { self.state.withLock { $0.update(buffer) } }
                return buffer
            }
        }
        return FileContent(.stream(noting))
    }
}
