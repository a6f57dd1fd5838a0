internal import CLinux
public import QueuedStorageCore
import Synchronization

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SFTPStorage: ResumableStorage {
    /// 8 MiB; nothing is, once the server has shown that it empties every file that is opened to be written.
    public var resumableFrom: Int64 { knowledge.withLock { $0.emptiesFiles } ? .max : 8 << 20 }

    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        let path = try uploadPath(upload)
        let record = try await upload.journal.read().flatMap { UploadRecord($0) }
        return try await act("resumed", upload.name) { lease in
            let connection = lease.connection
            // By opening it: servers that empty a file then show it here.
            guard let size = try await sizeToAppend(path, connection) else { return 0 }
            guard let record, size >= record.durableByteCount else {
                if record.map({ $0.durableByteCount > 0 }) ?? false, size == 0 {
                    knowledge.withLock { $0.emptiesFiles = true }
                }
                // Nobody knows what that is.
                try await connection.remove(path).done()
                return 0
            }
            if size == record.durableByteCount { return size }
            let held = try await verifiedByteCount(path, record, size: size, lease)
            try await upload.journal.write(UploadRecord(durableByteCount: held).text)
            return held
        }
    }

    private func sizeToAppend(_ path: String, _ connection: Connection) async throws -> Int64? {
        do {
            let handle = try await connection.open(path, .write).handle
            let status = connection.status(of: handle)
            let closing = connection.close(handle)
            let size = try await status.attributes.size
            // Servers that cache confuse a file that is removed while it is open with the next one of its name.
            try await closing.doneWhateverHappens()
            return size.map { Int64(clamping: $0) }
        } catch let status as Status where status.isNoSuchFile {
            return nil
        }
    }

    /// Reads back what was sent since the last sync, keeps what is right of it, and syncs that.
    private func verifiedByteCount(
        _ path: String,
        _ record: UploadRecord,
        size: Int64,
        _ lease: Lease
    ) async throws -> Int64 {
        let connection = lease.connection
        var held = record.durableByteCount
        for sum in record.sums {
            let end = held + UploadRecord.blockByteCount
            guard end <= size, try await self.sum(of: held..<end, path, lease) == sum else { break }
            held = end
        }
        let handle = try await connection.open(path, .write).handle
        let cut = connection.set(FileAttributes(size: UInt64(held)), of: handle)
        let sync = connection.features.syncsFiles ? connection.sync(handle) : nil
        connection.forget(handle)
        try await cut.doneWhateverHappens()
        try await sync?.doneWhateverHappens()
        return held
    }

    private func sum(of range: Range<Int64>, _ path: String, _ lease: Lease) async throws -> UInt32 {
        let file = OpenedFile(lease, try await lease.connection.open(path, .read).handle)
        let download = Download(file, from: range.lowerBound, wanted: range.count) { $0 }
        download.setEnd(range.upperBound)
        var sum: UInt32 = 0
        while let bytes = try await download.next() { sum = clinux_crc32c(sum, bytes, bytes.count) }
        return sum
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        let path = try uploadPath(upload)
        guard knowledge.withLock({ $0.appending.insert(upload.id).inserted }) else {
            throw error(.failed, "appended to", upload.name, "it is being written by somebody else")
        }
        defer { _ = knowledge.withLock { $0.appending.remove(upload.id) } }
        let reader = try await blocking { try content.reader() }
        return try await act("appended to", upload.name) { lease in
            let connection = lease.connection
            let flags: OpenFlags = offset == 0 ? [.write, .create] : .write
            let handle = try await inPrivateFolder("uploads", connection) {
                try await connection.open(path, flags, fileAttributes).handle
            }
            do {
                guard try await connection.status(of: handle).attributes.size == UInt64(offset) else {
                    throw error(.failed, "appended to", upload.name, "it doesn't end at byte \(offset)")
                }
            } catch {
                connection.forget(handle)
                throw error
            }
            return try await send(reader, to: handle, upload, at: offset, options, connection)
        }
    }

    private func send(
        _ reader: FileReader,
        to handle: Handle,
        _ upload: Upload,
        at offset: Int64,
        _ options: StoreOptions,
        _ connection: Connection
    ) async throws -> Int64 {
        let upstream = Upstream(connection, handle, progress: options.progress)
        let keeper = UploadKeeper(upload.journal, from: offset)
        var end = offset
        do {
            // Before the first byte: what lies there without a word of it here is nobody's.
            try await keeper.begin()
            for try await buffer in reader {
                try Task.checkCancellation()
                try await upstream.write(buffer, at: end)
                end += Int64(buffer.count)
                if keeper.note(buffer) {
                    if connection.features.syncsFiles {
                        try await upstream.drain()
                        try await connection.sync(handle).done()
                    }
                    try await keeper.synced(upTo: end)
                }
            }
        } catch {
            await keeper.end()
            connection.forget(handle)
            throw await explained(error, connection)
        }
        await keeper.end()
        try await complete(handle, upstream, connection)
        try await keeper.synced(upTo: end)
        return end
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try FileName.validate(upload.name)
        let path = try uploadPath(upload)
        return try await act("stored", upload.name) { lease in
            let connection = lease.connection
            let name = try relativeName(upload.name)
            guard let size = try await find(path, connection)?.size else {
                throw error(.notFound, "stored", name, "the upload \(FileName.quoted(upload.id)) isn't known")
            }
            guard try await publish(path, as: name, replaces: options.replaces, connection) else {
                throw error(.alreadyExists, "stored", name, "the name is taken")
            }
            return StoredObject(name: name, size: Int64(clamping: size))
        }
    }

    public func abandon(_ upload: Upload) async throws {
        let path = try uploadPath(upload)
        try await act("abandoned", upload.name, repeats: true) { lease in
            do {
                try await lease.connection.remove(path).done()
            } catch let status as Status where status.isNoSuchFile {
                // It is forgotten already.
            }
        }
    }

    private func uploadPath(_ upload: Upload) throws -> String {
        let isPlain = upload.id.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isPlain, !upload.id.isEmpty, upload.id.utf8.count <= 200 else {
            throw FileName.refusal(upload.id, "an upload has ASCII letters, digits, - and _")
        }
        return privatePath("uploads", upload.id)
    }
}
