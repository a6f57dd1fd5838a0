public import QueuedStorageCore
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension FTPStorage: ResumableStorage {
    public var resumableFrom: Int64 { options.resumableFrom }

    /// How many bytes at the end of a cut upload are sent once more: what a server that crashed had not written yet.
    static let rewrittenByteCount: Int64 = 1 << 20

    public func uploadedByteCount(_ upload: Upload) async throws -> Int64 {
        try await act("resumed", upload.name) {
            guard let size = try await self.entry(self.path(of: upload))?.size else { return 0 }
            // What a whole piece came to was confirmed by the server.
            let confirmed = try await upload.journal.read().flatMap { Int64($0) } ?? 0
            // Without REST there is no way but to go on behind what is there.
            guard try await self.server.continuesFiles() else { return size }
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
            let path = try await self.path(of: upload)
            try await self.makeDirectory(Self.parent(path), for: upload.name)
            let held = offset == 0 ? 0 : try await self.entry(path)?.size ?? 0
            let continues = try await self.server.continuesFiles()
            guard offset == held || offset == 0 || (offset < held && continues) else {
                throw StorageError(
                    .failed,
                    name: upload.name,
                    "The upload of \(FileName.quoted(upload.name)) has \(held) bytes, so that none belong at \(offset)."
                )
            }
            let sent = Sent(content: try await blocking { try content.reader() })
            try await self.upload(
                .stream(sent.reader, size: sent.reader.size),
                to: path,
                at: offset,
                progress: options.progress
            )
            return try await self.confirm(upload, path, from: offset, sent)
        }
    }

    /// Notes how many bytes the server has; a server that began at the wrong place doesn't have that many.
    private func confirm(_ upload: Upload, _ path: String, from offset: Int64, _ sent: Sent) async throws -> Int64 {
        let end = offset + sent.count
        let size = try await entry(path)?.size ?? 0
        // A connection that wasn't quite dead may have brought more of the same, unless the bytes came behind it.
        let continues = try await server.continuesFiles()
        if size == end || (size > end && continues) {
            try await upload.journal.write("\(end)")
            return end
        }
        // To a server, a line that breaks may look like the end of the content.
        var isBrokenOff = size >= offset && size < end && continues
        if isBrokenOff { isBrokenOff = try await holds(sent, path, from: offset, to: size) }
        if !isBrokenOff { try await abandon(upload) }
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
            let path = try await self.path(of: upload)
            guard let size = try await self.entry(path)?.size else {
                throw StorageError(
                    .notFound,
                    name: upload.name,
                    "The upload \(FileName.quoted(upload.id)) isn't known on the FTP server."
                )
            }
            var sha256: String?
            if options.computesSHA256 {
                let known = try await self.serverChecksum(path, size: size)
                sha256 = known?.algorithm == .sha256 ? known?.value : nil
                if sha256 == nil {
                    sha256 = try await self.server.download(path).reader(size: nil) { $0 }.sha256()
                }
            }
            try await self.publish(
                path,
                size,
                as: self.path(resolved),
                upload.name,
                replacing: options.replaces
            )
            return StoredObject(name: resolved, size: size, sha256: sha256)
        }
    }

    public func abandon(_ upload: Upload) async throws {
        try await act("abandoned", upload.name) {
            // What the journal says of it holds for the same bytes sent again.
            try await self.remove(self.path(of: upload))
        }
    }

    private func path(of upload: Upload) async throws -> String {
        let isFit = { (byte: UInt8) in "-_".utf8.contains(byte) || Character(Unicode.Scalar(byte)).isLetterOrDigit }
        guard !upload.id.isEmpty, upload.id.utf8.count <= 128, upload.id.utf8.allSatisfy(isFit) else {
            throw StorageError(.invalidName, "The upload \(FileName.quoted(upload.id)) isn't an identifier.")
        }
        return try await privatePath("uploads/\(upload.id)")
    }

    /// Removes a file of ours; one that is gone already is removed.
    func remove(_ path: String) async throws {
        let reply = try await server.perform(["DELE \(path)"])[0]
        guard !reply.isPositive, try await entry(path) != nil else { return }
        throw denial(reply)
    }
}

/// Content that counts what was read of it, and keeps its beginning.
private struct Sent: Sendable {
    static let headSize = 64 << 10
    let reader: FileReader
    private let counted = Shared(Int64(0))
    private let kept = Shared<[UInt8]>([])

    /// How many bytes were read.
    var count: Int64 { counted.value }
    /// The first bytes that were read.
    var head: [UInt8] { kept.value }

    init(content: FileReader) {
        let (counted, kept) = (counted, kept)
        reader = FileReader(size: content.size) {
            let next = content.makeAsyncIterator().read
            return {
                guard let buffer = try await next() else { return nil }
                counted.value += Int64(buffer.count)
                if kept.value.count < Self.headSize { kept.value += buffer.prefix(Self.headSize - kept.value.count) }
                return buffer
            }
        }
    }
}

extension Character {
    /// Whether it is one of ASCII's letters and digits.
    var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
