internal import FoundationEssentials
internal import QueuedStorageCore
internal import QueuedStorageTransport
internal import Synchronization

extension S3Storage {
    /// The most parts that an object may have.
    ///
    /// Source: Amazon S3 User Guide, "Amazon S3 multipart upload limits".
    static let maxPartCount = 10_000
    /// The smallest part that another one may follow.
    static let minPartSize: Int64 = 5 << 20
    /// How much of a file waits in memory for being sent, at most, unless one part alone is larger.
    private static let window: Int64 = 64 << 20

    /// Stores content in parts, as an upload that isn't gone on with if it fails.
    func storeInParts(
        _ source: inout PartReader,
        as name: String,
        _ headers: [(name: String, value: String)],
        _ options: StoreOptions
    ) async throws -> StoredObject {
        let key = try location.key(name)
        let uploadID = try await begin(key, name, headers)
        do {
            var hash = options.computesSHA256 ? FileHash() : nil
            var sent: [SentPart] = []
            try await send(&source, uploadID, key, name, from: 1, known: [:], options, &hash) { sent.append($0) }
            var stored = try await complete(uploadID, key, name, sent, replaces: options.replaces)
            stored.sha256 = hash?.value
            return stored
        } catch {
            // Also when the task was cancelled: an upload that nobody will end is removed.
            await Task { try? await self.abort(uploadID, key, name) }.value
            throw error
        }
    }

    /// Begins an upload.
    ///
    /// - Returns: The server's identifier of it.
    func begin(_ key: String, _ name: String, _ headers: [(name: String, value: String)]) async throws -> String {
        let request = S3Request(
            "POST",
            key,
            verb: "stored",
            name: name,
            query: [("uploads", "")],
            headers: headers
        )
        guard let id = try await client.document(request)["UploadId"]?.text, id != "" else {
            throw StorageError(.failed, name: name, "The server began an upload without telling its identifier.")
        }
        return id
    }

    /// Sends parts from a number on, several at once.
    ///
    /// Parts that the server has (`known`) aren't sent again where the bytes are the same. `hash` takes all bytes, in
    /// order; `note` takes each part that the server has now, one after the other, in no order.
    func send(
        _ source: inout PartReader,
        _ uploadID: String,
        _ key: String,
        _ name: String,
        from number: Int,
        known: [Int: SentPart],
        _ options: StoreOptions,
        _ hash: inout FileHash?,
        note: (SentPart) async throws -> Void
    ) async throws {
        let progress = PartProgress(options.progress)
        var number = number
        var size = partSize(source.remaining, from: number)
        try await withThrowingTaskGroup(of: SentPart.self) { group in
            var running = 0
            var failure: (any Error)?
            while failure == nil {
                do {
                    guard let bytes = try await source.part(of: Int(size)) else { break }
                    guard number <= Self.maxPartCount else { throw tooManyParts(name) }
                    hash?.update(bytes)
                    let part = number
                    group.addTask {
                        try await self.send(bytes, part, uploadID, key, name, known: known[part], progress)
                    }
                    running += 1
                    number += 1
                } catch {
                    failure = error
                }
                let width = max(1, min(self.options.parallelParts, Int(Self.window / size)))
                while running >= width, failure == nil, let done = await group.nextResult() {
                    running -= 1
                    do { try await note(done.get()) } catch { failure = error }
                }
                if source.remaining == nil { size = partSize(nil, from: number) }
            }
            // Parts that are under way still count, whatever ended the others; who was cancelled doesn't wait for them.
            if Task.isCancelled { group.cancelAll() }
            while let done = await group.nextResult() {
                do { try await note(done.get()) } catch { failure = failure ?? error }
            }
            if let failure { throw failure }
        }
    }

    private func tooManyParts(_ name: String) -> StorageError {
        StorageError(
            .notSupported,
            name: name,
            "The file \(FileName.quoted(name)) has more than \(Self.maxPartCount) parts; give its size, or larger parts."
        )
    }

    /// The size of the parts of what is still to be sent.
    private func partSize(_ remaining: Int64?, from number: Int) -> Int64 {
        guard let remaining else {
            // Nobody knows how much comes: parts grow, so that there is always room for as much again.
            return min(options.partSize << ((number - 1) / 1000), 5 << 30)
        }
        let count = Int64(max(1, Self.maxPartCount - number + 1))
        let least = (remaining + count - 1) / count
        let step: Int64 = 1 << 20
        return max(options.partSize, (least + step - 1) / step * step)
    }

    private func send(
        _ bytes: [UInt8],
        _ number: Int,
        _ uploadID: String,
        _ key: String,
        _ name: String,
        known: SentPart?,
        _ progress: PartProgress
    ) async throws -> SentPart {
        let seal = ContentSeal(bytes, nil)
        let md5 = seal.md5.hexadecimal
        if let known, known.size == bytes.count, known.md5 == md5 {
            progress.report(Int64(bytes.count), of: number)
            return known
        }
        var request = S3Request(
            "PUT",
            key,
            verb: "stored",
            name: name,
            query: [("partNumber", String(number)), ("uploadId", uploadID)],
            headers: seal.headers
        )
        request.body = bytes
        request.payloadHash = seal.sha256.hexadecimal
        request.expectsETag = true
        request.progress = { progress.report($0, of: number) }
        let response = try await client.send(request)
        if let theirs = S3Description.md5(of: response.headers), theirs != md5 {
            throw StorageError(
                .damaged,
                name: name,
                """
                Part \(number) of the file \(FileName.quoted(name)) was damaged on its way to the bucket "\(bucket)": its \
                MD5 is \(theirs) there, and \(md5) here. It is sent again.
                """
            )
        }
        progress.report(Int64(bytes.count), of: number)
        return SentPart(number: number, size: Int64(bytes.count), md5: md5, etag: response.etag ?? md5)
    }

    /// Makes one object of the parts.
    func complete(
        _ uploadID: String,
        _ key: String,
        _ name: String,
        _ parts: [SentPart],
        replaces: Bool
    ) async throws -> StoredObject {
        let parts = parts.sorted { $0.number < $1.number }
        let size = parts.reduce(0) { $0 + $1.size }
        var request = S3Request("POST", key, verb: "stored", name: name, query: [("uploadId", uploadID)])
        if !replaces {
            // Some servers know conditions for whole objects only; looking is cheap beside the parts.
            if try await head(key, name, verb: "stored") != nil { throw taken(name) }
            if try await refusesOverwrites() { request.headers.append(("if-none-match", "*")) }
        }
        var body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        for part in parts {
            body += "<Part><PartNumber>\(part.number)</PartNumber><ETag>&quot;\(part.etag)&quot;</ETag></Part>"
        }
        request.body = Array((body + "</CompleteMultipartUpload>").utf8)
        request.headers.append(("content-type", "application/xml"))
        let expected = Self.tag(of: parts)
        let etag: String
        do {
            etag = unquoted(try await client.document(request)["ETag"]?.text ?? "")
        } catch let error as StorageError where error.code == .alreadyExists {
            throw taken(name)
        } catch let error as StorageError where error.code == .notFound {
            // An earlier try that was cut may have arrived all the same.
            guard let found = try await head(key, name, verb: "stored"), found.etag == expected, found.size == size
            else { throw error }
            etag = found.etag
        }
        guard etag == expected || !Self.isTag(etag, of: parts.count) || parts.contains(where: { $0.etag != $0.md5 })
        else { throw try await damage(name, etag, expected) }
        var stored = StoredObject(name: name, size: size)
        if etag == expected {
            stored.verifiedBy = .md5
        } else if let found = try await head(key, name, verb: "verified") {
            stored.size = found.size
        }
        return stored
    }

    /// Forgets an upload and its parts.
    func abort(_ uploadID: String, _ key: String, _ name: String?) async throws {
        let request = S3Request("DELETE", key, verb: "abandoned", name: name, query: [("uploadId", uploadID)])
        do {
            _ = try await client.send(request)
        } catch let error as StorageError where error.code == .notFound {
            // It is forgotten already.
        }
    }

    /// The tag that an object of parts has: the MD5 of the parts' MD5s, and their number.
    private static func tag(of parts: [SentPart]) -> String {
        var digests = Digests(.md5)
        for part in parts { digests.update(bytes(part.md5)) }
        return "\(digests.bytes(.md5).hexadecimal)-\(parts.count)"
    }

    private static func isTag(_ etag: String, of count: Int) -> Bool {
        etag.hasSuffix("-\(count)") && S3Description.isMD5(String(etag.prefix(32)))
            && etag.utf8.count == 33 + String(count).utf8.count
    }

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.compactMap { $0.hexDigitValue.map { UInt8($0) } }
        return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}

/// How far the parts of a file are, in sum.
private final class PartProgress: Sendable {
    private struct State {
        var counts: [Int: Int64] = [:]
        var sum: Int64 = 0
    }

    private let state = Mutex(State())
    private let tell: (@Sendable (Int64) -> Void)?

    init(_ tell: (@Sendable (Int64) -> Void)?) { self.tell = tell }

    func report(_ count: Int64, of part: Int) {
        guard let tell else { return }
        tell(
            state.withLock { state in
                state.sum += count - (state.counts.updateValue(count, forKey: part) ?? 0)
                return state.sum
            }
        )
    }
}
