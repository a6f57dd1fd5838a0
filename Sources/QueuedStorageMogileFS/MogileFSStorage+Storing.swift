import FoundationEssentials
public import QueuedStorageCore
import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension MogileFSStorage: RetryingStorage {
    /// Content from this size on isn't sent before it is known that the name is free.
    private static let largeSize: Int64 = 64 << 10

    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await store(content, as: name, options: options) { [self] name in
            throw StorageError(.alreadyExists, name: name, "\(couldNot("stored", name)): the name is taken.")
        }
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        var name = try checked(name)
        try Task.checkCancellation()
        if !options.replaces, (content.size ?? .max) >= Self.largeSize {
            while try await exists(name) { name = try checked(try await next(name)) }
        }
        // A node takes bytes whose number it is told, and the next one gets all of them if it fails.
        let content = try await RepeatableContent(content)
        // To close onto a key replaces what has it; to rename never does.
        let key = options.replaces ? name : Self.temporaryKey(options.temporaryTag)
        let (opening, sent) = try await explaining(couldNot("stored", name), name) {
            let opening = try await tracker.open(key, size: content.size)
            return (opening, try await send(content, to: opening.destinations, options.progress))
        }
        let isProven: Bool
        do {
            isProven = try await explaining(couldNot("stored", name), name) {
                try await close(opening, sent, key, size: content.size)
            }
            while !options.replaces, try await !rename(key, to: name, fid: opening.fid) {
                name = try checked(try await next(name))
            }
        } catch {
            if !options.replaces { await discard(key) }
            throw error
        }
        return StoredObject(
            name: name,
            size: content.size,
            sha256: sent.digests.checksum(.sha256).value,
            verifiedBy: isProven ? .md5 : nil
        )
    }

    private func checked(_ name: String) throws -> String {
        try FileName.validate(name)
        let key = try resolve(name)
        guard key.utf8.count <= Self.maxKeyByteCount else {
            throw FileName.refusal(name, "a key of MogileFS has at most \(Self.maxKeyByteCount) bytes")
        }
        return key
    }

    /// A key that nobody else uses; it says when it was made and for what.
    private static func temporaryKey(_ tag: String?) -> String {
        let tag = (tag ?? "").utf8.prefix(80).map { byte -> UInt8 in
            let isPlain = byte < 0x80 && (Unicode.Scalar(byte).properties.isAlphabetic || (48...57).contains(byte))
            return isPlain || byte == UInt8(ascii: "-") ? byte : UInt8(ascii: "-")
        }
        let seconds = Int64(Date().timeIntervalSince1970)
        return "\(temporaryPrefix)\(seconds)_\(String(decoding: tag, as: UTF8.self))_\(FileName.randomIdentifier())"
    }

    /// Where content was sent, and what it was.
    private struct Sent {
        var destination: Tracker.Destination
        var digests: Digests
    }

    /// Sends content to the first place that takes it.
    private func send(
        _ content: RepeatableContent,
        to destinations: [Tracker.Destination],
        _ progress: (@Sendable (Int64) -> Void)?
    ) async throws -> Sent {
        var failures: [StorageError] = []
        for destination in destinations {
            let digests = Shared(Digests(.sha256, .md5))
            let reader = try content.reader()
            let body = FileReader(size: content.size) {
                let next = reader.makeAsyncIterator().read
                return {
                    guard let buffer = try await next() else { return nil }
                    var sums = digests.value
                    sums.update(buffer)
                    digests.value = sums
                    return buffer
                }
            }
            var request = TransportRequest("PUT", destination.path)
            request.body = content.size == 0 ? .none : .stream(body, size: content.size)
            request.progress = progress
            do {
                let answer = try await transport.send(request)
                guard (200..<300).contains(answer.status) else {
                    throw await answer.failure("The storage node didn't take it")
                }
                try await answer.discard()
                progress?(content.size)
                return Sent(destination: destination, digests: digests.value)
            } catch let error as StorageError {
                failures.append(error)
            }
        }
        // One that was reached tells more than one that wasn't.
        let error = failures.first { $0.code != .offline } ?? failures[0]
        throw StorageError(
            // That it has no such place, or doesn't let us write, is the node's fault and no other's.
            [.offline, .timedOut, .throttled, .full].contains(error.code) ? error.code : .failed,
            "of \(destinations.count) storage nodes, none took it. \(failures.map(\.message).joined(separator: " "))",
            retryAfter: error.retryAfter
        )
    }

    /// Gives what was sent its key.
    ///
    /// - Returns: Whether the tracker vouched for the bytes.
    private func close(_ opening: Tracker.Opening, _ sent: Sent, _ key: String, size: Int64) async throws -> Bool {
        let md5 = configuration.verifiesChecksum == false ? nil : sent.digests.checksum(.md5).value
        do {
            return try await tracker.close(opening, at: sent.destination, key, size: size, md5: md5)
        } catch let lost as LostAnswer {
            guard try await tracker.info(key, has: opening.fid) else { throw lost }
            return false
        }
    }

    /// Gives a file its name.
    ///
    /// - Returns: False if the name is taken.
    private func rename(_ key: String, to name: String, fid: String) async throws -> Bool {
        try await explaining(couldNot("stored", name), name) {
            do {
                try await tracker.rename(key, to: name)
                return true
            } catch let lost as LostAnswer {
                guard try await tracker.info(name, has: fid) else { throw lost }
                return true
            } catch let refusal as TrackerRefusal where refusal.code == "key_exists" {
                return false
            }
        }
    }

    /// Deletes a temporary key, also for a task that is cancelled.
    private func discard(_ key: String) async {
        await Task { [tracker] in try? await tracker.delete(key) }.value
    }
}

extension Tracker {
    /// Whether a key has a certain file.
    fileprivate func info(_ key: String, has fid: String) async throws -> Bool {
        do {
            return try await info(key).fid == fid
        } catch let refusal as TrackerRefusal where refusal.code == "unknown_key" {
            return false
        }
    }
}
