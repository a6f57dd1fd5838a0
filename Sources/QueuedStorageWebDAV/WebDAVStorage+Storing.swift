internal import FoundationEssentials
public import QueuedStorageCore
internal import QueuedStorageTransport

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: RetryingStorage {
    public func store(_ content: FileContent, as name: String, options: StoreOptions) async throws -> StoredObject {
        try await storeFirstFree(content, name, options, next: nil)
    }

    package func store(
        _ content: FileContent,
        as name: String,
        options: StoreOptions,
        whenTaken next: @Sendable (String) async throws -> String
    ) async throws -> StoredObject {
        try await withoutActuallyEscaping(next) { try await storeFirstFree(content, name, options, next: $0) }
    }

    private func storeFirstFree(
        _ content: FileContent,
        _ name: String,
        _ options: StoreOptions,
        next: (@Sendable (String) async throws -> String)?
    ) async throws -> StoredObject {
        try FileName.validate(name)
        try Task.checkCancellation()
        try await refuseEarly(name, content, options)
        let sent = try await send(content, for: name, options)
        var name = name
        while true {
            do {
                let target = name
                // A task that is cancelled now would not know whether the file has its name.
                let final = try await Task { try await publish(sent, as: target, replacing: options.replaces) }.value
                return StoredObject(
                    name: final,
                    size: sent.size,
                    sha256: options.computesSHA256 ? sent.sha256 : nil,
                    verifiedBy: sent.verifiedBy
                )
            } catch let error as StorageError where error.code == .alreadyExists && next != nil {
                do {
                    name = try await next?(name) ?? name
                } catch {
                    await remove(sent.place)
                    throw error
                }
            } catch {
                await remove(sent.place)
                throw error
            }
        }
    }

    /// Asks whether a name is free before a large content is sent in vain, and whether what is replaced is a file.
    private func refuseEarly(_ name: String, _ content: FileContent, _ options: StoreOptions) async throws {
        if !options.replaces, let size = content.size, size < FileReader.bufferSize { return }
        let components = try fileComponents(name, "stored")
        let failed = "The file \(FileName.quoted(name)) couldn't be stored"
        guard let found = try await resource(components, name: name, failed: failed) else { return }
        if !options.replaces { throw couldNot("stored", name, .alreadyExists, "the name is taken") }
        // A server that was told to replace a directory would delete all that is in it.
        if found.isDirectory { throw couldNot("stored", name, .isDirectory, "it is a directory") }
    }
}

// MARK: - Sending

extension WebDAVStorage {
    /// Where temporary files are.
    static let temporaries = [FileName.privateComponent, "tmp"]

    /// Sends content to a temporary name, and looks at what arrived.
    private func send(_ content: FileContent, for name: String, _ options: StoreOptions) async throws -> SentFile {
        let failed = "The file \(FileName.quoted(name)) couldn't be stored"
        let reader = try await reader(of: content, name)
        try await directories.make(Self.temporaries, failed: failed)
        try await habits.check(try fileComponents(name, "stored"), name, in: self)
        let tag = options.temporaryTag.map { $0 + "-" } ?? ""
        let place = Self.temporaries + [tag + FileName.randomIdentifier()]
        let witness = Witness(computesMD5: offersMD5.value)
        do {
            let answer = try await client.send(
                "PUT",
                place,
                // Nextcloud answers with a checksum of what it received.
                headers: [
                    "X-Hash": "sha256",
                    "Content-Type": content.contentType ?? options.contentType ?? "application/octet-stream",
                ],
                body: .stream(witness.watching(reader), size: reader.size),
                progress: options.progress
            )
            guard [200, 201, 204].contains(answer.status), !answer.isPage else {
                if [404, 409].contains(answer.status) { directories.forget(Self.temporaries) }
                throw await refusal(answer, failed, name)
            }
            try await answer.discard()
            return try await verified(place, witness, answer.headers["X-Hash-SHA256"], name: name, failed: failed)
        } catch {
            // A server that can't be reached would keep us waiting once more.
            if (error as? StorageError)?.code != .offline { await remove(place) }
            throw error
        }
    }

    /// Begins to read content whose size is known: servers behind gateways take content of unknown size for empty.
    private func reader(of content: FileContent, _ name: String) async throws -> FileReader {
        let reader: FileReader
        do {
            reader = try await blocking { try content.reader() }
        } catch {
            throw StorageError.couldNot("read", name, error)
        }
        guard reader.size == nil else { return reader }
        let file = try await blocking { try OpenFile.unnamedTemporary() }
        var size: Int64 = 0
        for try await buffer in reader {
            let offset = size
            try await blocking { try buffer.withUnsafeBytes { try file.write($0, at: offset) } }
            size += Int64(buffer.count)
        }
        return try await blocking { try FileContent(.open(file)).reader() }
    }

    /// Compares what arrived with what was sent.
    private func verified(
        _ place: [String],
        _ witness: Witness,
        _ answered: String?,
        name: String,
        failed: String
    ) async throws -> SentFile {
        var sent = SentFile(place: place, size: witness.size, sha256: witness.checksum(.sha256)?.value ?? "")
        var theirs = answered.map { Checksum(.sha256, $0) }
        if theirs == nil {
            guard let found = try await resource(place, name: name, failed: failed) else {
                throw StorageError(.failed, name: name, "\(failed): the server lost it after it was sent.")
            }
            if let size = found.size, size != sent.size {
                throw StorageError(
                    .damaged,
                    name: name,
                    "\(failed): \(sent.size) bytes were sent, and the server has \(size)."
                )
            }
            theirs = found.checksum
            if theirs?.algorithm == .md5 { offersMD5.value = true }
        }
        if let theirs, let ours = witness.checksum(theirs.algorithm) {
            guard theirs == ours else {
                throw StorageError(
                    .damaged,
                    name: name,
                    "\(failed): the server computed another \(theirs.algorithm) checksum than we did."
                )
            }
            sent.verifiedBy = theirs.algorithm
        }
        return sent
    }

    /// Removes a file that was given up, as far as that is possible, even if the task was cancelled.
    private func remove(_ place: [String]) async {
        let client = client
        _ = await Task { try? await client.send("DELETE", place).discard() }.value
    }
}

// MARK: - Publishing

extension WebDAVStorage {
    /// Gives a file its name.
    ///
    /// - Returns: The name.
    private func publish(_ sent: SentFile, as name: String, replacing: Bool) async throws -> String {
        let target = try fileComponents(name, "stored")
        let parent = Array(target.dropLast())
        let final = target.joined(separator: "/")
        let failed = "The file \(FileName.quoted(name)) couldn't be stored"
        return try await publishing.pass(final) {
            try await habits.check(target, name, in: self)
            try await directories.make(parent, failed: failed)
            var isSecondTry = false
            while true {
                let (isThere, answer) = try await move(sent, to: target, replacing: replacing, name: name)
                if isThere { return final }
                guard let answer else { break }
                if answer.status == 412 {
                    try? await answer.discard()
                    throw couldNot("stored", name, .alreadyExists, "the name is taken")
                }
                guard [403, 404, 405, 409, 500].contains(answer.status), !isSecondTry else {
                    throw await refusal(answer, failed, name)
                }
                // Somebody may have removed the directory meanwhile.
                try? await answer.discard()
                isSecondTry = true
                try await remake(parent, target, name: name, replacing: replacing, failed: failed)
            }
            throw couldNot("stored", name, .failed, "the server lost it")
        }
    }

    /// Asks the server to rename.
    ///
    /// - Returns: Whether the file has its name, and the answer if not.
    private func move(
        _ sent: SentFile,
        to target: [String],
        replacing: Bool,
        name: String
    ) async throws -> (Bool, TransportResponse?) {
        let headers: HeaderFields = ["Destination": client.url(target), "Overwrite": replacing ? "T" : "F"]
        do {
            let answer = try await client.send("MOVE", sent.place, headers: headers)
            switch answer.status {
            case 201, 204:
                try await answer.discard()
                return (true, nil)
            case 404: return try await isPublished(sent, target, name) ? (true, nil) : (false, answer)
            default: return (false, answer)
            }
        } catch let error as StorageError where error.code != .alreadyExists {
            // The answer was lost, but perhaps not the request.
            guard (try? await isPublished(sent, target, name)) == true else { throw error }
            return (true, nil)
        }
    }

    /// Whether a file has left its temporary name for the other one, by its bytes.
    private func isPublished(_ sent: SentFile, _ target: [String], _ name: String) async throws -> Bool {
        let failed = "The file \(FileName.quoted(name)) couldn't be stored"
        guard try await resource(sent.place, name: name, failed: failed) == nil,
            let found = try await resource(target, name: name, failed: failed),
            !found.isDirectory, found.size == sent.size
        else { return false }
        let answer = try await client.send("GET", target)
        guard answer.status == 200 else { return false }
        return try await answer.body.sha256() == sent.sha256
    }

    /// Makes the directory of a name again, or says what is in the way.
    private func remake(
        _ parent: [String],
        _ target: [String],
        name: String,
        replacing: Bool,
        failed: String
    ) async throws {
        if let found = try await resource(target, name: name, failed: failed), !replacing || found.isDirectory {
            let code: StorageError.Code = replacing ? .isDirectory : .alreadyExists
            throw couldNot("stored", name, code, replacing ? "it is a directory" : "the name is taken")
        }
        for count in stride(from: 1, through: parent.count, by: 1) {
            let found = try await resource(Array(parent.prefix(count)), name: name, failed: failed)
            if found?.isDirectory == false {
                throw couldNot("stored", name, .notADirectory, "a file stands where its directory should be")
            }
        }
        directories.forget(parent)
        try await directories.make(parent, failed: failed)
    }
}

// MARK: - Deleting and copying

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: CopyingStorage {
    public func delete(_ name: String) async throws {
        guard name != "" else { throw FileName.refusal(name, "a file's name must be given to delete it") }
        let components = try fileComponents(name, "deleted")
        let failed = "The file \(FileName.quoted(name)) couldn't be deleted"
        // Servers delete a directory with all that is in it.
        guard let found = try await resource(components, name: name, failed: failed) else { return }
        if found.isDirectory {
            let inside = try await resources(in: components, name: name, failed: failed) ?? []
            guard inside.allSatisfy({ client.child($0.href, of: components)?.isEmpty ?? true }) else {
                throw couldNot("deleted", name, .isDirectory, "it is a directory and not empty")
            }
            directories.forget(components)
        }
        let answer = try await client.send("DELETE", components, isDirectory: found.isDirectory)
        guard [200, 204, 404, 410].contains(answer.status), !answer.isPage || answer.status > 299 else {
            throw await refusal(answer, failed, name)
        }
        try await answer.discard()
    }

    public func copy(_ source: String, to destination: String) async throws {
        try FileName.validate(destination)
        let found = try await file(source, "copied")
        let failed = "The file \(FileName.quoted(source)) couldn't be copied"
        try await directories.make(Self.temporaries, failed: failed)
        let place = Self.temporaries + [FileName.randomIdentifier()]
        let headers: HeaderFields = ["Destination": client.url(place), "Overwrite": "F", "Depth": "0"]
        do {
            let answer = try await client.send("COPY", try fileComponents(source, "copied"), headers: headers)
            guard [201, 204].contains(answer.status) else {
                if answer.status == 409 { directories.forget(Self.temporaries) }
                throw await refusal(answer, failed, source)
            }
            try await answer.discard()
            guard let copy = try await resource(place, name: source, failed: failed), copy.size == found.size else {
                throw couldNot("copied", source, .damaged, "the copy has another size")
            }
            let sent = SentFile(place: place, size: copy.size ?? 0, sha256: "")
            _ = try await publish(sent, as: destination, replacing: false)
        } catch {
            await remove(place)
            throw error
        }
    }
}

// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension WebDAVStorage: LeftoverStorage {
    public func leftovers() async throws -> [Leftover] {
        let failed = "The temporary files couldn't be listed"
        let resources = try await resources(in: Self.temporaries, name: "", failed: failed) ?? []
        return resources.compactMap { resource in
            guard let id = client.child(resource.href, of: Self.temporaries), !id.isEmpty, !resource.isDirectory else {
                return nil
            }
            return Leftover(
                id: id,
                purpose: "a temporary file",
                byteCount: resource.size,
                touchedAt: resource.modifiedAt
            )
        }
    }

    public func remove(_ leftover: Leftover) async throws {
        try FileName.validate(leftover.id, allowsDirectories: false)
        let answer = try await client.send("DELETE", Self.temporaries + [leftover.id])
        guard [200, 204, 404, 410].contains(answer.status) else {
            throw await refusal(answer, "The temporary file \(FileName.quoted(leftover.id)) couldn't be removed", "")
        }
        try await answer.discard()
    }
}

extension TransportResponse {
    /// Whether a success comes with a page, as from a proxy that wants something else; WebDAV's own come with 201.
    fileprivate var isPage: Bool { status == 200 && headers["Content-Type"]?.lowercased().contains("html") == true }
}
