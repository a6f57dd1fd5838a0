public import QueuedStorageCore
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage: ResumableStorage {
    public var resumableFrom: Int64 { options.resumableFrom }

    /// How many bytes at the end of a cut upload are sent once more: what a server that crashed had not written yet.
    static let rewrittenByteCount: Int64 = 1 << 20

    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        try await act("resumed", upload.name) {
            let note = UploadNote(try await upload.journal.read())
            let size = try await self.sizeIfThere(self.path(of: upload, note), upload.name)
            guard try await self.server.continuesFiles() else {
                // Whoever appends late would do so behind what is sent now: only what is surely at rest is gone on with.
                if let size, size == note.confirmed { return size }
                if note != UploadNote(nil) { try await self.forget(upload) }
                return 0
            }
            guard let size else { return 0 }
            // What a whole piece came to was confirmed by the server.
            let confirmed = note.confirmed ?? 0
            if size >= confirmed, size - confirmed <= Self.rewrittenByteCount { return confirmed }
            return max(size >= confirmed ? confirmed : 0, size - Self.rewrittenByteCount)
        }
    }

    public func append(
        _ content: FileContent,
        to upload: Upload,
        at offset: Int64,
        options: StoreOptions
    ) async throws -> Int64 {
        try Task.checkCancellation()
        return try await act("appended to", upload.name) {
            var note = UploadNote(try await upload.journal.read())
            let continues = try await self.server.continuesFiles()
            if !continues, offset == 0 { note.part = String(FileName.randomIdentifier().prefix(16)) }
            let path = try await self.path(of: upload, note)
            try await self.makeDirectory(Self.parent(path), for: upload.name)
            let held = offset == 0 ? 0 : try await self.sizeIfThere(path, upload.name) ?? 0
            guard offset == held || (offset < held && continues) else {
                throw StorageError(
                    .failed,
                    name: upload.name,
                    "The upload of \(FileName.quoted(upload.name)) has \(held) bytes, so that none belong at \(offset)."
                )
            }
            if !continues {
                // From here on, nobody can go on with this file but who gets the answer.
                note.confirmed = nil
                try await upload.journal.write(note.text)
            }
            let sent = Sent(content: try await blocking { try content.reader() })
            do {
                let body = TransportRequest.Body.stream(sent.reader, size: sent.reader.size)
                try await self.upload(body, to: path, at: offset, progress: options.progress)
            } catch {
                guard try await self.hasMadeDirectory(of: path, upload.name, after: error) else { throw error }
                throw self.directoryWasGone()
            }
            note.confirmed = try await self.confirm(upload, path, from: offset, sent)
            try await upload.journal.write(note.text)
            return offset + sent.count
        }
    }

    /// Requires the server to have as many bytes as were sent; one that began at the wrong place doesn't have that many.
    ///
    /// - Returns: How many bytes of the upload the server has.
    private func confirm(_ upload: Upload, _ path: String, from offset: Int64, _ sent: Sent) async throws -> Int64 {
        let end = offset + sent.count
        let size = try await sizeIfThere(path, upload.name) ?? 0
        // A connection that wasn't quite dead may have brought more of the same, unless the bytes came behind it.
        let continues = try await server.continuesFiles()
        if size == end || (size > end && continues) { return end }
        // To a server, a line that breaks may look like the end of the content.
        var isBrokenOff = size >= offset && size < end && continues
        if isBrokenOff { isBrokenOff = try await holds(sent, path, from: offset, to: size) }
        if !isBrokenOff { try await forget(upload) }
        throw StorageError(
            .failed,
            name: upload.name,
            """
            The upload of \(FileName.quoted(upload.name)) has \(size) bytes on the FTP server "\(server.address)", and \
            should have \(end); \(isBrokenOff ? "it goes on from there" : "it is sent again from its beginning").
            """
        )
    }

    /// Whether the server has what was sent in the place where it belongs, as far as it has it.
    private func holds(_ sent: Sent, _ path: String, from offset: Int64, to size: Int64) async throws -> Bool {
        let wanted = sent.head.prefix(Int(min(size - offset, Int64(Sent.headSize))))
        guard !wanted.isEmpty else { return true }
        let held = try await server.download(path, from: offset, count: Int64(wanted.count)).collect()
        return held == Array(wanted)
    }

    public func finish(_ upload: Upload, options: StoreOptions) async throws -> StoredObject {
        try FileName.validate(upload.name)
        let resolved = try resolve(upload.name)
        return try await act("stored", upload.name) {
            let path = try await self.path(of: upload, UploadNote(upload.journal.read()))
            guard let size = try await self.sizeIfThere(path, upload.name) else {
                throw StorageError(
                    .notFound,
                    name: upload.name,
                    "The upload \(FileName.quoted(upload.id)) isn't known on the FTP server."
                )
            }
            var stored = StoredObject(name: resolved, size: size)
            do {
                try await self.prove(path, &stored, options)
            } catch let error as StorageError where error.code == .damaged {
                // None of it can be trusted.
                try await self.forget(upload)
                throw error
            }
            try await self.publish(path, size, as: self.path(resolved), upload.name, replacing: options.replaces)
            return stored
        }
    }

    /// Compares an upload's bytes with what they must be, and computes their SHA-256, each where it is wanted.
    private func prove(_ path: String, _ stored: inout StoredObject, _ options: StoreOptions) async throws {
        if let expected = options.expectedSHA256 {
            stored.verifiedBy = try await prove(path, stored.size, progress: options.progress ?? { _ in }) {
                $0 == .sha256 ? Checksum(.sha256, expected) : nil
            }
            stored.sha256 = options.computesSHA256 ? expected : nil
        } else if options.computesSHA256 {
            let known = try await serverChecksum(path, size: stored.size)
            stored.sha256 = known?.algorithm == .sha256 ? known?.value : nil
            if stored.sha256 == nil {
                stored.sha256 = try await server.download(path).reader(size: nil) { $0 }.sha256()
            }
        }
    }

    public func abandon(_ upload: Upload) async throws {
        try await act("abandoned", upload.name) { try await self.forget(upload) }
    }

    private func forget(_ upload: Upload) async throws {
        if try await server.continuesFiles() {
            try await remove(path(of: upload, UploadNote(upload.journal.read())))
        } else {
            let entries = try await entriesIfThere(privatePath("uploads")) ?? []
            for entry in entries where UploadNote.upload(ofFile: entry.name) == upload.id {
                try await remove(privatePath("uploads/\(entry.name)"))
            }
        }
        // What no longer is is as good as unknown, whether or not the journal can still be written.
        try? await upload.journal.write("0")
    }

    private func path(of upload: Upload, _ note: UploadNote) async throws -> String {
        let isFit = { (byte: UInt8) in "-_".utf8.contains(byte) || Character(Unicode.Scalar(byte)).isLetterOrDigit }
        guard !upload.id.isEmpty, upload.id.utf8.count <= 128, upload.id.utf8.allSatisfy(isFit) else {
            throw StorageError(.invalidName, "The upload \(FileName.quoted(upload.id)) isn't an identifier.")
        }
        return try await privatePath("uploads/\(note.file(of: upload.id))")
    }

    /// Removes a file of ours; one that is gone already is removed.
    func remove(_ path: String) async throws {
        let reply = try await server.perform(["DELE \(path)"])[0]
        guard !reply.isPositive, try await entry(path) != nil else { return }
        throw denial(reply)
    }
}

extension Character {
    /// Whether it is one of ASCII's letters and digits.
    var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
